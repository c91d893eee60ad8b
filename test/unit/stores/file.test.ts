import { readdirSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileStore } from "../../../src/stores/file.js";
import { putBack, removeValues } from "../../../src/stores/file-entry.js";
import { entryName } from "../../support/entry-names.js";
import { fakeClock } from "../../support/fake-clock.js";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-store-")), "state");
});
afterEach(async () => await rm(join(path, ".."), { recursive: true, force: true }));

const lease = 2_000;

describe("createFileStore", () => {
  test("the file store gives access only to its owner", async () => {
    const store = createFileStore({ path });
    const modes = await store.withLock("token.a", lease, async ({ fence }) => {
      await store.set("token.a", "value", { fence });
      const names = await readdir(path, { recursive: true, withFileTypes: true });
      return await Promise.all(
        [path, ...names.map((entry) => join(entry.parentPath, entry.name))].map(async (name) => {
          const stats = await stat(name);
          return [stats.isDirectory(), stats.mode & 0o777] as const;
        }),
      );
    });
    const seen = modes.acquired ? modes.value : [];
    expect(seen.length).toBe(5);
    for (const [isFolder, mode] of seen) expect(mode).toBe(isFolder ? 0o700 : 0o600);
  });

  test("an entry has one file, even if it is written many times", async () => {
    const store = createFileStore({ path });
    for (const value of ["one", "two", "three"]) {
      await store.withLock(
        "token.a",
        lease,
        async ({ fence }) => await store.set("token.a", value, { fence }),
      );
    }
    expect((await readdir(join(path, "token.a"))).toSorted()).toEqual(["fence-3", "value-3"]);
    expect(await store.get("token.a")).toEqual({ value: "three" });
  });

  test("a file without a heading is returned unchanged and can be quarantined", async () => {
    const store = createFileStore({ path });
    await store.set("token.a", "value");
    const file = join(path, "token.a", "value-0");
    await writeFile(file, (await readFile(file, "utf8")).slice(5));
    const damaged = await store.get("token.a");
    expect(damaged?.value).toContain("value");
    await store.quarantine?.("token.a", damaged?.value ?? "");
    expect(await store.get("token.a")).toBeUndefined();
    expect(await readdir(join(path, "token.a"))).toEqual([expect.stringMatching(/\.unreadable$/)]);
  });

  test("quarantine does not move a value that was written since", async () => {
    const store = createFileStore({ path });
    await store.set("token.a", "xdamaged");
    await store.quarantine?.("token.a", "damaged");
    expect(await store.get("token.a")).toEqual({ value: "xdamaged" });
  });

  test("a key that leaves the folder or is not a file name on Windows is rejected", async () => {
    const store = createFileStore({ path });
    for (const key of ["../outside", ".", "a.", "CON", "nul.txt", "com1"]) {
      await expect(store.get(key), key).rejects.toThrow(TypeError);
      await expect(store.set(key, "value"), key).rejects.toThrow(TypeError);
    }
    await store.set("console.1", "value");
    expect(await store.keys("")).toEqual(["console.1"]);
  });
});

describe("an entry with two values, which a killed process may leave", () => {
  const folder = () => join(path, "token.a");
  const text = (value: string) => `mcp-auth-store 1 -\n${value}`;
  beforeEach(async () => {
    await mkdir(folder(), { recursive: true, mode: 0o700 });
    await writeFile(join(folder(), "fence-2"), "");
    await writeFile(join(folder(), "value-1"), text("old"));
    await writeFile(join(folder(), "value-2"), text("new"));
  });

  test("two values in an entry are read as one", async () => {
    expect(await createFileStore({ path }).get("token.a")).toEqual({ value: "new" });
  });

  test("two values in an entry are both gone after the latest was compared and deleted", async () => {
    const store = createFileStore({ path });
    expect(await store.compareAndDelete("token.a", "old")).toBe(false);
    expect(await store.compareAndDelete("token.a", "new")).toBe(true);
    expect(await store.get("token.a")).toBeUndefined();
  });

  test("two values in an entry are both gone after the latest was quarantined", async () => {
    const store = createFileStore({ path });
    await store.quarantine?.("token.a", "new");
    expect(await store.get("token.a")).toBeUndefined();
  });

  test("values are deleted from the oldest to the latest, so that a killed process leaves the latest", async () => {
    const removed: string[] = [];
    await removeValues(folder(), [2, 1], async (file) => {
      removed.push(basename(file));
      // Simulates that the process is killed here.
      if (removed.length === 1) throw new Error("killed");
    }).catch(() => {});
    expect(removed).toEqual(["value-1"]);
    expect(await createFileStore({ path }).get("token.a")).toEqual({ value: "new" });
  });

  test("two values in an entry are both gone after the latest has expired and was swept", async () => {
    const clock = fakeClock(Date.now());
    await writeFile(join(folder(), "value-2"), `mcp-auth-store 1 ${clock.now() - 61_000}\nnew`);
    const swept = join(path, entryName("a"));
    await rename(folder(), swept);
    const store = createFileStore({ path, clock });
    await store.set("token.b", "value");
    await store.close();
    expect(await readdir(swept)).toEqual(["fence-2"]);
  });

  test("a writer that lost its lease removes its own value", async () => {
    const store = createFileStore({ path });
    await rm(join(folder(), "value-2"));
    const late = store.set("token.a", "late", { fence: 2 });
    // The writer has read the folder and is writing. The code of this turn runs before it has finished.
    await untilWriting();
    writeFileSync(join(folder(), "fence-3"), "");
    writeFileSync(join(folder(), "value-3"), text("newer"));
    expect(await late).toBe(false);
    expect((await readdir(folder())).toSorted()).toEqual(["fence-2", "fence-3", "value-3"]);
    expect(await store.compareAndDelete("token.a", "newer")).toBe(true);
    expect(await store.get("token.a")).toBeUndefined();
  });

  test("the value of a writer that lost its lease stays if it is the only one", async () => {
    const store = createFileStore({ path });
    const late = store.set("token.a", "late", { fence: 2 });
    await untilWriting();
    writeFileSync(join(folder(), "fence-3"), "");
    expect(await late).toBe(false);
    expect(await store.get("token.a")).toEqual({ value: "late" });
  });

  async function untilWriting(): Promise<void> {
    while (!readdirSync(folder()).some((name) => name.endsWith(".tmp"))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
});

describe("putBack", () => {
  const noLinks = () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
  const setUp = async () => {
    await mkdir(path);
    await writeFile(join(path, "beside.tmp"), "taken");
    return [join(path, "beside.tmp"), join(path, "value-1")] as const;
  };

  test("a value is put back with hard links and without", async () => {
    for (const makeLink of [undefined, noLinks]) {
      const [beside, file] = await setUp();
      await putBack(beside, file, makeLink);
      expect(await readFile(file, "utf8")).toBe("taken");
      expect(await readdir(path)).toEqual(["value-1"]);
      await rm(path, { recursive: true });
    }
  });

  test("putting a value back keeps a newer one in its place", async () => {
    for (const makeLink of [undefined, noLinks]) {
      const [beside, file] = await setUp();
      await writeFile(file, "later");
      await putBack(beside, file, makeLink);
      expect(await readFile(file, "utf8")).toBe("later");
      expect(await readdir(path)).toEqual(["value-1"]);
      await rm(path, { recursive: true });
    }
  });
});
