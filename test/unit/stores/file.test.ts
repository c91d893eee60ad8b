import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileStore } from "../../../src/stores/file.js";
import { tryFileLock } from "../../../src/stores/file-lock.js";
import { fakeClock } from "../../support/fake-clock.js";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-store-")), "state");
});
afterEach(async () => await rm(join(path, ".."), { recursive: true, force: true }));

const lease = 2_000;

describe("the file store", () => {
  test("keeps everything to its owner", async () => {
    const store = createFileStore({ path });
    await store.withLock(
      "token.a",
      lease,
      async ({ fence }) => await store.set("token.a", "value", { fence }),
    );
    const names = await readdir(path, { recursive: true, withFileTypes: true });
    const modes = await Promise.all(
      [path, ...names.map((entry) => join(entry.parentPath, entry.name))].map(async (name) => {
        const stats = await stat(name);
        return [stats.isDirectory(), stats.mode & 0o777];
      }),
    );
    expect(modes.length).toBeGreaterThan(3);
    for (const [isFolder, mode] of modes) expect(mode).toBe(isFolder ? 0o700 : 0o600);
  });

  test("leaves one file of an entry, however often it was written", async () => {
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

  test("takes over the lock of a process that died, with a later fence", async () => {
    const store = createFileStore({ path });
    await store.withLock("token.a", lease, async () => {});
    const held = join(path, "token.a", "held");
    const lock = await tryFileLock(held, lease);
    expect((await store.withLock("token.a", lease, async () => 1)).acquired).toBe(false);
    await utimes(held, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
    const outcome = await store.withLock("token.a", lease, async ({ fence }) => fence);
    expect(outcome).toEqual({ acquired: true, value: 2 });
    await expect.poll(() => lock?.signal.aborted).toBe(true);
    await lock?.release();
  });

  test("of those that take over a dead one's lock at once only one has it", async () => {
    const stores = Array.from({ length: 10 }, () => createFileStore({ path }));
    for (let round = 0; round < 20; round += 1) {
      const key = `token.${round}`;
      await stores[0]?.withLock(key, lease, async () => {});
      const held = join(path, key, "held");
      await writeHeld(held);
      let holders = 0;
      await Promise.all(
        stores.map((store) =>
          store.withLock(key, lease, async () => {
            holders += 1;
            await new Promise((resolve) => setImmediate(resolve));
            expect(holders).toBe(1);
            holders -= 1;
          }),
        ),
      );
      // They may all have been in each other's way; then the next one has it.
      expect((await stores[0]?.withLock(key, lease, async () => {}))?.acquired).toBe(true);
    }
  });

  test("reads past what another process is writing, and sweeps what one that died has left", async () => {
    const clock = fakeClock(Date.now());
    const first = createFileStore({ path, clock });
    await first.set("token.a", "value", { expiresIn: 1_000 });
    await first.set("token.b", "stays");
    const half = join(path, "token.b", "value-0.0000.tmp");
    await writeFile(half, "half of i");
    expect(await first.get("token.b")).toEqual({ value: "stays" });
    clock.jump(3_600_000);
    await createFileStore({ path, clock }).set("token.c", "value");
    expect(await readdir(join(path, "token.a"))).toEqual([]);
    expect(await readdir(join(path, "token.b"))).toEqual(["value-0"]);
  });

  test("gives what has no heading as it is, and sets it aside when told", async () => {
    const store = createFileStore({ path });
    await store.set("token.a", "value");
    const file = join(path, "token.a", "value-0");
    await writeFile(file, (await readFile(file, "utf8")).slice(5));
    const damaged = await store.get("token.a");
    expect(damaged?.value).toContain("value");
    await store.setAside?.("token.a", damaged?.value ?? "");
    expect(await store.get("token.a")).toBeUndefined();
    expect(await readdir(join(path, "token.a"))).toEqual([expect.stringMatching(/\.unreadable$/)]);
  });

  test("takes no name of a key that leads out of its folder", async () => {
    const store = createFileStore({ path });
    await expect(store.get("../outside")).rejects.toThrow(TypeError);
    await expect(store.set(".", "value")).rejects.toThrow(TypeError);
  });

  test("changes nothing about how the process takes signals", async () => {
    const before = process.listenerCount("SIGINT");
    const emit = process.emit;
    const lock = await tryFileLock(join(tmpdir(), `mcp-auth-lock-${process.pid}`), lease);
    expect(process.listenerCount("SIGINT")).toBe(before);
    expect(process.emit).toBe(emit);
    await lock?.release();
  });
});

async function writeHeld(held: string): Promise<void> {
  await mkdir(held);
  const long = new Date(Date.now() - 60_000);
  await utimes(held, long, long);
}
