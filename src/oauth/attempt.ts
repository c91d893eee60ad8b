import type { ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { MetadataCache } from "../discovery/metadata-cache.js";
import type { Dpop } from "../dpop/dpop.js";
import type { McpAuthErrorCode } from "../errors/error.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Network } from "../net/network.js";
import type { ServerClocks } from "../net/server-clocks.js";
import type { CredentialMemory } from "../secrets/credential-memory.js";
import type { IssuedToken } from "./grants/issued-token.js";
import type { Redemption, RefreshTokens } from "./refresh-tokens.js";

/** The part of the runtime's context that attempts inherit. The runtime sets it once per config. */
export interface OAuthRuntime extends Pick<KeyContext, "env" | "resolvers" | "signers" | "permissions"> {
  /** Sends through the proxy and with the authorities that the config or the process environment names. */
  readonly fetch: FetchFunction;
  /** Sends with the certificate of a client. */
  readonly network: Pick<Network, "fetchAs">;
  readonly clock: Clock;
  /** The time at each server, learned from its responses. Assertions and proofs are signed in that time. */
  readonly serverClocks: ServerClocks;
  readonly metadata: MetadataCache;
  /** Absent without a store that lasts. */
  readonly refreshTokens?: RefreshTokens | undefined;
}

/** What one manager knows. Its attempts read it and write what they learn. */
export interface ManagerState {
  /** The last challenge of the MCP server. Set by the authorized `fetch`. */
  readonly challenge?: ServerChallenge | undefined;
  /** What discovery found out about the MCP server and its authorization server. Set by `findGrantTarget`. */
  target?: Target | undefined;
  /** The `kid` of the key that signed the last assertion for the authorization server. Set when one is signed. */
  kid?: string | undefined;
  /** Loads DPoP for tokens of the MCP server. Absent without DPoP. Set by the manager. */
  readonly dpop?: (() => Promise<Dpop>) | undefined;
  /** The user that a manager of `for()` is for. Set by the manager. */
  readonly subject?: ManagerSubject | undefined;
  /** What the last requests were made with. Set by the manager; absent where nothing is to be compared. */
  readonly credentials?: CredentialMemory | undefined;
}

export interface ManagerSubject {
  /** Identifies the user. */
  readonly key: () => string;
  /** Rejects with `secret_unavailable`. */
  readonly token: () => Promise<Secret>;
}

/** The fields that only this attempt has. */
export interface AttemptOptions extends Pick<KeyContext, "reads" | "notify"> {
  readonly spec: ServerSpec;
  /** Default: nothing is known, and what is learned is dropped. */
  readonly manager?: ManagerState | undefined;
  /** Requested in place of the scopes of the config and the server. Set by the token cache of a scope set. */
  readonly scopes?: readonly string[] | undefined;
  /** Aborted when the deadline of the acquisition passes or the manager stops. */
  readonly signal: AbortSignal;
  /** Reports a problem that does not stop the request. The message is ours and holds nothing that a server chose. */
  readonly warn?: ((code: McpAuthErrorCode | "clock_skew", message?: string) => void) | undefined;
  /** What `warnOnce` has reported. Default: nothing. */
  readonly warned?: Set<string> | undefined;
  /** Set by the refresh token grant. */
  readonly redemption?: Redemption | undefined;
}

/** What the caller of a grant passes to each attempt. */
export type AttemptRequest = Pick<AttemptOptions, "signal" | "reads" | "warn" | "notify">;

/**
 * Everything that one attempt at a request to an authorization server uses. It is also the context that secrets and keys
 * are read with. `createAttempt` is the only function that makes one.
 */
export interface AttemptContext extends OAuthRuntime, AttemptOptions {
  /** The server's name, for messages. */
  readonly server: string;
  readonly manager: ManagerState;
  readonly warned: Set<string>;
  /** Waiting for a token keeps the process alive where it has to; pauses between two reads do not. */
  readonly unref: true;
}

/**
 * Gets a token in one attempt: no retries, no caching; each attempt builds its request anew. Rejects with `McpAuthError`;
 * `retryable` tells whether another attempt may help, and `retryAfter` when.
 */
export type Grant = (attempt: AttemptContext) => Promise<IssuedToken>;

/** Makes the context of one attempt. Here, and nowhere else, an attempt inherits the fields of the runtime's context. */
export function createAttempt(runtime: OAuthRuntime, options: AttemptOptions): AttemptContext {
  const { fetch, network, clock, serverClocks, metadata, refreshTokens } = runtime;
  const { env, resolvers, signers, permissions } = runtime;
  const { spec, manager = {}, warned = new Set() } = options;
  return {
    ...{ fetch, network, clock, serverClocks, metadata, refreshTokens },
    ...{ env, resolvers, signers, permissions },
    ...options,
    ...{ server: spec.name, manager, warned, unref: true },
  };
}

/** Warns that a server does not list what is used all the same. Warns once about each thing. */
export function warnOnce(
  { warned, warn }: Pick<AttemptContext, "warned" | "warn">,
  about: string,
  code: McpAuthErrorCode = "unsupported_by_server",
  message?: string,
): void {
  if (warned.has(about)) return;
  warned.add(about);
  warn?.(code, message);
}
