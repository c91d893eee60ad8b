import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileStore } from "../../../src/stores/file.js";
import { entryName } from "../../support/entry-names.js";
import { fakeClock } from "../../support/fake-clock.js";

const [tokenA, tokenB, later] = [entryName("a"), entryName("b"), entryName("c")];

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-store-")), "state");
});
afterEach(async () => await rm(join(path, ".."), { recursive: true, force: true }));

const day = 24 * 3_600_000;

/** Simulates a process that starts this much later, writes another entry, and ends. */
async function laterProcess(milliseconds: number): Promise<void> {
  const store = createFileStore({ path, clock: fakeClock(Date.now() + milliseconds) });
  await store.set(later, "value");
  await store.close();
}

describe("Sweep", () => {
  test("the sweep removes expired values and unfinished files of a process that died", async () => {
    const first = createFileStore({ path });
    await first.set(tokenA, "value", { expiresIn: 1_000 });
    await first.set(tokenB, "stays");
    await writeFile(join(path, tokenB, `value-0.${randomUUID()}.tmp`), "half of i");
    expect(await first.get(tokenB)).toEqual({ value: "stays" });
    await laterProcess(3_600_000);
    expect(await readdir(join(path, tokenA))).toEqual([]);
    expect(await readdir(join(path, tokenB))).toEqual(["value-0"]);
  });

  test("the sweep removes a value a week after it was quarantined, and then its folder", async () => {
    const first = createFileStore({ path });
    await first.set(tokenA, "damaged");
    const long = new Date(Date.now() - 30 * day);
    await utimes(join(path, tokenA, "value-0"), long, long);
    await first.quarantine?.(tokenA, "damaged");
    await laterProcess(6 * day);
    expect(await readdir(join(path, tokenA))).toEqual([expect.stringMatching(/\.unreadable$/)]);
    await laterProcess(8 * day);
    expect(await readdir(path)).toEqual([later]);
  });

  test("the sweep removes an entry with only the lock of a dead process after a week", async () => {
    await mkdir(join(path, tokenA, "held-7"), { recursive: true, mode: 0o700 });
    await writeFile(join(path, tokenA, "fence-7"), "");
    await laterProcess(6 * day);
    expect((await readdir(path)).toSorted()).toEqual([tokenA, later]);
    await laterProcess(8 * day);
    expect(await readdir(path)).toEqual([later]);
  });

  test("the sweep keeps an entry whose lock is held", async () => {
    const clock = fakeClock(Date.now() + 8 * day);
    const folder = join(path, tokenA);
    await mkdir(join(folder, "held-7"), { recursive: true, mode: 0o700 });
    await utimes(join(folder, "held-7"), clock.now() / 1_000, clock.now() / 1_000);
    await laterProcess(8 * day);
    expect(await readdir(folder)).toEqual(["held-7"]);
  });

  test("the sweep delays no write, and delays closing only for a moment", async () => {
    if (process.platform === "win32") return;
    // A reader of the FIFO waits until a process writes to it.
    await mkdir(join(path, tokenA), { recursive: true, mode: 0o700 });
    const pipe = join(path, tokenA, "value-1");
    execFileSync("mkfifo", [pipe]);
    const store = createFileStore({ path });
    expect(await store.set(tokenB, "value")).toBe(true);
    await store.close();
    const writer = await open(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    await writer.close();
  });
});

test("a file store whose folder could not be used is used again as soon as it can be", async () => {
  await writeFile(path, "");
  const store = createFileStore({ path });
  await expect(store.set(tokenA, "value")).rejects.toThrow();
  await rm(path);
  expect(await store.set(tokenA, "value")).toBe(true);
  await store.close();
});

test("delete also removes quarantined values", async () => {
  const store = createFileStore({ path });
  await store.set(tokenA, "damaged");
  await store.quarantine?.(tokenA, "damaged");
  await store.set(tokenA, "value");
  await store.delete(tokenA);
  expect(await readdir(join(path, tokenA))).toEqual([]);
});
