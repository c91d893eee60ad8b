import { type ErrorDetails, errorDetails } from "./details.js";

/**
 * The stable error codes. A code never changes its meaning; see `docs/errors.md` for the cause of each and what
 * to do about it.
 */
export type McpAuthErrorCode =
  | "config_not_found"
  | "config_invalid"
  | "secret_unavailable"
  | "key_invalid"
  | "signer_unavailable"
  | "unknown_server"
  | "insecure_url"
  | "egress_denied"
  | "discovery_failed"
  | "issuer_mismatch"
  | "resource_mismatch"
  | "unsupported_by_server"
  | "token_request_rejected"
  | "token_response_invalid"
  | "unauthorized"
  | "insufficient_scope"
  | "sender_constrained"
  | "unavailable"
  | "tls_failed"
  | "timeout"
  | "aborted"
  | "store_unavailable"
  | "stopped";

/** One mistake in a config: where it is, and what is allowed there. It never contains the value of a string. */
export interface Violation {
  /** Path of the file; absent for a config given as an object. */
  readonly file?: string;
  /** 1-based line in the file. */
  readonly line?: number;
  /** 1-based column in the file, in UTF-16 code units. */
  readonly column?: number;
  /** JSON pointer (RFC 6901) to the mistake; `""` for the document itself. */
  readonly pointer: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** What to write instead. */
  readonly hint?: string;
}

export interface McpAuthErrorOptions {
  /** Name of the MCP server in the config that the failure belongs to. */
  readonly server?: string | undefined;
  /** Whether the same call may succeed later without any change. */
  readonly retryable?: boolean | undefined;
  /** Milliseconds to wait before another try is useful. */
  readonly retryAfter?: number | undefined;
  /** The `error` code (RFC 6749 §5.2) that the authorization server returned, if it is a registered one. */
  readonly oauthError?: string | undefined;
  /**
   * Values from server responses: strings, numbers, and lists of them. The constructor cuts long values and removes
   * credentials.
   */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly violations?: readonly Violation[] | undefined;
}

/**
 * Every failure of this package. The message says what failed, for which server, and what to do. It contains no secret,
 * token, assertion, response body or text that a server chose, so it may be logged or shown to a model. What servers
 * said is in `details`, which appears neither in JSON nor under `util.inspect`.
 *
 * It never has a `cause`, because errors of libraries can contain requests and response bodies.
 *
 * @example
 * ```ts
 * try {
 *   await billing.getAccessToken();
 * } catch (error) {
 *   if (error instanceof McpAuthError && error.retryable) await later(error.retryAfter ?? 1_000);
 *   else throw error;
 * }
 * ```
 */
export class McpAuthError extends Error {
  static {
    // The build shortens the names of classes, but `util.inspect` must show this one.
    Object.defineProperty(McpAuthError, "name", { value: "McpAuthError" });
  }
  override readonly name: string = "McpAuthError";
  readonly code: McpAuthErrorCode;
  readonly retryable: boolean;
  declare readonly server?: string;
  declare readonly retryAfter?: number;
  declare readonly oauthError?: string;
  declare readonly violations?: readonly Violation[];
  // Private, because loggers copy all properties, even those that are not enumerable.
  readonly #details: ErrorDetails | undefined;

  constructor(code: McpAuthErrorCode, message: string, options: McpAuthErrorOptions = {}) {
    super(message);
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.server !== undefined) this.server = options.server;
    if (options.retryAfter !== undefined) this.retryAfter = options.retryAfter;
    if (options.oauthError !== undefined) this.oauthError = options.oauthError;
    if (options.violations !== undefined) this.violations = options.violations;
    this.#details = options.details && errorDetails(options.details);
  }

  /**
   * Values from server responses, by their names in the protocol: scopes, URLs, `error_description`. For a person to
   * read, not for a log or a model, because a server chose the text. A value has at most 200 characters, with
   * `<secret>` in place of credentials that were sent. It appears only when it is read: not in JSON, not under
   * `util.inspect`, not in a copy.
   */
  get details(): ErrorDetails | undefined {
    // The prototype, which a debugger may inspect, does not have the private field.
    return #details in this ? this.#details : undefined;
  }

  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      server: this.server,
      retryable: this.retryable,
      retryAfter: this.retryAfter,
      oauthError: this.oauthError,
      violations: this.violations,
    };
  }
}
