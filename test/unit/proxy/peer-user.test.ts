import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isOurListener, peerUsers } from "../../../src/proxy/peer-user.js";
import { deferred } from "../../support/deferred.js";

const us = process.geteuid?.() ?? 0;
const header =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const connection = {
  ...{ localAddress: "127.0.0.1", localPort: 8484, remoteAddress: "127.0.0.1", remotePort: 50_000 },
};
const v6 = { ...connection, localAddress: "::1", remoteAddress: "::1" };
const ends4 = "0100007F:C350 0100007F:2124";
const ends6 = "00000000000000000000000001000000:C350 00000000000000000000000001000000:2124";
const mapped = "0000000000000000FFFF00000100007F:C350 0000000000000000FFFF00000100007F:2124";

/** A line as Linux writes it. */
function line(ends: string, { uid = us, inode = 4711, state = "01" } = {}): string {
  const user = String(uid).padStart(5);
  return `  12: ${ends} ${state} 00000000:00000000 00:00000000 00000000 ${user}        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`;
}

/** Returns the check with these lists, which also counts how often each is read. */
function withTables(tables: { readonly tcp?: string; readonly tcp6?: string }) {
  const reads: string[] = [];
  const users = peerUsers("linux", async (file) => {
    reads.push(file);
    return header + (file === "/proc/net/tcp" ? tables.tcp : (tables.tcp6 ?? ""));
  });
  if (users === undefined) throw new Error("This needs users.");
  return { reads, users };
}

// The lists of a machine with the other byte order differ.
const onLittleEndian = test.skipIf(new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1 || us === undefined);

onLittleEndian("a connection of our user is found in the lists, for IPv4 and IPv6", async () => {
  const other = line("0100007F:2124 0100007F:C350", { uid: us + 1 });
  expect(await withTables({ tcp: other + line(ends4) }).users.isOurs(connection)).toBe(true);
  expect(await withTables({ tcp6: line(ends6) }).users.isOurs(v6)).toBe(true);
});

onLittleEndian(
  "a connection of a program that uses sockets of IPv6 for IPv4, as those in Java do, is found",
  async () => {
    expect(
      await withTables({ tcp: line("0100007F:2124 0100007F:C350"), tcp6: line(mapped) }).users.isOurs(
        connection,
      ),
    ).toBe(true);
    expect(await withTables({ tcp6: line(mapped, { uid: us + 1 }) }).users.isOurs(connection)).toBe(false);
  },
);

onLittleEndian(
  "a connection of another user is refused, also if that user is root or has a longer number",
  async () => {
    for (const uid of [us + 1, us === 0 ? 1 : 0, Number(`${us + 1}0`), 4_294_967_294]) {
      expect(await withTables({ tcp: line(ends4, { uid }) }).users.isOurs(connection)).toBe(false);
    }
  },
);

onLittleEndian(
  "a connection whose program has closed its end is refused, although the list then says root",
  async () => {
    for (const state of ["05", "06", "01"]) {
      expect(await withTables({ tcp: line(ends4, { inode: 0, state }) }).users.isOurs(connection)).toBe(
        false,
      );
    }
  },
);

onLittleEndian("the line of the proxy's own end and lines with other ports do not count", async () => {
  const lines = [
    "0100007F:2124 0100007F:C350",
    "0100007F:C351 0100007F:2124",
    "0100007F:C350 0100007F:2125",
    "0200007F:C350 0100007F:2124",
    "0100007F:C350 0200007F:2124",
  ];
  expect(await withTables({ tcp: lines.map((ends) => line(ends)).join("") }).users.isOurs(connection)).toBe(
    false,
  );
});

onLittleEndian("a connection that one reading left out is found in the next", async () => {
  let readings = 0;
  const users = peerUsers("linux", async (file) => {
    if (file === "/proc/net/tcp") readings += 1;
    return header + (readings === 2 ? line(ends4) : "");
  });
  expect(await users?.isOurs(connection)).toBe(true);
});

onLittleEndian(
  "on a system without IPv6, a connection that one reading left out is found in the next",
  async () => {
    let readings = 0;
    const users = peerUsers("linux", async (file) => {
      if (file === "/proc/net/tcp6") throw Object.assign(new Error("none"), { code: "ENOENT" });
      readings += 1;
      return header + (readings === 2 ? line(ends4) : "");
    });
    expect(await users?.isOurs(connection)).toBe(true);
  },
);

test("garbage in place of a list, and a connection without addresses, are refused", async () => {
  for (const tcp of ["", "garbage", ` ${ends4} `, ` ${ends4} 01`, ` ${ends4} 01 a b c x 0 1 `]) {
    expect(await withTables({ tcp }).users.isOurs(connection)).toBe(false);
  }
  const { users, reads } = withTables({ tcp: line(ends4) });
  expect(await users.isOurs({ ...connection, remoteAddress: undefined, remotePort: undefined })).toBe(false);
  expect(reads).toEqual([]);
});

test("a list that cannot be read rejects", async () => {
  const users = peerUsers("linux", () => Promise.reject(Object.assign(new Error("x"), { code: "EACCES" })));
  await expect(users?.isOurs(connection)).rejects.toThrow("x");
});

test("only Linux can tell", () => {
  for (const platform of ["darwin", "win32", "freebsd"] as const) expect(peerUsers(platform)).toBeUndefined();
});

test("connections share a reading that starts after they arrived", async () => {
  const readings: ReturnType<typeof deferred<string>>[] = [];
  const users = peerUsers("linux", () => {
    const reading = deferred<string>();
    readings.push(reading);
    return reading.promise;
  });
  const first = users?.isOurs(connection);
  // They arrive during the first reading, which may have passed their place in the list.
  const others = [users?.isOurs(connection), users?.isOurs(connection)];
  expect(readings.length).toBe(1);
  readings[0]?.resolve(header + line(ends4, { uid: us + 1 }));
  expect(await first).toBe(false);
  await expect.poll(() => readings.length).toBe(2);
  readings[1]?.resolve(header + line(ends4));
  expect(await Promise.all(others)).toEqual([true, true]);
  expect(readings.length).toBe(2);
});

test.runIf(process.platform === "linux")(
  "a real connection is ours until its program has closed it",
  async () => {
    for (const host of ["127.0.0.1", "::1"]) {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      onTestFinished(() => void server.close());
      const address = server.address();
      if (typeof address !== "object" || address === null) throw new Error("The server has no address.");
      const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
      const client = connect(address.port, host);
      const socket = await accepted;
      onTestFinished(() => void socket.destroy());
      expect(await peerUsers()?.isOurs(socket)).toBe(true);
      const ended = new Promise((resolve) => socket.once("end", resolve).resume());
      client.destroy();
      await ended;
      expect(await peerUsers()?.isOurs(socket)).toBe(false);
    }
  },
);

test("the program that listens at an address is of our user, of another one, or not there", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  if (process.platform === "linux") {
    expect(await isOurListener({ host: "127.0.0.1", port })).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    expect(await isOurListener({ host: "127.0.0.1", port })).toBe(false);
  } else server.close();
  const row = (user: number) =>
    `   0: 0100007F:2124 00000000:0000 0A 00000000:00000000 00:00000000 00000000 ${user} 0 123 1 0 100 0 0 10 0\n`;
  const isOurs = (user: number) =>
    isOurListener({ host: "127.0.0.1", port: 0x2124 }, "linux", async () => row(user));
  expect(await isOurs(process.geteuid?.() ?? 0)).toBe(true);
  expect(await isOurs(12_345)).toBe(false);
  expect(await isOurListener({ host: "127.0.0.1", port: 1 }, "darwin")).toBe(true);
});
