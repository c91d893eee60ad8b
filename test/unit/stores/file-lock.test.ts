import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileStore } from "../../../src/stores/file.js";
import { type HeldLock, nextFence, takeLease, tryFileLock } from "../../../src/stores/file-lock.js";

let path: string;
let folder: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-store-")), "state");
  folder = join(path, "token.a");
  await mkdir(folder, { recursive: true, mode: 0o700 });
});
afterEach(async () => await rm(join(path, ".."), { recursive: true, force: true }));

const lease = 2_000;

/** Makes a lock look as if its holder had not renewed it for a minute. */
async function age(held: string): Promise<void> {
  const long = new Date(Date.now() - 60_000);
  await utimes(held, long, long);
}

async function lockOf(lock: Promise<HeldLock | undefined>): Promise<HeldLock> {
  const made = await lock;
  if (made === undefined) throw new Error("Somebody else has it.");
  return made;
}

describe("tryFileLock", () => {
  test("the lock of a process that died is taken over with a later fence", async () => {
    const store = createFileStore({ path });
    await store.withLock("token.a", lease, async () => {});
    const lock = await lockOf(tryFileLock(folder, lease));
    expect((await store.withLock("token.a", lease, async () => 1)).acquired).toBe(false);
    await age(join(folder, "held-2"));
    const outcome = await store.withLock("token.a", lease, async ({ fence }) => fence);
    expect(outcome).toEqual({ acquired: true, value: 3 });
    await expect.poll(() => lock.signal.aborted).toBe(true);
    await lock.release();
  });

  test("one of several stores that take over a dead lock at once gets it, and then the lock is free", async () => {
    const stores = Array.from({ length: 10 }, () => createFileStore({ path }));
    for (let round = 0; round < 20; round += 1) {
      const key = `token.${round}`;
      const held = join(path, key, "held-1");
      await mkdir(held, { recursive: true });
      await age(held);
      let holders = 0;
      const outcomes = await Promise.all(
        stores.map((store) =>
          store.withLock(key, lease, async () => {
            holders += 1;
            await new Promise((resolve) => setImmediate(resolve));
            expect(holders).toBe(1);
            holders -= 1;
          }),
        ),
      );
      expect(outcomes.some(({ acquired }) => acquired)).toBe(true);
      expect(await readdir(join(path, key))).not.toContain("held-1");
      expect((await stores[0]?.withLock(key, lease, async () => {}))?.acquired).toBe(true);
    }
  });

  test("a store that looked before two others held the lock does not get it, and the next one does", async () => {
    const store = createFileStore({ path });
    await store.withLock("token.a", lease, async () => {});
    const fence = await nextFence(folder, lease);
    expect(fence).toBe(2);
    for (const others of [1, 2]) {
      const outcome = await store.withLock("token.a", lease, async (one) => one.fence);
      expect(outcome).toEqual({ acquired: true, value: others + 1 });
    }
    expect(await takeLease(folder, 2, lease)).toBeUndefined();
    expect(await readdir(folder)).toEqual(["fence-3"]);
    const next = await store.withLock("token.a", lease, async ({ fence: latest }) => [
      latest,
      await store.set("token.a", "value", { fence: latest }),
    ]);
    expect(next).toEqual({ acquired: true, value: [4, true] });
  });

  test("a store that looked before another one held the lock does not get it", async () => {
    const store = createFileStore({ path });
    expect(await nextFence(folder, lease)).toBe(1);
    await store.withLock("token.a", lease, async () => {});
    expect(await takeLease(folder, 1, lease)).toBeUndefined();
    expect(await readdir(folder)).toEqual(["fence-1"]);
  });

  test("a lock that was taken over stays when the previous holder releases it", async () => {
    const first = await lockOf(tryFileLock(folder, lease));
    await age(join(folder, "held-1"));
    const second = await lockOf(tryFileLock(folder, lease));
    await first.release();
    expect(await tryFileLock(folder, lease)).toBeUndefined();
    expect((await readdir(folder)).toSorted()).toEqual(["fence-2", "held-2"]);
    await second.release();
    expect(await readdir(folder)).toEqual(["fence-2"]);
  });

  test("a process that exits releases the lock that it holds, even if it held an earlier one", async () => {
    const before = process.listenerCount("exit");
    const first = await lockOf(tryFileLock(folder, lease));
    await age(join(folder, "held-1"));
    const second = await lockOf(tryFileLock(folder, lease));
    await expect.poll(() => first.signal.aborted).toBe(true);
    const [releaseAll] = process.listeners("exit").slice(before);
    releaseAll?.(0);
    expect(await readdir(folder)).toEqual(["fence-2"]);
    await second.release();
    expect(process.listenerCount("exit")).toBe(before);
  });

  test("holding a lock does not change how the process handles signals", async () => {
    const before = process.listenerCount("SIGINT");
    const emit = process.emit;
    const lock = await tryFileLock(folder, lease);
    expect(process.listenerCount("SIGINT")).toBe(before);
    expect(process.emit).toBe(emit);
    await lock?.release();
  });
});
