import { expect, test } from "vitest";
import { timeLimit, workingTimeLimit } from "../../../src/lib/time-limit.js";
import { fakeClock } from "../../support/fake-clock.js";

test("a time limit ends after its time, and not before", async () => {
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

test("a time limit that a blocked event loop made late waits 50 ms more, so that a response that has arrived is read", async () => {
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

test("a time limit that a blocked event loop made late ends after 50 ms more", async () => {
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

test("a working time limit ends after its time, and not before", async () => {
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

test("a working time limit does not count time in which the process could not run", async () => {
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

test("a working time limit can be cancelled at any step", async () => {
  const clock = fakeClock();
  const limit = workingTimeLimit(clock, 1_000, () => expect.fail("It was cancelled."), { unref: true });
  await clock.advance(450);
  limit.cancel();
  expect(clock.pending).toEqual([]);
});

test.each([true, false])(
  "a working time limit keeps the process alive unless `unref` is set: %s",
  async (unref) => {
    const clock = fakeClock();
    const limit = workingTimeLimit(clock, 1_000, () => {}, { unref });
    await clock.advance(150);
    expect(clock.pending.map((timer) => timer.unrefd)).toEqual([unref]);
    limit.cancel();
  },
);
