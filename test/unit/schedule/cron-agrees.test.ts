// Compares our next ticks with `match` of node-cron: each next tick matches, and no time before it does.
import fc from "fast-check";
import { createTask, validate } from "node-cron";
import { describe, expect, test } from "vitest";
import { cronSchedule } from "../../../src/schedule/cron.js";

const second = 1_000;
const minute = 60 * second;

async function judge(expression: string, timezone: string): Promise<(time: number) => boolean> {
  const task = createTask(expression, () => {}, { timezone });
  await task.destroy();
  return (time) => task.match(new Date(time));
}

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** A field: any, a step, a value, a list or a range. */
function field(min: number, max: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant("*") },
    { weight: 2, arbitrary: fc.integer({ min: 2, max: 20 }).map((step) => `*/${step}`) },
    value.map(String),
    fc.uniqueArray(value, { minLength: 2, maxLength: 4 }).map((values) => values.join(",")),
    fc
      .tuple(value, value)
      .filter(([from, to]) => from < to)
      .map(([from, to]) => `${from}-${to}`),
  );
}

const dayOfMonth = fc.oneof(
  { weight: 6, arbitrary: field(1, 31) },
  fc.constantFrom("L", "LW", "15W", "1W", "31W", "L-3"),
);
const month = fc.oneof({ weight: 4, arbitrary: field(1, 12) }, fc.constantFrom(...monthNames));
const dayOfWeek = fc.oneof(
  { weight: 4, arbitrary: field(0, 7) },
  fc.constantFrom(...dayNames, "mon-fri", "5L", "0L", "1#2", "6#1", "mon#1"),
);
const fiveFields = fc
  .tuple(field(0, 59), field(0, 23), dayOfMonth, month, dayOfWeek)
  .map((fields) => fields.join(" "))
  // Impossible dates are refused.
  .filter((expression) => validate(expression));

/** The clocks change within a day or two after these times. */
const changes = {
  UTC: ["2026-02-28T12:00:00Z", "2028-02-28T12:00:00Z", "2026-12-31T12:00:00Z"],
  "Europe/Berlin": ["2026-03-28T18:00:00Z", "2026-10-24T18:00:00Z", "2026-07-01T00:00:00Z"],
  "Australia/Lord_Howe": ["2026-04-04T06:00:00Z", "2026-10-03T06:00:00Z", "2026-01-01T00:00:00Z"],
} as const;
const spread = 36 * 60 * minute;

describe.each(["UTC", "Europe/Berlin", "Australia/Lord_Howe"] as const)("in %s", (timezone) => {
  const moment = fc
    .tuple(fc.constantFrom(...changes[timezone]), fc.integer({ min: 0, max: spread }))
    .map(([around, after]) => Date.parse(around) + after);

  test("node-cron matches the next tick of five fields, and no minute before it", async () => {
    await fc.assert(
      fc.asyncProperty(fiveFields, moment, async (expression, after) => {
        const matches = await judge(expression, timezone);
        const { next } = cronSchedule(expression, timezone);
        const tick = next(after);
        if (tick !== undefined) expect([tick > after, tick % minute, matches(tick)]).toEqual([true, 0, true]);
        // Two days include any change of the clocks.
        const end = Math.min(tick ?? Number.POSITIVE_INFINITY, after + 2 * 24 * 60 * minute);
        const first = Math.floor(after / minute) * minute + minute;
        for (let time = first; time < end; time += minute) {
          if (matches(time)) expect.fail(`${new Date(time).toISOString()} was missed`);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("node-cron matches the next tick of six fields, and no second before it", async () => {
    const expressions = fc
      .tuple(field(0, 59), field(0, 59), fc.constantFrom("*", "*/2", "1-3"))
      .map(([seconds, minutes, hours]) => `${seconds} ${minutes} ${hours} * * *`);
    await fc.assert(
      fc.asyncProperty(expressions, moment, async (expression, after) => {
        const matches = await judge(expression, timezone);
        const { next } = cronSchedule(expression, timezone);
        const tick = next(after);
        if (tick === undefined) return expect.fail("It ticks each day.");
        expect([tick > after, tick % second, matches(tick)]).toEqual([true, 0, true]);
        const first = Math.floor(after / second) * second + second;
        for (let time = first; time < Math.min(tick, after + 60 * minute); time += second) {
          if (matches(time)) expect.fail(`${new Date(time).toISOString()} was missed`);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("in Australia/Lord_Howe, whose clocks move by half an hour", () => {
  async function ticks(expression: string, after: string, count: number): Promise<string[]> {
    const { next } = cronSchedule(expression, "Australia/Lord_Howe");
    const found: number[] = [];
    for (let time = next(Date.parse(after)); time !== undefined && found.length < count; time = next(time))
      found.push(time);
    return found.map((time) => new Date(time).toISOString());
  }

  test("the half hour that comes twice in autumn ticks twice", async () => {
    // 5 April 2026: at 02:00 (UTC+11) back to 01:30 (UTC+10:30).
    expect(await ticks("45 1 * * *", "2026-04-04T12:00:00Z", 3)).toEqual([
      "2026-04-04T14:45:00.000Z",
      "2026-04-04T15:15:00.000Z",
      "2026-04-05T15:15:00.000Z",
    ]);
  });

  test("a time in the half hour that spring skips does not tick on that day, and one after it does", async () => {
    // 4 October 2026: at 02:00 (UTC+10:30) on to 02:30 (UTC+11).
    expect(await ticks("15 2 * * *", "2026-10-02T18:00:00Z", 1)).toEqual(["2026-10-04T15:15:00.000Z"]);
    expect(await ticks("30 2 * * *", "2026-10-03T12:00:00Z", 1)).toEqual(["2026-10-03T15:30:00.000Z"]);
  });
});

test.each([
  [
    "the working day next to the 15th, a Sunday",
    "0 9 15W * *",
    "2026-03-01T00:00:00Z",
    "2026-03-16T09:00:00Z",
  ],
  [
    "the working day next to the 1st, a Saturday",
    "0 9 1W * *",
    "2026-07-02T00:00:00Z",
    "2026-08-03T09:00:00Z",
  ],
  ["the last working day of the month", "0 9 LW * *", "2026-05-01T00:00:00Z", "2026-05-29T09:00:00Z"],
  ["the last Friday", "0 9 * * 5L", "2026-05-01T10:00:00Z", "2026-05-29T09:00:00Z"],
  ["the fifth Monday, where there is one", "0 9 * * 1#5", "2026-04-01T00:00:00Z", "2026-06-29T09:00:00Z"],
])("a schedule ticks on %s", async (_, expression, after, next) => {
  expect(cronSchedule(expression, "UTC").next(Date.parse(after))).toBe(Date.parse(next));
});
