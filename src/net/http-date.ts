// The three date formats of RFC 9110 §5.6.7. The asctime format has no zone and means GMT.
const dateWithZone = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** Parses an HTTP date, which is in whole seconds, to milliseconds since the epoch; `NaN` for any other text. */
export function parseHttpDate(text: string): number {
  if (dateWithZone.test(text)) return Date.parse(text);
  return asctime.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
