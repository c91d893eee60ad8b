/** A day of the calendar; `month` counts from 1. */
export interface CalendarDay {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The day fields of a cron expression, as node-cron parses them: numbers, and marks such as `L`, `15W` or `1#2`. */
export interface DayFields {
  readonly dayOfMonth: readonly (number | string)[];
  readonly month: readonly number[];
  readonly dayOfWeek: readonly (number | string)[];
}

/**
 * Returns the function that tells whether a day matches all three fields, as `match` of node-cron does. It is not used
 * itself, because it belongs to a task: the code of all kinds of tasks would be part of each program that is bundled.
 */
export function dayMatcher({ dayOfMonth, month, dayOfWeek }: DayFields): (date: CalendarDay) => boolean {
  return (date) => {
    const last = lastDayOf(date);
    const isDay = (mark: number | string) => dayMeant(mark, date, last) === date.day;
    return month.includes(date.month) && dayOfMonth.some(isDay) && dayOfWeek.some(isWeekday(date, last));
  };
}

/** Returns the day of this month that a mark means. It may not exist. */
function dayMeant(mark: number | string, date: CalendarDay, last: number): number {
  if (typeof mark === "number") return mark;
  const [, day = "L", offset = "0", weekday] = /^(\d+|L)(?:-(\d+))?(W?)$/.exec(mark) ?? [];
  const meant = day === "L" ? last - Number(offset) : Number(day);
  return weekday === "W" && meant <= last ? nearestWorkday({ ...date, day: meant }, last) : meant;
}

/** Returns the Monday to Friday that is nearest to a day, in the same month. */
function nearestWorkday(date: CalendarDay, last: number): number {
  const { day } = date;
  switch (weekdayOf(date)) {
    case 6:
      return day === 1 ? day + 2 : day - 1;
    case 0:
      return day === last ? day - 2 : day + 1;
    default:
      return day;
  }
}

function isWeekday(date: CalendarDay, last: number): (mark: number | string) => boolean {
  const weekday = weekdayOf(date);
  return (mark) => {
    if (typeof mark === "number") return mark % 7 === weekday;
    const [, day, occurrence] = /^(\d)(?:#(\d)|L)$/i.exec(mark) ?? [];
    if (Number(day) % 7 !== weekday) return false;
    return occurrence === undefined ? date.day + 7 > last : Math.ceil(date.day / 7) === Number(occurrence);
  };
}

function weekdayOf({ year, month, day }: CalendarDay): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay();
}

function lastDayOf({ year, month }: CalendarDay): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
