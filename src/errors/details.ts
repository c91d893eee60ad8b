import { blockLength, placeholder, withoutCredentials } from "./sent-credentials.js";

/** Values from server responses, by their names in the protocol. */
export type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

/** Longest value that is kept, in characters. A longer one is cut. */
const longestValue = 200;
/** How many characters of a value are searched for credentials. The rest of the value is dropped. */
const longestSearched = 2 * longestValue;
const maxListEntries = 20;
/** How many characters are searched in all values together, because the search takes time. */
const maxSearched = 4_000;

/** Objects that `errorDetails` has returned. */
const cleanDetails = new WeakSet<object>();

/**
 * Returns the values from server responses that an error may keep: strings, numbers, booleans, and lists of them. Cuts
 * long values, and replaces the credentials that we sent. Returns `undefined` if nothing is left.
 */
export function errorDetails(values: Readonly<Record<string, unknown>>): ErrorDetails | undefined {
  // An error that is created from another error reuses its details.
  if (cleanDetails.has(values)) return values as ErrorDetails; // The set contains only results of this function.
  let searchLeft = maxSearched;
  const clean = (value: unknown): string | undefined => {
    const text = cleanText(value, searchLeft);
    if (typeof value === "string") searchLeft -= Math.min(value.length, longestSearched);
    return text;
  };
  const details: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) {
      const entries = value.slice(0, maxListEntries).flatMap((entry: unknown) => clean(entry) ?? []);
      if (entries.length > 0) details[name] = Object.freeze(entries);
      continue;
    }
    const text = clean(value);
    if (text !== undefined) details[name] = text;
  }
  if (Object.keys(details).length === 0) return undefined;
  cleanDetails.add(details);
  return Object.freeze(details);
}

/** @param searchLeft how many characters may still be searched */
function cleanText(value: unknown, searchLeft: number): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value.trim() === "" || searchLeft <= 0) return undefined;
  const searched = value.slice(0, longestSearched);
  const isWhole = searched.length === value.length;
  const clean = withoutCredentials(searched);
  // If the value was cut, its last characters may be the beginning of a credential, so they are dropped.
  const shown = isWhole || clean.endsWith(placeholder) ? clean : clean.slice(0, -blockLength);
  const text = isWhole && shown.length <= longestValue ? shown : `${shown.slice(0, longestValue - 1)}…`;
  // Replaces unpaired surrogates: a character was cut in two, or the server sent it so.
  return text.replaceAll(/\p{Surrogate}/gu, "\ufffd");
}
