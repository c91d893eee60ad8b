import { McpAuthError } from "../errors/error.js";
import { parseDuration as parse } from "../lib/duration.js";

/**
 * Returns the milliseconds of a duration that is written as in the config. Throws `config_invalid` for other text, and
 * for less than a second.
 *
 * @param what names the duration at the beginning of the message
 */
export function parseDuration(text: string, what: string): number {
  const milliseconds = parse(text);
  if (milliseconds !== undefined && milliseconds >= 1_000) return milliseconds;
  throw new McpAuthError("config_invalid", `${what} must be at least a second, such as "90s" or "1h".`);
}
