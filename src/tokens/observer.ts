import type { McpAuthErrorCode } from "../errors/error.js";
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
  /** What went wrong. */
  readonly code?: McpAuthErrorCode;
  /** Counts from 1. */
  readonly attempt?: number;
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
