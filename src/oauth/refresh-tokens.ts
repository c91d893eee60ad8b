import type { Secret } from "../lib/secret.js";
import type { IssuedToken } from "./grants/issued-token.js";

/** The latest refresh token of each family, for servers that replace refresh tokens when they are used. */
export interface RefreshTokens {
  /**
   * Calls `use` with the latest refresh token of a family, while no other process uses that family. The successor is
   * durable before this resolves. Rejects with the error of `use`, and with `store_unavailable`.
   */
  redeem(
    family: RefreshTokenFamily,
    limits: { readonly timeout: number; readonly signal: AbortSignal },
    use: (redemption: Redemption) => Promise<IssuedToken>,
  ): Promise<IssuedToken>;
}

/** One use of a refresh token. */
export interface Redemption {
  readonly current: Secret;
  /** Aborted when nobody waits any more, as long as nothing was sent. */
  readonly signal: AbortSignal;
  /** To be awaited directly before each request is sent. Rejects with `store_unavailable` when it must not be sent. */
  readonly sending: () => Promise<void>;
  /** To be called with the status of each response, and with the successor if the server replaced the refresh token. */
  readonly answered: (status: number, successor: Secret | undefined) => void;
}

/** All refresh tokens that descend from the one in the config (RFC 9700 §4.14.2). */
export interface RefreshTokenFamily {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  readonly issuer: string;
  readonly clientId: string | undefined;
  /** The refresh token in the config. */
  readonly seed: Secret;
}
