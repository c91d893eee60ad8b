import { blockLength, placeholder, withoutCredentials } from "./sent-credentials.js";

/** What servers said, by its name in the protocol. */
export type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

/** The most characters of a value. */
const longestValue = 200;
/** The most characters that are searched for credentials; the rest of the value is dropped. */
const longestRead = 2 * longestValue;
const mostEntries = 20;
/** The most characters that are searched in all values together, because the search takes time. */
const mostRead = 4_000;

/** Objects that `errorDetails` has returned. */
const checked = new WeakSet<object>();

/**
 * Returns what may be kept of what servers said: strings, numbers, and lists of them. Long values are cut, and the
 * credentials that we sent are replaced. `undefined` if nothing is left.
 */
export function errorDetails(said: Readonly<Record<string, unknown>>): ErrorDetails | undefined {
  // An error that is created from another error reuses its details.
  if (checked.has(said)) return said as ErrorDetails; // The set contains only results of this function.
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
  checked.add(details);
  return Object.freeze(details);
}

/** @param left how many characters may still be searched */
function boundedText(value: unknown, left: number): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value.trim() === "" || left <= 0) return undefined;
  const read = value.slice(0, longestRead);
  const isWhole = read.length === value.length;
  const clean = withoutCredentials(read);
  // The end may be the beginning of a credential.
  const shown = isWhole || clean.endsWith(placeholder) ? clean : clean.slice(0, -blockLength);
  const text = isWhole && shown.length <= longestValue ? shown : `${shown.slice(0, longestValue - 1)}…`;
  // Replaces unpaired surrogates: a character was cut in two, or the server sent it so.
  return text.replaceAll(/\p{Surrogate}/gu, "\ufffd");
}
