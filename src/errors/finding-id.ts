import type { McpAuthError } from "./error.js";
import { errorNotes } from "./error-notes.js";

/**
 * The ids of findings, beside the errors whose messages have their text. An id names one cause, such as
 * `issuer_trailing_slash`, and does not change, so that a program can count what went wrong and look up what to do.
 */
const ids = errorNotes<string>();

/** Notes which finding explains an error, and returns the error. */
export function withFindingId(error: McpAuthError, id: string | undefined): McpAuthError {
  return id === undefined ? error : ids.add(error, id);
}

/** Returns the id of the finding that explains an error; `undefined` if there is none. */
export const findingIdOf = ids.of;
