import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../../src/lib/clock.js";

// Under the system's clock stand the global timers: these are vitest's.
beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

test("the system clock returns the current time", () => {
  vi.setSystemTime(1_234_567);
  expect(systemClock.now()).toBe(1_234_567);
});

describe("a timer", () => {
  test.each([
    ["rings after its time", 1_000, 1_000],
    ["with a negative time rings at once", -5, 0],
    ["longer than `setTimeout` takes does not ring at once", 2 ** 40, 2 ** 31 - 1],
    ["without end does not either", Number.POSITIVE_INFINITY, 2 ** 31 - 1],
  ])("%s", (_, milliseconds, after) => {
    let rang = 0;
    systemClock.setTimeout(() => {
      rang += 1;
    }, milliseconds);
    if (after > 0) {
      vi.advanceTimersByTime(after - 1);
      expect(rang).toBe(0);
    }
    vi.advanceTimersByTime(1);
    expect(rang).toBe(1);
  });

  test("a cancelled timer does not fire, and can be cancelled again", () => {
    let rang = 0;
    const timer = systemClock.setTimeout(() => {
      rang += 1;
    }, 10);
    timer.unref();
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(10);
    expect(rang).toBe(0);
  });
});
