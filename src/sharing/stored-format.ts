// What the formats of all entries have in common: JSON objects that name their version.
import { type JsonObject, parseJsonObject } from "../lib/json-object.js";

/**
 * Rises when an older version would misread what a newer one writes. Entries of every older format must still be read:
 * test/integration/stored-entries has some of each version, and docs/upgrading.md says what a version does with those
 * of a later one.
 */
const formatVersion = 1;

/** Returns the text of an entry with these fields. */
export function serializeEntry(fields: object): string {
  return JSON.stringify({ v: formatVersion, ...fields });
}

/** Returns the fields of an entry; `undefined` if it is damaged or has another version of the format. */
export function parseEntry(text: string): JsonObject | undefined {
  const fields = parseJsonObject(text);
  return fields?.["v"] === formatVersion ? fields : undefined;
}

/** Returns whether a later version of this package wrote the text, so that it is not damaged, but cannot be read. */
export function isLaterEntry(text: string): boolean {
  const version = parseJsonObject(text)?.["v"];
  return Number.isSafeInteger(version) && Number(version) > formatVersion;
}

/** Returns whether a field is a number that can be calculated with. In JSON, 1e999 is infinite. */
export function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Milliseconds. A smaller difference does not mean that the clocks of two machines differ. */
export const clockTolerance = 1_000;
