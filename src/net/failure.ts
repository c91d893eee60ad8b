import { McpAuthError, type McpAuthErrorCode } from "../errors/error.js";

/**
 * What went wrong, before it is known for whom. Lookups are shared by several servers of the config, and each of
 * them wants an error with its own name on it.
 */
export interface Failure {
  readonly code: McpAuthErrorCode;
  /** A sentence or two: what failed and what to do; follows `Server "name": `. */
  readonly detail: string;
  readonly retryable?: boolean;
  /** Milliseconds. */
  readonly retryAfter?: number;
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
  const { code, detail, retryable, retryAfter } = failure;
  return new McpAuthError(code, `Server "${server}": ${detail}`, { server, retryable, retryAfter });
}
