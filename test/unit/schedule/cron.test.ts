import { createTask } from "node-cron";
import { describe, expect, test } from "vitest";
import { cronSchedule } from "../../../src/schedule/cron.js";

/** The next ticks after a moment, as ISO strings. */
async function ticks(expression: string, timezone: string, after: string, count = 1): Promise<string[]> {
  const schedule = cronSchedule(expression, timezone);
  const found: string[] = [];
  let time: number | undefined = Date.parse(after);
  while (found.length < count) {
    time = schedule.next(time);
    if (time === undefined) break;
    found.push(new Date(time).toISOString());
  }
  return found;
}

describe("the next tick", () => {
  test.each([
    [
      "with five fields is at second 0",
      "*/10 * * * *",
      "2026-03-01T10:07:30.500Z",
      "2026-03-01T10:10:00.000Z",
    ],
    [
      "with six fields has the seconds in the first",
      "*/5 * * * * *",
      "2026-03-01T10:07:31.001Z",
      "2026-03-01T10:07:35.000Z",
    ],
    ["is never the moment itself", "*/5 * * * * *", "2026-03-01T10:07:35.000Z", "2026-03-01T10:07:40.000Z"],
    ["can be in the next year", "0 0 1 1 *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00.000Z"],
    [
      "follows names of months and days",
      "30 9 * jan mon",
      "2026-01-01T00:00:00Z",
      "2026-01-05T09:30:00.000Z",
    ],
    ["follows ranges and lists", "0 9-11,17 * * 1-5", "2026-03-06T11:00:00Z", "2026-03-06T17:00:00.000Z"],
    ["is on a Sunday for day 7", "0 0 * * 7", "2026-03-02T00:00:00Z", "2026-03-08T00:00:00.000Z"],
    [
      "is on 29 February only in a leap year",
      "0 0 29 2 *",
      "2026-01-01T00:00:00Z",
      "2028-02-29T00:00:00.000Z",
    ],
    [
      "is on the 31st only in a month that has one",
      "0 0 31 * *",
      "2026-03-31T00:00:00Z",
      "2026-05-31T00:00:00.000Z",
    ],
  ])("%s: %s", async (_, expression, after, next) => {
    expect(await ticks(expression, "UTC", after)).toEqual([next]);
  });
});

