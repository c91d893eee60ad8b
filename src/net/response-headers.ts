const json = /^(?:application\/json|application\/[a-z0-9!#$&^_.-]+\+json)$/i;

/** Returns whether a `Content-Type` header is `application/json` or a `+json` type, with any parameters. */
export function isJson(contentType: string | null): boolean {
  return json.test((contentType ?? "").split(";", 1)[0]?.trim() ?? "");
}

// The three date formats of RFC 9110 §5.6.7. The asctime format has no zone and means GMT.
const dateWithZone = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** Parses an HTTP date, which is in whole seconds, to milliseconds since the epoch; `NaN` for any other text. */
export function parseHttpDate(text: string): number {
  if (dateWithZone.test(text)) return Date.parse(text);
  return asctime.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}

const longestRetryAfter = 24 * 60 * 60 * 1_000;

/**
 * Returns the milliseconds that a `Retry-After` header (RFC 9110 §10.2.3) asks the client to wait, given as seconds or
 * as an HTTP date. A time in the past is 0, more than 24 hours is 24 hours, and any other text is `undefined`.
 *
 * @param date the `Date` header of the response: a server writes both dates by its own clock, which may differ from
 * ours
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
  return Math.min(Math.max(milliseconds, 0), longestRetryAfter);
}

/** Returns the milliseconds that the `Retry-After` of a response asks the client to wait, as `parseRetryAfter` does. */
export function retryAfterOf(headers: Pick<Headers, "get">, now: number): number | undefined {
  return parseRetryAfter(headers.get("retry-after"), now, headers.get("date"));
}
