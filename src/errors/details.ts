import { blockLength, placeholder, withoutCredentials } from "./sent-credentials.js";

/** What servers said, by the name that it has in the protocol. */
export type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

/** Characters of one value. */
const longest = 200;
/** More is not looked at: it would have to be looked through for credentials. */
const longestRead = 2 * longest;
const mostEntries = 20;
/** Characters of all values together that are looked through for credentials, which takes time. */
const mostRead = 4_000;

const made = new WeakSet<object>();

/**
 * What of that may be kept, whatever a server chose to say: strings, numbers, and lists of them, each bounded and
 * without the credentials that were sent; `undefined` for nothing.
 */
export function errorDetails(said: Readonly<Record<string, unknown>>): ErrorDetails | undefined {
  // An error that is made anew from another has its details.
  if (made.has(said)) return said as ErrorDetails; // Only what is returned below is in the set.
  let left = mostRead;
  const bounded = (value: unknown): string | undefined => {
    const text = boundedText(value, left);
    if (typeof value === "string") left -= Math.min(value.length, longestRead);
    return text;
  };
  const details: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(said)) {
    if (Array.isArray(value)) {
      const entries = value.slice(0, mostEntries).flatMap((entry: unknown) => bounded(entry) ?? []);
      if (entries.length > 0) details[name] = Object.freeze(entries);
      continue;
    }
    const text = bounded(value);
    if (text !== undefined) details[name] = text;
  }
  if (Object.keys(details).length === 0) return undefined;
  made.add(details);
  return Object.freeze(details);
}

/** `left`: how many characters may still be read. */
function boundedText(value: unknown, left: number): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value.trim() === "" || left <= 0) return undefined;
  const read = value.slice(0, longestRead);
  const isWhole = read.length === value.length;
  const clean = withoutCredentials(read);
  // A credential may begin where we stopped reading.
  const shown = isWhole || clean.endsWith(placeholder) ? clean : clean.slice(0, -blockLength);
  const text = isWhole && shown.length <= longest ? shown : `${shown.slice(0, longest - 1)}…`;
  // Half a character, where one was cut in two or a server sent it so.
  return text.replaceAll(/\p{Surrogate}/gu, "\ufffd");
}
