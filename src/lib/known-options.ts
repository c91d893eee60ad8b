import { McpAuthError } from "../errors/error.js";
import { didYouMean } from "./near-names.js";
import { quoted } from "./printable.js";

/**
 * Throws `config_invalid` for an option of `call` that is not a member of `known`: a misspelled one would have no effect. One whose
 * value is `undefined` counts as not given.
 */
export function assertKnownOptions(call: string, options: object, known: object): void {
  const names = Object.keys(known);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(known, name)) continue;
    const hint = didYouMean(name, names) || ` It has: ${names.join(", ")}.`;
    throw new McpAuthError("config_invalid", `${call}() has no option ${quoted(name)}.${hint}`);
  }
}
