import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../../src/lib/clock.js";

// The system clock uses the global timers, which vitest replaces here.
beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

test("the system clock returns the current time", () => {
  vi.setSystemTime(1_234_567);
  expect(systemClock.now()).toBe(1_234_567);
});

describe("systemClock.setTimeout", () => {
  test.each([
    ["fires after its time", 1_000, 1_000],
    ["with a negative time fires at once", -5, 0],
    ["with a longer time than `setTimeout` accepts does not fire at once", 2 ** 40, 2 ** 31 - 1],
    ["with an infinite time does not fire at once", Number.POSITIVE_INFINITY, 2 ** 31 - 1],
  ])("a timer %s", (_, milliseconds, after) => {
    let calls = 0;
    systemClock.setTimeout(() => {
      calls += 1;
    }, milliseconds);
    if (after > 0) {
      vi.advanceTimersByTime(after - 1);
      expect(calls).toBe(0);
    }
    vi.advanceTimersByTime(1);
    expect(calls).toBe(1);
  });

  test("a cancelled timer does not fire, and can be cancelled again", () => {
    let calls = 0;
    const timer = systemClock.setTimeout(() => {
      calls += 1;
    }, 10);
    timer.unref();
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(10);
    expect(calls).toBe(0);
  });
});
