// Foreign files in the folder of a file store, or in the place of ours.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createFileStore } from "../../../src/stores/file.js";
import { isEntryName, isStoreName } from "../../../src/stores/store-names.js";
import { entryName } from "../../support/entry-names.js";
import { fakeClock } from "../../support/fake-clock.js";

let top: string;
let path: string;
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "mcp-auth-others-"));
  path = join(top, "shared");
  await mkdir(path, { mode: 0o700 });
});
afterEach(async () => await rm(top, { recursive: true, force: true }));

const year = 365 * 24 * 3_600_000;
const entry = entryName("a");
const lease = 2_000;

/** Simulates a process that starts a year later, writes another entry, and sweeps. */
async function laterProcess(): Promise<void> {
  const store = createFileStore({ path, clock: fakeClock(Date.now() + year) });
  await store.set(entryName("f"), "value");
  await store.close();
}

/** Returns every path below a folder, with the text of the files. */
async function treeOf(folder: string): Promise<readonly (readonly [string, string])[]> {
  const names = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) =>
    a.name.localeCompare(b.name),
  );
  // From Node 26 on a recursive `readdir` follows links.
  const all = names.map(async (name) => {
    const at = join(folder, name.name);
    const own = [at, name.isFile() ? await readFile(at, "utf8") : ""] as const;
    return [own, ...(name.isDirectory() ? await treeOf(at) : [])];
  });
  return (await Promise.all(all)).flat();
}

/** Runs every operation on an entry. Ignores which of them reject. */
async function doEverything(key: string): Promise<void> {
  const store = createFileStore({ path });
  const end = store.onChange(key, () => {});
  const all = [
    () => store.get(key),
    () => store.quarantine?.(key, "theirs"),
    () => store.compareAndDelete(key, "theirs"),
    () => store.withLock(key, lease, async ({ fence }) => await store.set(key, "ours", { fence })),
    () => store.set(key, "ours"),
    () => store.delete(key),
  ];
  for (const operation of all) {
    try {
      await operation();
    } catch {}
  }
  end();
  await store.close();
}

describe("foreign files beside entries", () => {
  test("the sweep keeps all foreign files and folders, even old ones", async () => {
    await mkdir(join(path, "exports"));
    await writeFile(join(path, "exports", "customers.csv.tmp"), "theirs");
    await mkdir(join(path, "empty"));
    await mkdir(join(path, "token.backup"));
    await mkdir(join(path, "data"));
    await writeFile(join(path, "data", "value-1"), "theirs");
    await writeFile(join(path, "data", `${randomUUID()}.unreadable`), "theirs");
    await mkdir(join(path, entryName("b")));
    await writeFile(join(path, entryName("b"), "notes.txt.tmp"), "theirs");
    await writeFile(join(path, "notes.tmp"), "theirs");
    const before = await treeOf(path);
    await laterProcess();
    const after = (await treeOf(path)).filter(([name]) => !name.startsWith(join(path, entryName("f"))));
    expect(after).toEqual(before);
  });

  test("the sweep keeps foreign files in an entry of ours", async () => {
    const first = createFileStore({ path });
    await first.set(entry, "value", { expiresIn: 1 });
    await first.close();
    const names = [".DS_Store", "value-1.tmp", "value-1.bak.tmp", "x.unreadable", "fence-x"];
    for (const name of names) await writeFile(join(path, entry, name), "theirs");
    await laterProcess();
    expect((await readdir(join(path, entry))).toSorted()).toEqual(names.toSorted());
  });

  test("keys lists only entries, even among foreign files", async () => {
    const store = createFileStore({ path });
    await store.set(entry, "value");
    await writeFile(join(path, entry, "notes.txt"), "theirs");
    await writeFile(join(path, entryName("b")), "a file with the name of an entry");
    await mkdir(join(path, entryName("c")));
    await writeFile(join(path, entryName("c"), "customers.csv"), "theirs");
    await mkdir(join(path, "data"));
    await writeFile(join(path, "data", "value-1"), "theirs");
    await writeFile(join(path, "README"), "theirs");
    await symlink(join(path, entry), join(path, entryName("d")));
    const before = await treeOf(path);
    expect(await store.keys("")).toEqual([entry]);
    await Promise.all((await store.keys("")).map((key) => store.delete(key)));
    expect(await store.keys("")).toEqual([]);
    const isKept = ([name]: readonly [string, string]): boolean => name !== join(path, entry, "value-0");
    expect(await treeOf(path)).toEqual(before.filter(isKept));
    await store.close();
  });

  test.each(["token.reports", entryName("b")])(
    "a folder %s that holds other things is never used as an entry",
    async (name) => {
      const folder = join(path, name);
      await mkdir(folder, { mode: 0o755 });
      await writeFile(join(folder, "q3.csv"), "theirs");
      const before = [await treeOf(path), (await stat(folder)).mode];
      const store = createFileStore({ path });
      await expect(store.set(name, "ours")).rejects.toThrow(/holds other things/);
      await doEverything(name);
      expect([await treeOf(path), (await stat(folder)).mode]).toEqual(before);
    },
  );
});

