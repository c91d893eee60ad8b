import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { pause, settledWithin, untilAborted, withinTime } from "../../../src/lib/wait.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";

test("a pause lasts for its time, and leaves no timer and no listener", async () => {
  const clock = fakeClock();
  const { signal } = new AbortController();
  let isOver = false;
  const waiting = pause(100, { clock, signal }).then(() => {
    isOver = true;
  });
  await clock.advance(99);
  expect(isOver).toBe(false);
  await clock.advance(1);
  await waiting;
  expect(clock.pending).toEqual([]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a pause ends when its signal is aborted, and does not start after that", async () => {
  const clock = fakeClock();
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = pause(100, { clock, signal });
  controller.abort();
  await waiting;
  await pause(100, { clock, signal });
  expect(clock.pending).toEqual([]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test.each([undefined, false, true])(
  "a pause keeps the process alive unless `unref` is set: %s",
  async (unref) => {
    const clock = fakeClock();
    const waiting = pause(100, { clock, unref });
    expect(clock.pending.map(({ unrefd }) => unrefd)).toEqual([unref === true]);
    await clock.advance(100);
    await waiting;
  },
);

const gone = () => new Error("gone");

test("an abort ends the wait of one caller, and the other callers still get the result", async () => {
  const work = deferred<string>();
  const caller = new AbortController();
  const first = untilAborted(work.promise, caller.signal, gone);
  const second = untilAborted(work.promise, new AbortController().signal, gone);
  caller.abort();
  await expect(first).rejects.toThrow("gone");
  work.resolve("done");
  expect(await second).toBe("done");
});

test("untilAborted rejects at once if the signal is already aborted", async () => {
  await expect(untilAborted(new Promise(() => {}), AbortSignal.abort(), gone)).rejects.toThrow("gone");
});

test("untilAborted leaves no listener on the signal, whether the work succeeds or fails", async () => {
  const { signal } = new AbortController();
  await untilAborted(Promise.resolve(1), signal, gone);
  await untilAborted(Promise.reject(new Error("no")), signal, gone).catch(() => {});
  await Promise.resolve();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("work that fails after its caller has left is not an unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const work = deferred<string>();
    const caller = new AbortController();
    const abortedWait = untilAborted(work.promise, caller.signal, gone);
    caller.abort();
    await expect(abortedWait).rejects.toThrow("gone");
    work.reject(new Error("late"));
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
});

test("withinTime rejects with the given error when the time is over, and leaves no timer after a result", async () => {
  const clock = fakeClock();
  const late = () => new Error("late");
  const waiting = withinTime(new Promise(() => {}), 100, late, { clock });
  const rejected = expect(waiting).rejects.toThrow("late");
  expect(clock.pending).toMatchObject([{ delay: 100, unrefd: false }]);
  await clock.advance(100);
  await rejected;
  expect(await withinTime(Promise.resolve(1), 100, late, { clock, unref: true })).toBe(1);
  expect(clock.pending).toEqual([]);
});

test("settledWithin ends with the work, whether it succeeds or fails, or when the time is over", async () => {
  const clock = fakeClock();
  await settledWithin(Promise.resolve(1), 100, clock);
  await settledWithin(Promise.reject(new Error("no")), 100, clock);
  expect(clock.pending).toEqual([]);
  const waiting = settledWithin(new Promise(() => {}), 100, clock);
  expect(clock.pending).toMatchObject([{ delay: 100, unrefd: false }]);
  await clock.advance(100);
  await waiting;
});
