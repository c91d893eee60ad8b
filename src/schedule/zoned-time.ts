/** The time that a wall clock in a time zone shows. */
export interface WallTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export interface TimeZone {
  /** Returns the wall time at a moment in milliseconds since the epoch. */
  wall(time: number): WallTime;
  /** Returns the first moment of a day in milliseconds since the epoch: 00:00, or later if the clocks skip it. */
  startOfDay(year: number, month: number, day: number): number;
}

const hour = 3_600_000;

/** Returns the conversions for an IANA time zone. */
export function timeZone(name: string): TimeZone {
  const wall = name === "UTC" ? utcWall : zonedWall(name);
  return {
    wall,
    startOfDay(year, month, day) {
      const wanted = Date.UTC(year, month - 1, day);
      // Zones are at most 14 hours ahead and 12 behind. The offset near that day gives the start within an hour or two.
      const firstGuess = wanted - (asUtc(wall(wanted)) - wanted);
      const guess = wanted - (asUtc(wall(firstGuess)) - firstGuess);
      for (let time = guess - 2 * hour; time <= guess + 2 * hour; time += hour / 4) {
        if (asUtc(wall(time)) >= wanted) return time;
      }
      return guess;
    },
  };
}

function asUtc({ year, month, day, hour, minute, second }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function utcWall(time: number): WallTime {
  const date = new Date(time);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

function zonedWall(timeZone: string): (time: number) => WallTime {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (time) => {
    const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    return {
      year: part("year"),
      month: part("month"),
      day: part("day"),
      hour: part("hour"),
      minute: part("minute"),
      second: part("second"),
    };
  };
}
