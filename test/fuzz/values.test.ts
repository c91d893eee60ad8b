import fc from "fast-check";
import { describe, expect } from "vitest";
import { findCronProblem } from "../../src/config/check-cron.js";
import { freshFor } from "../../src/discovery/lookup-cache.js";
import { parseDuration } from "../../src/lib/duration.js";
import { parseRetryAfter } from "../../src/net/response-headers.js";
import { cronSchedule } from "../../src/schedule/cron.js";
import { headerSafe, mangled, pieces } from "./garbage.js";
import { property } from "./property.js";

const second = 1_000;
const day = 24 * 60 * 60 * second;
const moment = fc
  .integer({ min: Date.UTC(1970, 0, 2), max: Date.UTC(2100, 0, 1) })
  .map((time) => Math.floor(time / second) * second);
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** The three forms of RFC 9110 §5.6.7. */
const forms: readonly ((date: Date) => string)[] = [
  (date) => date.toUTCString(),
  (date) => {
    const [, dayOfMonth, month, year = "", time] = date.toUTCString().split(" ");
    return `${weekdays[date.getUTCDay()]}, ${dayOfMonth}-${month}-${year.slice(2)} ${time} GMT`;
  },
  (date) => {
    const [weekday = "", dayOfMonth, month, year, time] = date.toUTCString().split(" ");
    return `${weekday.slice(0, 3)} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${time} ${year}`;
  },
];

describe("Retry-After", () => {
  property(
    "Retry-After in seconds is that long, but at most a day",
    [fc.integer({ min: -10, max: 1e9 })],
    (seconds) => {
      expect(parseRetryAfter(String(seconds), 0)).toBe(Math.min(Math.max(seconds, 0) * second, day));
    },
  );

  property(
    "Retry-After as a date lasts until then, in each of the three forms of a date",
    [moment, fc.integer({ min: -day, max: day }), fc.nat({ max: 2 })],
    (now, distance, form) => {
      const until = new Date(Math.floor((now + distance) / second) * second);
      // A year with two digits does not tell the century.
      if (form === 1 && (until.getUTCFullYear() < 1970 || until.getUTCFullYear() > 2049)) return;
      expect(parseRetryAfter(forms[form]?.(until) ?? "", now)).toBe(Math.max(until.getTime() - now, 0));
    },
  );

  const text = fc.oneof(
    pieces(
      "1",
      "30",
      "-",
      "+",
      ".",
      "e",
      "Sun",
      ", ",
      "06",
      " Nov ",
      "1994",
      " 08:49:37",
      " GMT",
      "99:99:99",
    ),
    mangled(fc.tuple(moment, fc.nat({ max: 2 })).map(([time, form]) => forms[form]?.(new Date(time)) ?? "")),
  );
  property(
    "an arbitrary Retry-After is undefined, or between zero and a day",
    [text, moment],
    (value, now) => {
      const wait = parseRetryAfter(value, now) ?? 0;
      expect(wait >= 0 && wait <= day).toBe(true);
    },
  );

  const cacheControl = pieces(
    "max-age",
    "=",
    "300",
    ",",
    "no-store",
    "no-cache",
    '"',
    "s-maxage",
    "99999999999",
    "-1",
  );
  property(
    "an arbitrary Cache-Control gives a lifetime between five minutes and a day",
    [cacheControl],
    (value) => {
      const fresh = freshFor(new Headers({ "cache-control": headerSafe(value) }));
      expect(fresh >= 300 * second && fresh <= day).toBe(true);
    },
  );
});

describe("durations", () => {
  property(
    "durations are read as they were written",
    [fc.nat({ max: 999_999_999 }), fc.constantFrom("ms", "s", "m", "h")],
    (amount, unit) => {
      expect(parseDuration(`${amount}${unit}`)).toBe(amount * { ms: 1, s: 1e3, m: 6e4, h: 36e5 }[unit]);
    },
  );

  property(
    "an arbitrary duration is undefined, or a number that is not negative",
    [pieces("1", "30", "ms", "s", "m", "h", "-", ".", "e9")],
    (text) => {
      const read = parseDuration(text);
      expect(read === undefined || (Number.isSafeInteger(read) && read >= 0)).toBe(true);
    },
  );
});

const field = (low: number, high: number, names: readonly string[] = []) => {
  const one = fc.integer({ min: low, max: high });
  const ends = fc.tuple(one, one).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const range = ends.map(([from, to]) => `${from}-${to}`);
  // A step beyond the range would be refused. For weekdays the range ends at 6, because 7 is Sunday again, as 0 is.
  const stepWithin = (of: string, from: number, to: number) =>
    fc
      .integer({ min: 1, max: Math.max(Math.min(to, high === 7 ? 6 : to) - from, 1) })
      .map((by) => `${of}/${by}`);
  const step = fc.oneof(
    stepWithin("*", low, high),
    ends.chain(([from, to]) => stepWithin(`${from}-${to}`, from, to)),
  );
  const part = fc.oneof(
    one.map(String),
    range,
    step,
    ...(names.length > 0 ? [fc.constantFrom(...names)] : []),
  );
  const list = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(","));
  return fc.oneof({ arbitrary: fc.constant("*"), weight: 2 }, { arbitrary: list, weight: 3 });
};
const expression = fc
  .tuple(
    fc.option(field(0, 59), { nil: undefined }),
    field(0, 59),
    field(0, 23),
    // Days that each month has, because an expression that never matches, such as April 31, would be refused.
    field(1, 28),
    field(1, 12, ["Jan", "december"]),
    field(0, 7, ["Mon", "sunday"]),
  )
  .map((fields) => fields.filter((one) => one !== undefined).join(" "));
const anyExpression = fc.oneof(
  expression,
  mangled(expression),
  pieces(
    "*",
    " ",
    "/",
    "-",
    ",",
    "1",
    "59",
    "0",
    "99999999999",
    "*/0",
    "1-",
    "Mon",
    "@daily",
    "L",
    "?",
    "#",
    "W",
    "0-1e9",
  ),
);
const zone = fc.constantFrom(
  "UTC",
  "Europe/Berlin",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "Pacific/Apia",
);

describe("schedules", () => {
  property("a well-formed schedule is valid", [expression], async (text) => {
    expect(findCronProblem(text)).toBe(undefined);
  });

  property(
    "an arbitrary schedule is refused, or each tick is later than the one before and on a whole second",
    [anyExpression, zone, moment],
    async (text, timezone, now) => {
      if (findCronProblem(text) !== undefined) return;
      const schedule = cronSchedule(text, timezone);
      let last = now;
      for (let tick = 0; tick < 3; tick += 1) {
        const next = schedule.next(last);
        if (next === undefined) return;
        expect(next).toBeGreaterThan(last);
        expect(next % second).toBe(0);
        last = next;
      }
    },
  );
});
