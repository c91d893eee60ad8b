import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { hasErrorCode } from "../errors/expected-errors.js";
import type { ListenAddress } from "../lib/listen-address.js";

/**
 * Tells for connections over TCP whether the program at the other end runs as our user. Linux lists the owner of each
 * socket in /proc/net. Other systems have no such list, so there every program of this machine that knows the local
 * token may call.
 */
export interface PeerUsers {
  isOurs(
    socket: Pick<Socket, "localAddress" | "localPort" | "remoteAddress" | "remotePort">,
  ): Promise<boolean>;
}

type ReadTable = (file: string) => Promise<string>;

/**
 * Returns the check for this system, `undefined` if it cannot tell. Connections that arrive while a list is being read
 * share the next reading, because a list has a line for every socket of the machine.
 */
export function peerUsers(
  platform: NodeJS.Platform = process.platform,
  readTable: ReadTable = (file) => readFile(file, "latin1"),
): PeerUsers | undefined {
  const user = process.geteuid?.();
  if (platform !== "linux" || user === undefined) return undefined;
  const readers = {
    IPv4: sharedReading(() => readTable("/proc/net/tcp")),
    // A system without IPv6 has no such file.
    IPv6: sharedReading(() => readTable("/proc/net/tcp6").catch(ifMissing)),
  };
  return {
    async isOurs({ localAddress, localPort, remoteAddress, remotePort }) {
      if (!localAddress || !localPort || !remoteAddress || !remotePort) return false;
      // The line of the other end: its own address comes first.
      const ends = (address: (text: string) => string): string =>
        `${tableAddress(address(remoteAddress), remotePort)} ${tableAddress(address(localAddress), localPort)}`;
      const places: Place[] = localAddress.includes(":")
        ? [[readers.IPv6, ends((address) => address)]]
        : [
            [readers.IPv4, ends((address) => address)],
            // Some programs, such as those in Java, use a socket of IPv6 also for IPv4.
            [readers.IPv6, ends((address) => `::ffff:${address}`)],
          ];
      // While the system writes a list, sockets come and go, and it may leave one out. So every list is read twice.
      for (const [read, line] of [...places, ...places]) {
        const owner = ownerOf(await read(), line);
        if (owner !== undefined) return owner === user;
      }
      return false;
    },
  };
}

function ifMissing(error: unknown): string {
  if (!hasErrorCode(error, "ENOENT")) throw error;
  return "";
}

/**
 * Returns whether the program that listens at an address runs as our user; `true` where the system cannot tell. After a
 * proxy has died, a program of another user may have got its port.
 */
export async function isOurListener(
  { host, port }: ListenAddress,
  platform: NodeJS.Platform = process.platform,
  readTable: ReadTable = (file) => readFile(file, "latin1"),
): Promise<boolean> {
  const user = process.geteuid?.();
  if (platform !== "linux" || user === undefined) return true;
  const isIpv6 = host.includes(":");
  const nobody = tableAddress(isIpv6 ? "::" : "0.0.0.0", 0);
  const table = await readTable(isIpv6 ? "/proc/net/tcp6" : "/proc/net/tcp");
  return ownerOf(table, `${tableAddress(host, port)} ${nobody}`) === user;
}

type Place = readonly [read: () => Promise<string>, ends: string];

/**
 * Returns the user of a socket in the list, by the addresses of its ends; `undefined` if the socket is not in it. A
 * socket that its program has closed has no owner any more, and the list says 0, which is root.
 */
function ownerOf(table: string, ends: string): number | "nobody" | undefined {
  const at = table.indexOf(` ${ends} `);
  if (at === -1) return undefined;
  // After the ends: state, queues, timer, retransmissions, user, timeout, inode, which is 0 without an owner.
  const [, user, inode] =
    /^ \S+ \S+ \S+ \S+ +(\d+) +\d+ +(\d+)\s/.exec(
      table.slice(at + ends.length + 1, at + ends.length + 140),
    ) ?? [];
  return user === undefined || inode === "0" ? "nobody" : Number(user);
}

/** Writes an address as the lists do: each 32-bit word in the byte order of the machine, as hexadecimal digits. */
function tableAddress(address: string, port: number): string {
  const bytes = address.includes(":") ? ipv6Bytes(address) : address.split(".").map(Number);
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => bytes.slice(word * 4, word * 4 + 4));
  const text = words.flatMap((word) => (isLittleEndian ? word.reverse() : word)).map((byte) => hex(byte, 2));
  return `${text.join("")}:${hex(port, 4)}`;
}

/** Only `::1` and mapped IPv4 addresses can reach a proxy on loopback. */
function ipv6Bytes(address: string): number[] {
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return [...Array<number>(10).fill(0), 255, 255, ...mapped.split(".").map(Number)];
  return [...Array<number>(15).fill(0), address === "::1" ? 1 : 0];
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}

/** Returns a function that reads. A call during a reading waits for the next one, which starts after the call. */
function sharedReading(read: () => Promise<string>): () => Promise<string> {
  let current: Promise<string> | undefined;
  let next: Promise<string> | undefined;
  const start = (): Promise<string> => {
    const reading = read().finally(() => {
      if (current === reading) current = undefined;
    });
    current = reading;
    return reading;
  };
  return () => {
    if (current === undefined) return start();
    next ??= current
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
