import { expect, test } from "vitest";
import { timeLimit } from "../../../src/lib/time-limit.js";
import { fakeClock } from "../../support/fake-clock.js";

test("the time is up when it is", async () => {
  const clock = fakeClock();
  let passed = 0;
  timeLimit(
    clock,
    1_000,
    () => {
      passed += 1;
    },
    { unref: true },
  );
  expect(clock.pending).toMatchObject([{ delay: 1_000, unrefd: true }]);
  await clock.advance(999);
  expect(passed).toBe(0);
  await clock.advance(1);
  expect(passed).toBe(1);
  expect(clock.pending).toEqual([]);
});

test("a timer that a blocked event loop has made late leaves what has arrived the time to be read", async () => {
  const clock = fakeClock();
  const events: string[] = [];
  const limit = timeLimit(clock, 1_000, () => events.push("passed"), { unref: true });
  clock.stall(5_000);
  await clock.advance(0);
  expect(events).toEqual([]);
  expect(clock.pending).toMatchObject([{ delay: 50, unrefd: true }]);
  limit.cancel();
  expect(clock.pending).toEqual([]);
  await clock.advance(1_000);
  expect(events).toEqual([]);
});

test("and no more than that", async () => {
  const clock = fakeClock();
  let passed = 0;
  timeLimit(
    clock,
    1_000,
    () => {
      passed += 1;
    },
    { unref: true },
  );
  clock.stall(5_000);
  await clock.advance(50);
  expect(passed).toBe(1);
});
