import type { McpAuthError } from "../errors/error.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { AccessToken } from "../tokens/token.js";
import type { McpClientCapabilities } from "./client-capabilities.js";
import type { RuntimeSubject } from "./subjects.js";

export interface TokenOptions {
  /**
   * Request a token for exactly these scopes instead of the default scopes. Each scope set has its own cache.
   * With `[]` no `scope` is sent, and the authorization server decides (RFC 6749 §3.3).
   */
  readonly scopes?: readonly string[];
  /**
   * Get a new token although the current one is still usable. Concurrent calls share one request. If it fails, the call
   * rejects and the current token stays in use.
   */
  readonly forceRefresh?: boolean;
  /** Rejects this call with `aborted`. A token request that other calls share goes on. */
  readonly signal?: AbortSignal;
}

export interface HeaderOptions {
  /** Rejects this call with `aborted`. */
  readonly signal?: AbortSignal;
  /** Scopes of the token, as in `TokenOptions`. */
  readonly scopes?: readonly string[];
  /** Method of the request that the headers are for. Required with DPoP: a proof is for one request (RFC 9449 §4.2). */
  readonly method?: string;
  /** URL of that request. It must be within the server's `reach`. */
  readonly url?: string | URL;
}

/**
 * `fresh`: valid. `stale`: valid, and its renewal is due. `expired`: the next call requests another one. `none`: no token
 * was needed yet. `cooldown`: a request failed, and calls fail at once until the pause ends. `asleep`: nobody used the
 * server for a while, so its token is not renewed. `stopped`: `stop()` was called.
 */
export type TokenState = "none" | "fresh" | "stale" | "expired" | "cooldown" | "asleep" | "stopped";

/** The state of a manager. It contains no secret. */
export interface TokenManagerStatus {
  readonly server: string;
  readonly state: TokenState;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** Time of the next background renewal, in milliseconds since the epoch. Absent if none is planned. */
  readonly nextRefreshAt?: number;
  /** The failure of the last token request. Absent after a success. */
  readonly lastError?: McpAuthError;
  /**
   * When the server last refused the current token, in milliseconds since the epoch. Absent after a new token,
   * after a request that the server accepted, and when the token has expired.
   */
  readonly rejectedAt?: number;
  /** The `kid` of the key that signed the last client assertion (RFC 7523). */
  readonly kid?: string;
}

/**
 * Gets, caches and renews the tokens of one MCP server. All methods can be called concurrently: calls that need a new
 * token share one request.
 *
 * Methods reject with `McpAuthError`: `secret_unavailable`, `key_invalid`, `signer_unavailable`, `insecure_url`,
 * `discovery_failed`, `issuer_mismatch`, `resource_mismatch`, `unsupported_by_server`, `token_request_rejected`,
 * `token_response_invalid`, `unauthorized`, `unavailable`, `tls_failed`, `timeout`, `aborted`, `stopped`, and
 * `config_invalid` or `insecure_url` for a server whose config cannot be used. Other failures, such as a network error
 * of the MCP request itself, reject as they do with any `fetch`.
 */
export interface TokenManager {
  /** The server's name in the config. */
  readonly name: string;
  /**
   * The server's URL from the config, with variables replaced. Throws `config_invalid` or `insecure_url` if it cannot
   * be used, and `secret_unavailable` after `forget()`.
   */
  readonly url: string;
  /**
   * The authorization extensions that the config uses, for the `capabilities` of an MCP client.
   *
   * @example
   * ```ts
   * const client = new Client(info, { capabilities: { ...billing.clientCapabilities } });
   * ```
   */
  readonly clientCapabilities: McpClientCapabilities;
  /**
   * A `fetch` that adds the server's token (RFC 6750 §2.1), and sends it to this server only. It also adds the DPoP
   * proof (RFC 9449) or presents the certificate (RFC 8705) that the token is bound to. After a 401 it sends the
   * request again with a new token; after a 403 with `insufficient_scope`, with a token that has the scopes. It is
   * bound: it can be passed on without the manager.
   *
   * Rejects with the codes above, with `egress_denied` for a URL outside of the server's `reach`, and with
   * `insufficient_scope` if the server wants a scope that is neither in `scopes` nor in `stepUp` (RFC 6750 §3.1).
   *
   * @example
   * ```ts
   * const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: billing.fetch });
   * ```
   */
  readonly fetch: FetchFunction;
  /**
   * Returns the access token as a string: at once if there is a usable one, else after a token request.
   *
   * Rejects with the codes above, and with `sender_constrained` for a token that does not work alone because it is
   * bound to a key (RFC 9449) or a certificate (RFC 8705).
   *
   * @example
   * ```ts
   * const token = await billing.getAccessToken({ signal: AbortSignal.timeout(2_000) });
   * ```
   */
  getAccessToken(options?: TokenOptions): Promise<string>;
  /**
   * Returns the access token with its expiry and scopes. JSON and `util.inspect` show `<secret>` instead of the token.
   * Rejects with the codes above.
   *
   * @example
   * ```ts
   * const { accessToken, expiresAt } = await billing.getToken();
   * ```
   */
  getToken(options?: TokenOptions): Promise<AccessToken>;
  /**
   * Returns the `headers` of the config and `Authorization`, for clients that accept headers. They contain secrets.
   * With DPoP, they are for the one request that `method` and `url` name. Prefer `fetch`, which also sends a request
   * again if the server wants another DPoP nonce (RFC 9449 §9).
   *
   * Rejects with the codes above, with `sender_constrained` if the token is bound to a certificate, or to a key and
   * `method` or `url` is missing, and with `egress_denied` for a `url` outside of the server's `reach`.
   *
   * @example
   * ```ts
   * const headers = await billing.getHeaders({ method: "POST", url });
   * ```
   */
  getHeaders(options?: HeaderOptions): Promise<Record<string, string>>;
  /**
   * Returns the manager of one user, for a config whose subject is `{ "runtime": true }` (RFC 8693, SEP-990). Each user
   * has their own cache. Calls with the same `key` return the same manager, which uses the `subjectToken` of the
   * last call. The tokens of users are renewed when they are used, not by timers.
   *
   * Throws `config_invalid` for a server whose config has no such subject.
   *
   * @example
   * ```ts
   * const response = await billing.for({ key: user.id, subjectToken: user.idToken }).fetch(url, init);
   * ```
   */
  for(subject: RuntimeSubject): TokenManager;
  /**
   * Drops the tokens of a user, for example when the user signs out: those of all scope sets, from memory and from the
   * store. The managers that `for()` returned for this `key` fail with `secret_unavailable` from now on, and so do their
   * calls that wait for a token. After the promise has resolved, the next `for()` with this `key` starts anew. Other
   * users, and an unknown `key`, are not affected. Nothing is sent to the authorization server: the tokens stay valid
   * there until they expire.
   *
   * Resolves when the store has no token of the user any more. Rejects with `store_unavailable` if the store cannot be
   * used, then the tokens are dropped from memory only; with `config_invalid` for a server whose config has no such
   * subject; and with `config_invalid` or `insecure_url` for a server whose config cannot be used.
   *
   * @example
   * ```ts
   * await billing.forget(user.id);
   * ```
   */
  forget(key: string): Promise<void>;
  /** Returns the state of this manager, without a request and without a secret. */
  status(): TokenManagerStatus;
}
