import type { McpAuthError, McpAuthErrorCode } from "../errors/error.js";
import type { RenewalReason } from "./source.js";

/** The payload of a token event. It contains no secret. */
export interface TokenEvent {
  /** The server's name in the config. */
  readonly server: string;
  /** `undefined` for a static token. */
  readonly issuer: string | undefined;
  readonly reason: RenewalReason;
  /** Milliseconds: duration of the attempt or of the cool-down, or age of the rejected token. */
  readonly durationMs: number;
  /** Expiry of the token, in milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** The code of the error. `clock_skew`: the clock of the server differs from that of this machine. */
  readonly code?: McpAuthErrorCode | "clock_skew";
  /** The `error` in the response of the authorization server, if it is a registered code (RFC 6749 §11.4). */
  readonly oauthError?: string;
  /** The message of the error or warning: what failed and what to do. It contains no text that a server chose. */
  readonly message?: string;
  /** Number of the attempt, from 1. */
  readonly attempt?: number;
}

/**
 * Returns the fields of an event that describe an error. The `details` of the error are left out, because they are text
 * of a server.
 */
export function errorFields(
  error: McpAuthError | undefined,
): Pick<TokenEvent, "code" | "oauthError" | "message"> {
  if (error === undefined) return {};
  const { code, oauthError, message } = error;
  return { code, message, ...(oauthError !== undefined && { oauthError }) };
}

export type TokenEventName =
  | "token:renewed"
  | "token:warning"
  | "token:failed"
  | "token:rejected"
  | "token:cooldown"
  | "store:down"
  | "secret:changed"
  | "key:rotated";

export type Report = (name: TokenEventName, event: TokenEvent) => void;
