import { execFileSync } from "node:child_process";
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { asyncFileSystem } from "../../../src/config/async-file-system.js";
import { type FileSystem, maxConfigBytes } from "../../../src/config/file-system.js";
import { loadConfig } from "../../../src/config/load.js";
import { syncFileSystem } from "../../../src/config/sync-file-system.js";
import { folder, smallest } from "./folder.js";

/** Creates a folder with a file of each kind. */
async function everything(): Promise<string> {
  const root = await folder({ file: "text", empty: "", "\u00e4": "\u00e4" });
  await mkdir(join(root, "folder"));
  await symlink("file", join(root, "link"));
  await symlink("nowhere", join(root, "dangling"));
  await symlink("loop", join(root, "loop"));
  await writeFile(join(root, "large"), "");
  await truncate(join(root, "large"), maxConfigBytes + 1);
  execFileSync("mkfifo", [join(root, "fifo")]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
  onTestFinished(() => void server.close());
  return root;
}

const names = [
  "file",
  "empty",
  "\u00e4",
  "folder",
  "link",
  "dangling",
  "loop",
  "large",
  "fifo",
  "socket",
  "missing",
];

/** Returns the value, or the code of the error. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
}

async function answers(disk: FileSystem, path: string): Promise<readonly unknown[]> {
  const identity = async (of: "stat" | "lstat") => {
    const { dev, ino, uid, mode } = await disk[of](path);
    return { dev, ino, uid, mode };
  };
  return [
    await outcome(() => identity("stat")),
    await outcome(() => identity("lstat")),
    await outcome(() => disk.readlink(path)),
    await outcome(() => disk.realpath(path)),
    await outcome(async () => {
      const read = await disk.read(path);
      return "problem" in read ? read : { text: read.text, ino: read.stats.ino };
    }),
    await outcome(() => disk.read(path, 2)),
  ];
}

test.skipIf(process.platform === "win32")(
  "the synchronous and the asynchronous file system return the same results",
  async () => {
    const root = await everything();
    for (const name of names) {
      const path = join(root, name);
      const expected = await answers(asyncFileSystem, path);
      expect([name, await answers(syncFileSystem, path)]).toEqual([name, expected]);
    }
    expect(await asyncFileSystem.read(join(root, "fifo"))).toEqual({ problem: "irregular" });
    expect(await asyncFileSystem.read(join(root, "large"))).toEqual({ problem: "too large" });
  },
);

describe("during the search for a config", () => {
  /** Returns how often other code ran during a load. */
  async function turnsWith(options: { readonly fs?: FileSystem }): Promise<number> {
    const cwd = await folder({ "mcp-auth.config.json": JSON.stringify(smallest) });
    const load = () => loadConfig({ cwd, env: {}, ...options });
    // Loads all lazy imports.
    await load();
    let turns = 0;
    let next: NodeJS.Immediate;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    next = setImmediate(count);
    await load();
    clearImmediate(next);
    return turns;
  }

  test("other code runs during a search with the asynchronous file system", async () => {
    expect(await turnsWith({})).toBeGreaterThan(0);
  });

  test("no other code runs during a search with the synchronous file system", async () => {
    expect(await turnsWith({ fs: syncFileSystem })).toBe(0);
  });
});
