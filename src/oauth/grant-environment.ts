import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { MetadataCache } from "../discovery/metadata-cache.js";
import type { Dpop } from "../dpop/dpop.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Network } from "../net/network.js";
import type { CredentialWatch } from "../secrets/credential-watch.js";

/** What a grant takes from outside. */
export interface GrantEnvironment extends Pick<KeyContext, "env" | "resolvers" | "allowExec" | "signers"> {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
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
  /** Knows what the requests of this manager are made with. */
  readonly watch?: CredentialWatch | undefined;
  /** Told what was found out about the two servers. */
  readonly onTarget?: ((target: Target) => void) | undefined;
}
