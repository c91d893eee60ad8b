import type { McpAuthError } from "../errors/error.js";
import { printable } from "../lib/printable.js";

/** What servers said of a failure, one line for each thing. It is their text: nothing in it moves a cursor. */
export function detailLines({ details = {} }: McpAuthError): readonly string[] {
  return Object.entries(details).map(([name, value]) => {
    const text = typeof value === "string" ? value : value.join(", ");
    return `  ${name}: ${printable(text)}`;
  });
}