describe("a schedule in a zone that changes its clocks", () => {
  const zone = "Europe/Berlin";

  test("an hour of the day follows the wall clock over both changes", async () => {
    expect(await ticks("0 9 * * *", zone, "2026-03-28T00:00:00Z", 2)).toEqual([
      "2026-03-28T08:00:00.000Z",
      "2026-03-29T07:00:00.000Z",
    ]);
    expect(await ticks("0 9 * * *", zone, "2026-10-24T00:00:00Z", 2)).toEqual([
      "2026-10-24T07:00:00.000Z",
      "2026-10-25T08:00:00.000Z",
    ]);
  });

  test("a time that the clocks skip in spring does not tick on that day", async () => {
    expect(await ticks("30 2 * * *", zone, "2026-03-28T00:00:00Z", 2)).toEqual([
      "2026-03-28T01:30:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
  });

  test("the hour that comes twice in autumn ticks twice", async () => {
    expect(await ticks("30 2 * * *", zone, "2026-10-24T12:00:00Z", 3)).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-25T01:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
  });

  test("every quarter of an hour stays regular over both changes of the clocks", async () => {
    for (const after of ["2026-03-28T23:00:00Z", "2026-10-24T22:00:00Z"]) {
      const times = (await ticks("*/15 * * * *", zone, after, 24)).map((tick) => Date.parse(tick));
      expect(times).toEqual(times.map((_, index) => Date.parse(after) + (index + 1) * 900_000));
    }
  });
});

test.each([
  ["a zone that is half an hour off", "Asia/Kolkata", "2026-03-01T00:00:00Z", "2026-03-01T03:30:00.000Z"],
  ["a zone that is 45 minutes off", "Asia/Kathmandu", "2026-03-01T00:00:00Z", "2026-03-01T03:15:00.000Z"],
  [
    "a zone far ahead, where it is another day",
    "Pacific/Kiritimati",
    "2026-03-01T12:00:00Z",
    "2026-03-01T19:00:00.000Z",
  ],
  ["a zone that is behind", "America/Los_Angeles", "2026-01-01T12:00:00Z", "2026-01-01T17:00:00.000Z"],
  [
    "a zone whose clocks move by half an hour",
    "Australia/Lord_Howe",
    "2026-04-04T00:00:00Z",
    "2026-04-04T22:30:00.000Z",
  ],
])("a schedule for nine o'clock ticks at nine in %s", async (_, zone, after, next) => {
  expect(await ticks("0 9 * * *", zone, after)).toEqual([next]);
});

test("a midnight that the clocks skip does not tick on that day, and does on the next", async () => {
  // Chile: on 6 September 2026 the clocks go from 00:00 to 01:00.
  expect(await ticks("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 1)).toEqual([
    "2026-09-07T03:00:00.000Z",
  ]);
  expect(await ticks("0 1 6 9 *", "America/Santiago", "2026-09-05T12:00:00Z", 1)).toEqual([
    "2026-09-06T04:00:00.000Z",
  ]);
});

describe("an expression that never or hardly ever fires", () => {
  test.each([
    ["a Monday 29 February, 18 years away", "UTC", "0 0 29 2 1"],
    ["a Monday 29 February, 18 years away", "Europe/Berlin", "0 0 29 2 1"],
    ["an hour that the clocks always skip", "Europe/Berlin", "30 2 * 3 0L"],
  ])("has no next tick if there is none in twelve years: %s in %s", async (_, zone, expression) => {
    expect(await ticks(expression, zone, "2026-01-01T00:00:00Z")).toEqual([]);
  });

  test.each(["0 0 30 2 *", "0 0 31 4,6,9,11 *"])(
    "is refused if its date never occurs: %s",
    async (expression) => {
      expect(() => cronSchedule(expression, "UTC")).toThrow();
    },
  );
});

test("a rare tick is found without checking each second, minute or hour in between", async () => {
  const format = Intl.DateTimeFormat.prototype.formatToParts;
  let conversions = 0;
  Intl.DateTimeFormat.prototype.formatToParts = function (...values) {
    conversions += 1;
    return format.apply(this, values);
  };
  try {
    await ticks("59 59 23 29 2 *", "Europe/Berlin", "2024-03-01T00:00:00Z");
    await ticks("0 0 29 2 1", "Europe/Berlin", "2026-01-01T00:00:00Z");
  } finally {
    Intl.DateTimeFormat.prototype.formatToParts = format;
  }
  // Twelve years have 105,000 hours; node-cron makes one conversion a day of February that it is asked about.
  expect(conversions).toBeLessThan(1_000);
});

describe("both day fields, last days, nth weekdays", () => {
  test.each([
    ["a Friday the 13th", "0 0 13 * 5", "2026-03-14T00:00:00Z", "2026-11-13T00:00:00.000Z"],
    ["the last day of the month", "0 0 L * *", "2026-02-02T00:00:00Z", "2026-02-28T00:00:00.000Z"],
    ["the second Monday", "0 0 * * 1#2", "2026-03-10T00:00:00Z", "2026-04-13T00:00:00.000Z"],
  ])("a schedule ticks on %s", async (_, expression, after, next) => {
    expect(await ticks(expression, "UTC", after)).toEqual([next]);
  });
});

test("node-cron itself matches each tick and no minute in between, over both changes of the clocks", async () => {
  const timezone = "Europe/Berlin";
  const expression = "*/20 1-3 * * *";
  const task = createTask(expression, () => {}, { timezone });
  await task.destroy();
  for (const after of ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"]) {
    const matched: string[] = [];
    for (let time = Date.parse(after) + 60_000; matched.length < 12; time += 60_000) {
      if (task.match(new Date(time))) matched.push(new Date(time).toISOString());
    }
    expect(await ticks(expression, timezone, after, 12)).toEqual(matched);
  }
});

test("each next tick is later than the one before, on whole seconds", async () => {
  for (const expression of ["*/7 * * * * *", "0 */3 * * *", "5,35 8-18 * * 1-5", "0 0 1 */2 *"]) {
    const times = (await ticks(expression, "Europe/Berlin", "2026-03-20T11:11:11.111Z", 50)).map((at) =>
      Date.parse(at),
    );
    expect(times).toHaveLength(50);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    expect(times.every((at) => at % 1_000 === 0)).toBe(true);
  }
});
