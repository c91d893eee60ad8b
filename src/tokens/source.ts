import type { CredentialRecorder } from "../secrets/credential-recorder.js";
import type { RequestLimits } from "./refusal-policy.js";
import type { Token } from "./token.js";

/** Why a token is asked for; it is the `reason` of the events. */
export type RenewalReason = "demand" | "expiry" | "schedule" | "forced" | "rejected";

export interface TokenRequest {
  readonly reason: RenewalReason;
  /** Ends the shared work, not one caller: deadline passed or manager stopped. */
  readonly signal: AbortSignal;
  /** Has the values that were read to compute the entry key. Absent without a store. */
  readonly reads?: CredentialRecorder | undefined;
  /** Counts from 1. */
  readonly attempt: number;
  /** The MCP server refused this token, which is to be replaced. */
  readonly refused?: RefusedToken | undefined;
  /** It follows failures: it is tried once, and whoever asks sees to the pauses. */
  readonly probe?: boolean;
}

/** A token that the MCP server refused, and that other calls may still be accepted with. */
export interface RefusedToken {
  readonly token: Token;
  /**
   * Called under the token's lock, right before a request, with what is stored of the limits: those to be stored from now
   * on, or `undefined` when no request may be made now.
   */
  take(stored: RequestLimits | undefined): RequestLimits | undefined;
}

/**
 * Anything that can hand out a token. Safe to call any number of times at once; the token must not be changed.
 * Rejects with `McpAuthError` only.
 *
 * The leaf asks the authorization server at every call; the wrappers around it add observing, retrying, the
 * cool-down, sharing and caching, one each.
 */
export interface TokenSource {
  getToken(request: TokenRequest): Promise<Token>;
}
