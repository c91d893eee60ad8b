import type { CredentialRecorder } from "../secrets/credential-recorder.js";
import type { Cause } from "../telemetry/token-telemetry.js";
import type { RequestLimits } from "./refusal-policy.js";
import type { Token } from "./token.js";

/** Why a token is requested. Events show it as `reason`. */
export type RenewalReason = "demand" | "expiry" | "schedule" | "forced" | "rejected";

export interface TokenRequest {
  readonly reason: RenewalReason;
  /** Aborted when the deadline passes or the manager stops. A single caller does not abort it. */
  readonly signal: AbortSignal;
  /** The values that were read to compute the entry key. Absent without a store. */
  readonly recorder?: CredentialRecorder | undefined;
  /** Counts from 1. */
  readonly attempt: number;
  /** The token that the MCP server refused and that the new one replaces. */
  readonly refused?: RefusedToken | undefined;
  /** The request follows failures. It is a single attempt, and the caller handles the pauses. */
  readonly probe?: boolean;
  /**
   * The span of the caller that found the token stale, for a renewal in the background.
   *
   * @internal Its type belongs to OpenTelemetry, which may not be installed.
   */
  readonly cause?: Cause | undefined;
}

/** A token that the MCP server refused. The server may still accept it for other calls. */
export interface RefusedToken {
  readonly token: Token;
  /**
   * Called with the stored limits right before the request, under the lock of the token. Returns the limits to store,
   * or `undefined` if the limits allow no request now.
   */
  takeAllowance(stored: RequestLimits | undefined): RequestLimits | undefined;
}

/**
 * Returns tokens. Safe for concurrent calls. The token must not be modified. Rejects with `McpAuthError`, and
 * with any other error only after a mistake in our code.
 *
 * The innermost source, `grantSource`, sends a request at every call. Each wrapper adds one thing: `withEvents`,
 * `SharedTokens`, `withRetry`, `withSpans`, and `SingleFlight` within the cache.
 */
export interface TokenSource {
  getToken(request: TokenRequest): Promise<Token>;
}
