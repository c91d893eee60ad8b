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
import type { IssuedToken } from "./issued-token.js";
import type { Redemption, RefreshTokenStore } from "./refresh-token-store.js";

/** The part of the runtime's context that attempts inherit. The runtime sets it once per config. */
export interface OAuthRuntime
  extends Pick<KeyContext, "env" | "envFilesIn" | "resolvers" | "signers" | "permissions" | "fetchDirect"> {
  /** Sends through the proxy and with the authorities that the config or the process environment names. */
  readonly fetch: FetchFunction;
  /** Sends with the certificate of a client. */
  readonly network: Pick<Network, "fetchAs">;
  readonly clock: Clock;
  /** The time at each server, learned from its responses. Assertions and proofs are signed in that time. */
  readonly serverClocks: ServerClocks;
  readonly metadata: MetadataCache;
  /** Absent without a persistent store. */
  readonly refreshTokens?: RefreshTokenStore | undefined;
}

/** The state of one manager. Its attempts read it and update it. */
export interface ManagerState {
  /** The last challenge of the MCP server. Set by the authorized `fetch`. */
  readonly challenge?: ServerChallenge | undefined;
  /** The latest metadata of the MCP server and its authorization server. Set by `findGrantTarget`. */
  target?: Target | undefined;
  /** The `kid` of the key that signed the last assertion for the authorization server. Set when one is signed. */
  kid?: string | undefined;
  /** Loads DPoP for tokens of the MCP server. Absent without DPoP. Set by the manager. */
  readonly dpop?: (() => Promise<Dpop>) | undefined;
  /** The user of a manager that `for()` returned. Set by the manager. */
  readonly subject?: ManagerSubject | undefined;
  /** The credentials of the last requests, to detect a change. Set by the manager. Absent: changes are not detected. */
  readonly credentials?: CredentialMemory | undefined;
}

export interface ManagerSubject {
  /** Returns the user's `key`. */
  readonly key: () => string;
  /** Returns the user's subject token. Rejects with `secret_unavailable`. */
  readonly token: () => Promise<Secret>;
}

/** The fields that only this attempt has. */
export interface AttemptOptions extends Pick<KeyContext, "recorder" | "onCredentialChange"> {
  readonly spec: ServerSpec;
  /** Default: an empty state that only this attempt uses. */
  readonly manager?: ManagerState | undefined;
  /**
   * Requested instead of the scopes of the config and of the server's metadata. Set by the token cache of a scope set.
   */
  readonly scopes?: readonly string[] | undefined;
  /** Aborted when the deadline of the acquisition passes or the manager stops. */
  readonly signal: AbortSignal;
  /** Reports a problem that does not stop the request. The message contains no text that a server chose. */
  readonly warn?: ((code: McpAuthErrorCode | "clock_skew", message?: string) => void) | undefined;
  /** The subjects that `warnOnce` has already warned about. Default: none. */
  readonly warned?: Set<string> | undefined;
  /** Set by the refresh token grant. */
  readonly redemption?: Redemption | undefined;
}

/** The fields that the caller of a grant passes to each attempt. */
export type AttemptRequest = Pick<AttemptOptions, "signal" | "recorder" | "warn" | "onCredentialChange">;

/**
 * The context of one attempt at a request to an authorization server. Secrets and keys are read with it too. Only
 * `createAttempt` creates one.
 */
export interface AttemptContext extends OAuthRuntime, AttemptOptions {
  /** The server's name, for messages. */
  readonly server: string;
  readonly manager: ManagerState;
  readonly warned: Set<string>;
  /** A pause between two reads of a file does not keep the process alive. */
  readonly unref: true;
}

/**
 * Gets a token in one attempt, without retries and caching. Each attempt builds a new request. Rejects with
 * `McpAuthError`: `retryable` tells whether another attempt may help, and `retryAfter` when.
 */
export type Grant = (attempt: AttemptContext) => Promise<IssuedToken>;

/**
 * Creates the context of one attempt. Only this function copies the fields of the runtime's context into an attempt.
 */
export function createAttempt(runtime: OAuthRuntime, options: AttemptOptions): AttemptContext {
  const { fetch, fetchDirect, network, clock, serverClocks, metadata, refreshTokens } = runtime;
  const { env, envFilesIn, resolvers, signers, permissions } = runtime;
  const { spec, manager = {}, warned = new Set() } = options;
  return {
    ...{ fetch, fetchDirect, network, clock, serverClocks, metadata, refreshTokens },
    ...{ env, envFilesIn, resolvers, signers, permissions },
    ...options,
    ...{ server: spec.name, manager, warned, unref: true },
  };
}

/** Warns once about each subject, by default that a server does not list a feature that the request uses. */
export function warnOnce(
  { warned, warn }: Pick<AttemptContext, "warned" | "warn">,
  subject: string,
  code: McpAuthErrorCode = "unsupported_by_server",
  message?: string,
): void {
  if (warned.has(subject)) return;
  warned.add(subject);
  warn?.(code, message);
}
