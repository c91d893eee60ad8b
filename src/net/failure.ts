import { McpAuthError, type McpAuthErrorCode } from "../errors/error.js";
import { errorMark } from "../errors/error-notes.js";
import { noteFindings } from "../errors/findings.js";

/**
 * A failure that does not name a server of the config yet. Several servers share a lookup, and each of them gets an
 * error with its own name.
 */
export interface Failure {
  readonly code: McpAuthErrorCode;
  /** What failed and what to do, in a sentence or two that follow `Server "name": `. */
  readonly detail: string;
  /** The id of the finding that the detail explains: see `findingsIn`. */
  readonly finding?: string | undefined;
  /** The part of the detail that says why and what to do, for a message about several failures with the same cause. */
  readonly advice?: string;
  /**
   * The same in a few words that follow a URL, for a message that lists several: "could not be reached (ECONNREFUSED)".
   */
  readonly brief?: string;
  /** The code of the system or of the network library, such as `ENOTFOUND`, if the request failed with one. */
  readonly systemCode?: string | undefined;
  readonly retryable?: boolean;
  /** Milliseconds. */
  readonly retryAfter?: number;
  /** Values from server responses, for the `details` of the error. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the connection failed, so that no server received any part of the request. */
  readonly neverArrived?: boolean;
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function fail(failure: Failure): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure };
}

const unsent = errorMark();

/** Returns the error of a failure for one server. */
export function failureError(server: string, failure: Failure): McpAuthError {
  const { code, detail, finding, retryable, retryAfter, details } = failure;
  const options = { server, retryable, retryAfter, details };
  const error = new McpAuthError(code, `Server "${server}": ${detail}`, options);
  if (finding !== undefined) noteFindings(error, [finding]);
  return failure.neverArrived === true ? unsent.mark(error) : error;
}

/** Returns whether it is certain that the failed request did not reach a server. */
export const neverArrived = unsent.has;
