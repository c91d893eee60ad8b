import type { Secret } from "../lib/secret.js";
import type { IssuedToken } from "./issued-token.js";

/** Stores the latest refresh token of each family, for servers that replace a refresh token when it is used. */
export interface RefreshTokenStore {
  /**
   * Calls `use` with the latest refresh token of a family. No other process uses that family meanwhile. The successor
   * is in the store before the promise resolves. Rejects with the error of `use`, and with `store_unavailable`.
   */
  redeem(
    family: RefreshTokenFamily,
    limits: { readonly timeout: number; readonly signal: AbortSignal },
    use: (redemption: Redemption) => Promise<IssuedToken>,
  ): Promise<IssuedToken>;
  /**
   * Returns whether another process has replaced the refresh token that this one used last, or has stored the first
   * one. Rejects with `secret_unavailable` if there is none, and with `store_unavailable`.
   */
  isNew(family: RefreshTokenFamily): Promise<boolean>;
  /**
   * Makes a new refresh token the latest of its family, whatever the store has. It is in the store before the promise
   * resolves. Rejects with `store_unavailable`, and with `aborted`.
   */
  replace(family: RefreshTokenFamily, refreshToken: Secret, signal: AbortSignal): Promise<void>;
}

/** One use of a refresh token. */
export interface Redemption {
  readonly current: Secret;
  /** Aborted when no caller waits any more, unless a request was already sent. */
  readonly signal: AbortSignal;
  /** Await this directly before each request. Rejects with `store_unavailable` if the request must not be sent. */
  readonly sending: () => Promise<void>;
  /** Call this with the status of each response, and with the successor if the server replaced the refresh token. */
  readonly answered: (status: number, successor: Secret | undefined) => void;
}

/** All refresh tokens that descend from the one in the config, or from sign-ins of people (RFC 9700 §4.14.2). */
export interface RefreshTokenFamily {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  /** URL of the MCP server. Without a seed, each MCP server of a client has a family of its own. */
  readonly url: string;
  readonly issuer: string;
  readonly clientId: string | undefined;
  /** The refresh token in the config. Absent: the first one comes from the command `login`. */
  readonly seed: Secret | undefined;
}
