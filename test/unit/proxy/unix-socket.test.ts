import { chmod, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { listenOnSocket, prepareSocketPath } from "../../../src/proxy/unix-socket.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

async function privateFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), "own");
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

function plainServer(): Server {
  const server = createServer((socket) => socket.destroy());
  onTestFinished(() => void server.close());
  return server;
}

async function refusal(path: string): Promise<string> {
  const error = await rejectionOf(prepareSocketPath(path));
  expect(error.code).toBe("config_invalid");
  expect(error.message).not.toContain("\n");
  return error.message;
}

describe.skipIf(process.platform === "win32")("a unix socket", () => {
  test("a socket and its new folder can be opened only by our user, whatever the umask is", async () => {
    const path = join(await temporaryFolder(), "new", "deep", "proxy.sock");
    const mask = process.umask(0);
    try {
      await listenOnSocket(plainServer(), path);
      expect(process.umask(0)).toBe(0);
    } finally {
      process.umask(mask);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
  });

  test.each([0o755, 0o711, 0o770, 0o777, 0o701])(
    "a folder with mode %o is refused, with the remedy",
    async (mode) => {
      const folder = await privateFolder();
      await chmod(folder, mode);
      expect(await refusal(join(folder, "proxy.sock"))).toContain(`chmod 700 ${folder}`);
      expect((await stat(folder)).mode & 0o777).toBe(mode);
    },
  );

  test("a folder below one that everybody can write to is refused, because they could replace it", async () => {
    const above = await temporaryFolder();
    await mkdir(join(above, "shared", "own"), { recursive: true, mode: 0o700 });
    await chmod(join(above, "shared"), 0o777);
    const path = join(above, "shared", "own", "proxy.sock");
    expect(await refusal(path)).toContain("another user can replace it");
    await chmod(join(above, "shared"), 0o1777);
    await prepareSocketPath(path);
  });

  test("a link in place of the folder is refused, and one above it of our own is followed", async () => {
    const [folder, other] = [await privateFolder(), await temporaryFolder()];
    await symlink(folder, join(other, "link"));
    expect(await refusal(join(other, "link", "proxy.sock"))).toContain("chmod 700");
    await prepareSocketPath(join(other, "link", "deeper", "proxy.sock"));
  });

  test("a stale socket is removed, and a live one is refused", async () => {
    const path = join(await privateFolder(), "proxy.sock");
    await listenOnSocket(plainServer(), path);
    expect(await refusal(path)).toContain("another program listens on it");
    expect((await stat(path)).isSocket()).toBe(true);

    const stale = join(await privateFolder(), "proxy.sock");
    await leaveSocket(stale);
    expect((await stat(stale)).isSocket()).toBe(true);
    await listenOnSocket(plainServer(), stale);
    expect((await stat(stale)).isSocket()).toBe(true);
  });

  test("a file of another kind is refused and stays", async () => {
    const folder = await privateFolder();
    await writeFile(join(folder, "file"), "text");
    await mkdir(join(folder, "folder"));
    await symlink(join(folder, "nowhere"), join(folder, "link"));
    for (const name of ["file", "folder", "link"])
      expect(await refusal(join(folder, name))).toContain("a file of another kind");
    expect((await readdir(folder)).sort()).toEqual(["file", "folder", "link"]);
  });

  test("a file in place of the folder is refused with its reason", async () => {
    const folder = await privateFolder();
    await writeFile(join(folder, "file"), "");
    expect(await refusal(join(folder, "file", "proxy.sock"))).toMatch(/\((?:ENOTDIR|EEXIST)\)/);
  });

  test("a path that the system would cut is refused", async () => {
    const folder = await privateFolder();
    const path = join(folder, "x".repeat(104 - folder.length - 1));
    expect(path.length).toBe(104);
    expect(await refusal(path)).toContain("at most 103 bytes");
    expect(await refusal(join(folder, "\u00e9".repeat(50)))).toContain("at most 103 bytes");
    await listenOnSocket(plainServer(), path.slice(0, 103));
  });

  test("control characters in a path are escaped", async () => {
    expect(await refusal(join(await privateFolder(), `\u001b[31m${"x".repeat(100)}`))).toContain(
      "\\u001b[31m",
    );
  });
});

/** Leaves a socket as a process does that is killed: nobody listens on it. */
async function leaveSocket(path: string): Promise<void> {
  const { execFile } = await import("node:child_process");
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await new Promise<void>((resolve) => {
    execFile(process.execPath, ["-e", code], () => resolve());
  });
}
