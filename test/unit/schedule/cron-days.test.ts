// The ticks at changes of the clocks, and of the days that only node-cron's notation can name.
import { describe, expect, test } from "vitest";
import { cronSchedule } from "../../../src/schedule/cron.js";

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
