const longest = 24 * 60 * 60 * 1_000;

// The three date forms of RFC 9110 §5.6.7; asctime carries no zone and means GMT.
const dateWithZone = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Milliseconds that a `Retry-After` header (RFC 9110 §10.2.3) asks to wait: from seconds or from an HTTP date.
 * What lies in the past is 0, more than 24 hours is 24 hours, and what is neither form is `undefined`.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? "";
  const milliseconds = /^-?\d+$/.test(text) ? Number(text) * 1_000 : httpDate(text) - now;
  if (Number.isNaN(milliseconds)) return undefined;
  return Math.min(Math.max(milliseconds, 0), longest);
}

function httpDate(text: string): number {
  if (dateWithZone.test(text)) return Date.parse(text);
  return asctime.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
