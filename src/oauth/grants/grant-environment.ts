import type { ServerChallenge } from "../../discovery/challenge.js";
import type { Target } from "../../discovery/metadata.js";
import type { MetadataCache } from "../../discovery/metadata-cache.js";
import type { Dpop } from "../../dpop/dpop.js";
import type { KeyContext } from "../../keys/signing-key.js";
import type { Clock } from "../../lib/clock.js";
import type { Secret } from "../../lib/secret.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";
import type { Network } from "../../net/network.js";
import type { ServerClocks } from "../../net/server-clocks.js";
import type { CredentialWatch } from "../../secrets/credential-watch.js";
import type { IssuedToken } from "./grant.js";

/** Refresh tokens that the server replaces, and where the latest of each is. */
export interface RefreshTokens {
  /**
   * Runs `use` with the latest refresh token of a lineage, as the only one anywhere who does. What has taken its place is
   * durable before this resolves. Rejects with what `use` does, and with `store_unavailable`.
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
  /** Awaited last of all before each request is sent. Rejects with `store_unavailable` when it must not be. */
  readonly sending: () => Promise<void>;
  /** Told the status of the answer, and what takes the place of the present one if the server has replaced it. */
  readonly answered: (status: number, successor: Secret | undefined) => void;
}

/** All that came from one refresh token which was given. */
export interface RefreshTokenFamily {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  readonly issuer: string;
  readonly clientId: string | undefined;
  readonly seed: Secret;
}

/** What a grant takes from outside. */
export interface GrantEnvironment extends Pick<KeyContext, "env" | "resolvers" | "permissions" | "signers"> {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
  /** Without them everything is signed in our own time. */
  readonly serverClocks?: ServerClocks | undefined;
  /** For clients that present a certificate. */
  readonly network: Pick<Network, "fetchAs">;
  readonly metadata: MetadataCache;
  readonly signedWith?: ((kid: string | undefined) => void) | undefined;
  /** The last challenge of the MCP server, if there was one. */
  readonly challenge?: (() => ServerChallenge | undefined) | undefined;
  /** Binds the token of the MCP server's authorization server; absent without DPoP. */
  readonly dpop?: Dpop | undefined;
  /** In place of the scopes of the config and of the server. */
  readonly scopes?: readonly string[] | undefined;
  /** The subject token of a grant whose subject is given at run time; absent where none was given. */
  readonly subjectToken?: (() => Promise<Secret>) | undefined;
  /** Absent without a store that lasts. */
  readonly refreshTokens?: RefreshTokens | undefined;
  /** Knows what the requests of this manager are made with. */
  readonly watch?: CredentialWatch | undefined;
  /** Told what was found out about the two servers. */
  readonly onTarget?: ((target: Target) => void) | undefined;
}
