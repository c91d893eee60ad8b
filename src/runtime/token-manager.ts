import type { McpAuthError } from "../errors/error.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { AccessToken } from "../tokens/token.js";
import type { McpClientCapabilities } from "./client-capabilities.js";
import type { RuntimeSubject } from "./subjects.js";

export interface TokenOptions {
  /**
   * A token for just these scopes, in place of the manager's own. Each set of scopes has a cache of its own. `[]` asks
   * for none, so that the authorization server decides.
   */
  readonly scopes?: readonly string[];
  /**
   * Get a new token although the present one is good. Concurrent calls share one request; when it fails, the call
   * rejects and the present token stays.
   */
  readonly forceRefresh?: boolean;
  /** Detaches this caller, who gets `aborted`; a request that others share goes on. */
  readonly signal?: AbortSignal;
}

export interface HeaderOptions {
  /** Detaches this caller, who gets `aborted`. */
  readonly signal?: AbortSignal;
  /** As for `getAccessToken`. */
  readonly scopes?: readonly string[];
  /** The request that the headers are for, which DPoP needs to know: its headers are good for that one request. */
  readonly method?: string;
  /** Its URL, within the server's `reach`. */
  readonly url?: string | URL;
}

export type TokenState = "none" | "fresh" | "stale" | "expired" | "cooldown" | "asleep" | "stopped";

/** Where a manager stands. Holds no secret. */
export interface TokenManagerStatus {
  readonly server: string;
  readonly state: TokenState;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** Milliseconds since the epoch; absent when no renewal is planned. */
  readonly nextRefreshAt?: number;
  /** The latest failure, gone with the next token. */
  readonly lastError?: McpAuthError;
  /** The `kid` that the latest assertion was signed with. */
  readonly kid?: string;
}

/**
 * The tokens of one MCP server. Every method may be called any number of times at once: callers share one request.
 *
 * They reject with `McpAuthError`: `secret_unavailable`, `key_invalid`, `signer_unavailable`, `insecure_url`,
 * `discovery_failed`, `issuer_mismatch`, `resource_mismatch`, `unsupported_by_server`, `token_request_rejected`,
 * `token_response_invalid`, `unauthorized`, `unavailable`, `tls_failed`, `timeout`, `aborted`, `stopped`, and
 * `config_invalid` or `insecure_url` for a server that its config leaves unusable. What is no failure of
 * authorization, such as a network error of the MCP request itself, `fetch` rejects with as any `fetch` does.
 */
export interface TokenManager {
  /** The server's name in the config. */
  readonly name: string;
  /**
   * The server's URL as the config has it, variables filled in. Throws `config_invalid` or `insecure_url` where it
   * cannot be used.
   */
  readonly url: string;
  /**
   * What an MCP client that uses this manager may declare in its `capabilities`: the authorization extensions that the
   * config makes use of.
   *
   * @example
   * ```ts
   * const client = new Client(info, { capabilities: { ...billing.clientCapabilities } });
   * ```
   */
  readonly clientCapabilities: McpClientCapabilities;
  /**
   * `fetch` that sends the server's token, with the proof or certificate that goes with it, to this server only. It
   * gets a new token after a 401, and one with more scopes after a 403 that asks for scopes which the config allows.
   * It needs no `this`.
   *
   * Rejects with `egress_denied` for a URL outside of the server's `reach`, and with `insufficient_scope` when the
   * server wants a scope that is neither among `scopes` nor `stepUp` (RFC 6750 §3.1), besides the codes above.
   *
   * @example
   * ```ts
   * const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: billing.fetch });
   * ```
   */
  readonly fetch: FetchFunction;
  /**
   * The access token as a string.
   *
   * Rejects with `sender_constrained` when the token is of no use alone, because it is bound to a key (RFC 9449) or to
   * a certificate (RFC 8705), besides the codes above.
   *
   * @example
   * ```ts
   * const token = await billing.getAccessToken({ signal: AbortSignal.timeout(2_000) });
   * ```
   */
  getAccessToken(options?: TokenOptions): Promise<string>;
  /** The access token with what is known of it. The token itself shows neither in JSON nor under `inspect`. */
  getToken(options?: TokenOptions): Promise<AccessToken>;
  /**
   * The `headers` of the config and `Authorization`, for clients that take headers. They hold secrets. With DPoP they
   * are for the one request that `method` and `url` name, and there is no one who tries again when the server wants
   * another nonce: `fetch` does.
   *
   * Rejects with `sender_constrained` when a certificate must go along, or with DPoP without `method` and `url`, and
   * with `egress_denied` for a `url` outside of the server's `reach`, besides the codes above.
   */
  getHeaders(options?: HeaderOptions): Promise<Record<string, string>>;
  /**
   * The manager of one user, where the config gives the subject as `{ "runtime": true }` (RFC 8693, SEP-990). The same
   * `key` gives the same one, with a cache of its own; the latest `subjectToken` is used from then on. The tokens of
   * users are renewed by use, not by timers.
   *
   * Throws `config_invalid` for a server whose config gives no such subject.
   *
   * @example
   * ```ts
   * const response = await billing.for({ key: user.id, subjectToken: user.idToken }).fetch(url, init);
   * ```
   */
  for(subject: RuntimeSubject): TokenManager;
  /** Where this manager stands, without waiting and without a secret. */
  status(): TokenManagerStatus;
}
