import type { Readings } from "../secrets/readings.js";
import type { Token } from "./token.js";

/** Why a token is asked for; it is the `reason` of the events. */
export type RenewalReason = "demand" | "expiry" | "schedule" | "forced" | "rejected";

export interface TokenRequest {
  readonly reason: RenewalReason;
  /** Ends the shared work, not one caller: deadline passed or manager stopped. */
  readonly signal: AbortSignal;
  /** What was read for this attempt already. */
  readonly readings?: Readings | undefined;
  /** Counts from 1. */
  readonly attempt: number;
  /** It follows failures: it is tried once, and whoever asks sees to the pauses. */
  readonly probe?: boolean;
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
