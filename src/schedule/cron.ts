import { parse } from "node-cron";
import { dayMatcher } from "./cron-day.js";
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
 * Parses a cron expression with five fields, or six with seconds first. node-cron parses the fields. Its timers are not
 * used. If both day fields are restricted, both must match. A time that the clocks skip does not tick on that day; a
 * time in an hour that occurs twice ticks twice.
 */
export function cronSchedule(expression: string, timezone: string): CronSchedule {
  const fields = parse(expression);
  const [seconds, minutes, hours] = [fields.second, fields.minute, fields.hour].map(
    (values) => new Set(values),
  );
  const matchesDay = dayMatcher(fields);
  const zone = timeZone(timezone);
  // Searches the calendar first, because only a matching day needs a conversion to the time zone.
  const startOfNext = (wall: WallTime, end: number): number | undefined => {
    for (let noon = Date.UTC(wall.year, wall.month - 1, wall.day + 1, 12); noon < end; noon += day) {
      const date = new Date(noon);
      const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
      if (matchesDay({ year, month, day: dayOfMonth })) return zone.startOfDay(year, month, dayOfMonth);
    }
    return undefined;
  };

  return {
    next(after) {
      const end = after + longestSearch;
      let time = Math.floor(after / second) * second + second;
      while (time < end) {
        const wall = zone.wall(time);
        if (!matchesDay(wall)) {
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
