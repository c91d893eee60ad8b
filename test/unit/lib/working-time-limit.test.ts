import { expect, test } from "vitest";
import { workingTimeLimit } from "../../../src/lib/time-limit.js";
import { fakeClock } from "../../support/fake-clock.js";

test("is up when its time is over, and not before", async () => {
  const clock = fakeClock();
  let passed = 0;
  workingTimeLimit(
    clock,
    1_000,
    () => {
      passed += 1;
    },
    { unref: true },
  );
  await clock.advance(999);
  expect(passed).toBe(0);
  await clock.advance(10_000);
  expect([passed, clock.pending]).toEqual([1, []]);
});

test("does not count time in which the process could not work", async () => {
  const clock = fakeClock();
  let passed = false;
  workingTimeLimit(
    clock,
    1_000,
    () => {
      passed = true;
    },
    { unref: true },
  );
  clock.stall(60_000);
  await clock.advance(500);
  expect(passed).toBe(false);
  await clock.advance(500);
  expect(passed).toBe(true);
});

test("ends when it is cancelled, at whatever step", async () => {
  const clock = fakeClock();
  const limit = workingTimeLimit(clock, 1_000, () => expect.fail("It was cancelled."), { unref: true });
  await clock.advance(450);
  limit.cancel();
  expect(clock.pending).toEqual([]);
});

test.each([true, false])("keeps the process alive unless it is unrefd: %s", async (unref) => {
  const clock = fakeClock();
  const limit = workingTimeLimit(clock, 1_000, () => {}, { unref });
  await clock.advance(150);
  expect(clock.pending.map((timer) => timer.unrefd)).toEqual([unref]);
  limit.cancel();
});
