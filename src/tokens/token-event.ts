import type { McpAuthError, McpAuthErrorCode } from "../errors/error.js";
import type { RenewalReason } from "./source.js";

/** What an event says. It holds no secret. */
export interface TokenEvent {
  /** The server's name in the config. */
  readonly server: string;
  /** `undefined` for a static token. */
  readonly issuer: string | undefined;
  readonly reason: RenewalReason;
  /** Milliseconds: what the attempt took, how long the cool-down is, or how old the rejected token was. */
  readonly durationMs: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** What went wrong; `clock_skew`: the clock of the server differs from that of this machine. */
  readonly code?: McpAuthErrorCode | "clock_skew";
  /** The `error` that the authorization server answered with, if it is a registered code (RFC 6749 §11.4). */
  readonly oauthError?: string;
  /** What to do about it: the message of the error or warning, which holds nothing that a server chose. */
  readonly message?: string;
  /** Counts from 1. */
  readonly attempt?: number;
}

/** What an event says of an error. Its `details` are a server's text, and stay with the error. */
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
