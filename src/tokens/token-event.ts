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
 * The payload of `token:issued`, for an audit log. All values come from the config or are numbers of our own, except
 * `tokenHash`. It names no user: `for()` gets tokens of users, and who they are is known to the host.
 */
export interface TokenIssuedEvent {
  /** The server's name in the config. */
  readonly server: string;
  /** `undefined` for a static token. */
  readonly issuer: string | undefined;
  /** The ID of the client in the config. */
  readonly clientId?: string;
  /** The type of the grant in the config. */
  readonly grant: string;
  readonly reason: RenewalReason;
  /** Time of the token request, in milliseconds since the epoch. */
  readonly requestedAt: number;
  /** Expiry, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The scopes of the token that the config names in `scopes` or `stepUp`. Absent if it names none. */
  readonly scopes?: readonly string[];
  /**
   * SHA-256 of the token in base64url, the same value as `ath` of a DPoP proof (RFC 9449 §4.2). Absent for a token of
   * fewer than 22 characters, which could be guessed from it.
   */
  readonly tokenHash?: string;
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
