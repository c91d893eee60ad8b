import { element } from "./elements.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** The clock of the machine of the proxy, which may differ from that of the viewer. */
let difference = 0;

export function setNow(now: number): void {
  difference = now - Date.now();
}

/** Returns the time at the proxy, in milliseconds since the epoch. */
export function now(): number {
  return Date.now() + difference;
}

/** Returns the time of day in the viewer's zone, with the day if it is not today: "Mon, Nov 30, 03:12:08". */
export function localTime(at: number): string {
  const isToday = day.format(at) === day.format(Date.now()) && Math.abs(at - Date.now()) < 86_400_000;
  return isToday ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

export function hourText(at: number): string {
  return hour.format(at);
}

export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** An element with a time in the viewer's zone, and in UTC as its title. */
export function timeElement(at: number): HTMLTimeElement {
  return element("time", { datetime: new Date(at).toISOString(), title: utc(at) }, localTime(at));
}

/** Returns a duration in two units at most: "42 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(Math.round(milliseconds / 1_000), 0);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return twoUnits(seconds, 60, "min", "s");
  if (seconds < 86_400) return twoUnits(Math.floor(seconds / 60), 60, "h", "min");
  return twoUnits(Math.floor(seconds / 3_600), 24, "d", "h");
}

function twoUnits(amount: number, size: number, large: string, small: string): string {
  const rest = amount % size;
  return `${Math.floor(amount / size)} ${large}${rest === 0 ? "" : ` ${rest} ${small}`}`;
}
