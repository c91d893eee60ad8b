import { parseHttpDate } from "./http-date.js";

const longest = 24 * 60 * 60 * 1_000;

/**
 * Milliseconds that a `Retry-After` header (RFC 9110 §10.2.3) asks to wait: from seconds or from an HTTP date.
 * What lies in the past is 0, more than 24 hours is 24 hours, and what is neither form is `undefined`.
 *
 * `date` is the `Date` of the response: a server means a date by its own clock, which may differ from ours.
 */
export function parseRetryAfter(
  value: string | null,
  now: number,
  date: string | null = null,
): number | undefined {
  const text = value?.trim() ?? "";
  const sentAt = parseHttpDate(date ?? "");
  const reference = Number.isNaN(sentAt) ? now : sentAt;
  const milliseconds = /^-?\d+$/.test(text) ? Number(text) * 1_000 : parseHttpDate(text) - reference;
  if (Number.isNaN(milliseconds)) return undefined;
  return Math.min(Math.max(milliseconds, 0), longest);
}
