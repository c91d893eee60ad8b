import { McpAuthError, type McpAuthErrorCode } from "../errors/error.js";

/**
 * What went wrong, before it is known for whom. Lookups are shared by several servers of the config, and each of
 * them wants an error with its own name on it.
 */
export interface Failure {
  readonly code: McpAuthErrorCode;
  /** A sentence or two: what failed and what to do; follows `Server "name": `. */
  readonly detail: string;
  /** The same in a few words that follow the URL, for a message that lists several: "could not be reached (ECONNREFUSED)". */
  readonly brief?: string;
  readonly retryable?: boolean;
  /** Milliseconds. */
  readonly retryAfter?: number;
  /** What servers said, for the `details` of the error. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** There was no connection: nobody has got anything of the request. */
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

/** The error for one server. */
export function failureError(server: string, failure: Failure): McpAuthError {
  const { code, detail, retryable, retryAfter, details } = failure;
  const options = { server, retryable, retryAfter, details };
  const error = new McpAuthError(code, `Server "${server}": ${detail}`, options);
  if (failure.neverArrived === true) unsent.add(error);
  return error;
}

// Beside the errors and not on them: nobody outside has a use for it.
const unsent = new WeakSet<McpAuthError>();

/** Whether it is certain that the request of which this came did not reach anybody. */
export function neverArrived(error: McpAuthError): boolean {
  return unsent.has(error);
}
