import { timeZone, type WallTime } from "./zoned-time.js";

/** A parsed schedule. */
export interface CronSchedule {
  /**
   * Returns the first tick after a time, both in milliseconds since the epoch; `undefined` if there is none in twelve
   * years.
   */
  next(after: number): number | undefined;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
// There can be eight years between two 29ths of February.
const longestSearch = 12 * 366 * day;

/**
 * Parses a cron expression with five fields, or six with seconds first. node-cron parses the fields and decides which
 * days match. Its timers are not used. If both day fields are restricted, both must match. A time that the clocks skip
 * does not tick on that day; a time in an hour that occurs twice ticks twice.
 */
export async function cronSchedule(expression: string, timezone: string): Promise<CronSchedule> {
  const { createTask, parse } = await import("node-cron");
  const fields = parse(expression);
  const [seconds, minutes, hours, months] = [fields.second, fields.minute, fields.hour, fields.month].map(
    (values) => new Set(values),
  );
  const [dayOfMonth, month, dayOfWeek] = expression.trim().split(/\s+/).slice(-3);
  // Days are matched at noon in UTC, where the clocks never change.
  const days = createTask(`0 0 12 ${dayOfMonth} ${month} ${dayOfWeek}`, () => {}, { timezone: "UTC" });
  await days.destroy();
  const matchesDay = (year: number, monthOfYear: number, date: number) =>
    months?.has(monthOfYear) === true && days.match(new Date(Date.UTC(year, monthOfYear - 1, date, 12)));
  const zone = timeZone(timezone);
  // Searches the calendar first, because only a matching day needs a conversion to the time zone.
  const startOfNext = (wall: WallTime, end: number): number | undefined => {
    for (let noon = Date.UTC(wall.year, wall.month - 1, wall.day + 1, 12); noon < end; noon += day) {
      const date = new Date(noon);
      const calendarDay = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()] as const;
      if (matchesDay(...calendarDay)) return zone.startOfDay(...calendarDay);
    }
    return undefined;
  };

  return {
    next(after) {
      const end = after + longestSearch;
      let time = Math.floor(after / second) * second + second;
      while (time < end) {
        const wall = zone.wall(time);
        if (!matchesDay(wall.year, wall.month, wall.day)) {
          const start = startOfNext(wall, end);
          if (start === undefined) return undefined;
          time = Math.max(start, time + second);
        } else if (hours?.has(wall.hour) !== true) {
          time += hour - wall.minute * minute - wall.second * second;
        } else if (minutes?.has(wall.minute) !== true) {
          time += minute - wall.second * second;
        } else if (seconds?.has(wall.second) !== true) {
          time += second;
        } else return time;
      }
      return undefined;
    },
  };
}
