import type { ErrorDetails } from "../errors/details.js";
import { printable } from "../lib/printable.js";

/**
 * Returns what servers said about a failure, one line per value. Their text is escaped, so that it cannot move the
 * cursor.
 */
export function detailLines(details: ErrorDetails = {}): readonly string[] {
  return Object.entries(details).map(([name, value]) => {
    const text = typeof value === "string" ? value : value.join(", ");
    return `${name}: ${printable(text)}`;
  });
}