describe.skipIf(process.platform === "win32")("foreign files in the place of ours", () => {
  test("no operation and no sweep follows a link in place of an entry", async () => {
    const elsewhere = join(top, "elsewhere");
    await mkdir(join(elsewhere, "held-1"), { recursive: true, mode: 0o755 });
    await writeFile(join(elsewhere, "value-1"), "mcp-auth-store 1 1\ntheirs");
    await writeFile(join(elsewhere, `value-1.${randomUUID()}.tmp`), "theirs");
    await writeFile(join(elsewhere, `${randomUUID()}.unreadable`), "theirs");
    await writeFile(join(elsewhere, "fence-1"), "theirs");
    await utimes(join(elsewhere, "held-1"), 1, 1);
    await symlink(elsewhere, join(path, entry));
    const seen = async () => [await treeOf(elsewhere), (await stat(join(elsewhere, "held-1"))).mtimeMs];
    const before = await seen();
    await doEverything(entry);
    await laterProcess();
    expect(await createFileStore({ path }).keys("")).toEqual([entryName("f")]);
    expect(await seen()).toEqual(before);
  });

  test("a link in place of a value is not read, written through or removed", async () => {
    const theirs = join(top, "theirs");
    await writeFile(theirs, "mcp-auth-store 1 1\ntheirs");
    await mkdir(join(path, entry), { mode: 0o700 });
    await writeFile(join(path, entry, "fence-1"), "");
    await symlink(theirs, join(path, entry, "value-7"));
    const store = createFileStore({ path });
    expect(await store.get(entry)).toBeUndefined();
    expect(await store.compareAndDelete(entry, "theirs")).toBe(false);
    await store.delete(entry);
    const locked = await store.withLock(entry, lease, ({ fence }) => store.set(entry, "ours", { fence }));
    expect(locked).toEqual({ acquired: true, value: true });
    expect(await store.get(entry)).toEqual({ value: "ours" });
    await store.close();
    await laterProcess();
    expect(await readdir(join(path, entry))).toContain("value-7");
    expect(await readFile(theirs, "utf8")).toContain("theirs");
  });

  test.each(["fifo", "socket", "folder"])(
    "a %s in place of a value does not block an operation",
    async (kind) => {
      await mkdir(join(path, entry), { mode: 0o700 });
      const place = join(path, entry, "value-7");
      if (kind === "fifo") execFileSync("mkfifo", [place]);
      if (kind === "folder") await mkdir(place);
      if (kind === "socket") {
        const server = createServer();
        // Uses a short path, because the path of a socket has at most about a hundred bytes.
        const socket = join(top, "s");
        await new Promise<void>((resolve) => server.listen(socket, resolve));
        onTestFinished(() => void server.close());
        await rename(socket, place);
      }
      const store = createFileStore({ path });
      expect(await store.get(entry)).toBeUndefined();
      expect(await store.keys("")).toEqual([]);
      await store.delete(entry);
      const locked = await store.withLock(entry, lease, ({ fence }) => store.set(entry, "ours", { fence }));
      expect(locked).toEqual({ acquired: true, value: true });
      expect(await store.get(entry)).toEqual({ value: "ours" });
      await store.close();
      expect(await readdir(join(path, entry))).toContain("value-7");
    },
  );

  test("a FIFO in place of an entry rejects at once", async () => {
    execFileSync("mkfifo", [join(path, entry)]);
    const store = createFileStore({ path });
    await expect(store.get(entry)).rejects.toThrow(/in place of an entry/);
    await expect(store.set(entry, "ours")).rejects.toThrow();
    expect(await store.keys("")).toEqual([]);
  });

  test("a file in place of a lock stays, and the lock can be taken", async () => {
    await mkdir(join(path, entry), { mode: 0o700 });
    const held = join(path, entry, "held-3");
    await writeFile(held, "theirs");
    await utimes(held, 1, 1);
    const store = createFileStore({ path });
    const locked = await store.withLock(entry, lease, async ({ fence }) => fence);
    expect(locked).toEqual({ acquired: true, value: 4 });
    expect(await readFile(held, "utf8")).toBe("theirs");
  });

  test("a value that is too long is not read completely", async () => {
    await mkdir(join(path, entry), { mode: 0o700 });
    const place = join(path, entry, "value-1");
    await writeFile(place, "");
    // A sparse file, which takes no space.
    await truncate(place, 2 ** 31);
    const store = createFileStore({ path });
    const { value = "" } = (await store.get(entry)) ?? {};
    expect(value.length).toBeGreaterThan(4_194_304);
    expect(value.length).toBeLessThan(5_000_000);
    await store.quarantine?.(entry, value);
    expect(await store.get(entry)).toBeUndefined();
  });
});

test("the store recognizes exactly the names of the files that it creates", () => {
  const uuid = randomUUID();
  for (const name of ["value-0", "fence-12", "held-3", `value-1.${uuid}.tmp`, `${uuid}.unreadable`]) {
    expect(isStoreName(name), name).toBe(true);
  }
  const others = [
    "value-",
    "value-1.tmp",
    `value-x.${uuid}.tmp`,
    `a.${uuid}.unreadable`,
    "x.unreadable",
    "Fence-1",
  ];
  for (const name of [...others, `value-1.${uuid}.tmp.gz`, "value-1\n"])
    expect(isStoreName(name), name).toBe(false);
});

test("the store recognizes exactly the names of its entries", () => {
  const hash = "0123456789abcdef".repeat(2);
  const all = [
    `token.${hash}.${hash}`,
    `refresh.${hash}.${hash}`,
    `metadata.${hash}`,
    `given.${hash}.latest`,
    `check.${hash}`,
  ];
  for (const name of [...all, `metadata.${hash}.${hash}`, `refusals.${hash}.${hash}`])
    expect(isEntryName(name), name).toBe(true);
  const others = [
    "token",
    "refusals",
    `refusals.${hash}`,
    "token.a",
    `token.${hash}`,
    `token.${hash}.${hash}.bak`,
    `given.${hash}.${hash}`,
  ];
  for (const name of [...others, `x.token.${hash}.${hash}`, `token.${hash.toUpperCase()}.${hash}`]) {
    expect(isEntryName(name), name).toBe(false);
  }
});
