import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { untilAborted } from "../../../src/lib/wait.js";
import { deferred } from "../../support/deferred.js";

const gone = () => new Error("gone");

test("an abort ends the wait of one caller and leaves the work to the others", async () => {
  const work = deferred<string>();
  const caller = new AbortController();
  const first = untilAborted(work.promise, caller.signal, gone);
  const second = untilAborted(work.promise, new AbortController().signal, gone);
  caller.abort();
  await expect(first).rejects.toThrow("gone");
  work.resolve("done");
  expect(await second).toBe("done");
});

test("a signal that is already aborted ends the wait at once", async () => {
  await expect(untilAborted(new Promise(() => {}), AbortSignal.abort(), gone)).rejects.toThrow("gone");
});

test("no listener stays behind, whether the work succeeds or fails", async () => {
  const { signal } = new AbortController();
  await untilAborted(Promise.resolve(1), signal, gone);
  await untilAborted(Promise.reject(new Error("no")), signal, gone).catch(() => {});
  await Promise.resolve();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("what abandoned work rejects with is not unhandled", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const work = deferred<string>();
    const caller = new AbortController();
    const left = untilAborted(work.promise, caller.signal, gone);
    caller.abort();
    await expect(left).rejects.toThrow("gone");
    work.reject(new Error("late"));
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
});
