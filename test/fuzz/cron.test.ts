// Compares our next ticks with `match` of node-cron: each next tick matches, and no time before it does.
import fc from "fast-check";
import { createTask, validate } from "node-cron";
import { expect } from "vitest";
import { cronSchedule } from "../../src/schedule/cron.js";
import { property } from "./property.js";

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

for (const timezone of ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] as const) {
  const moment = fc
    .tuple(fc.constantFrom(...changes[timezone]), fc.integer({ min: 0, max: spread }))
    .map(([around, after]) => Date.parse(around) + after);

  property(
    `node-cron matches the next tick of five fields in ${timezone}, and no minute before it`,
    [fiveFields, moment],
    async (expression, after) => {
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
    },
    { cost: 20 },
  );

  const expressions = fc
    .tuple(field(0, 59), field(0, 59), fc.constantFrom("*", "*/2", "1-3"))
    .map(([seconds, minutes, hours]) => `${seconds} ${minutes} ${hours} * * *`);
  property(
    `node-cron matches the next tick of six fields in ${timezone}, and no second before it`,
    [expressions, moment],
    async (expression, after) => {
      const matches = await judge(expression, timezone);
      const { next } = cronSchedule(expression, timezone);
      const tick = next(after);
      if (tick === undefined) return expect.fail("It ticks each day.");
      expect([tick > after, tick % second, matches(tick)]).toEqual([true, 0, true]);
      const first = Math.floor(after / second) * second + second;
      for (let time = first; time < Math.min(tick, after + 60 * minute); time += second) {
        if (matches(time)) expect.fail(`${new Date(time).toISOString()} was missed`);
      }
    },
    { cost: 20 },
  );
}
