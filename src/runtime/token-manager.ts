import type { McpAuthError } from "../errors/error.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Token } from "../tokens/token.js";

export interface TokenOptions {
  /**
   * Get a new token although the present one is good. Concurrent calls share one request; when it fails, the call
   * rejects and the present token stays.
   */
  readonly forceRefresh?: boolean;
  /** Detaches this caller, who gets `aborted`; a request that others share goes on. */
  readonly signal?: AbortSignal;
}

export interface HeaderOptions {
  readonly signal?: AbortSignal;
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
 * All of them reject with `McpAuthError`: `secret_unavailable`, `key_invalid`, `insecure_url`, `discovery_failed`,
 * `issuer_mismatch`, `resource_mismatch`, `unsupported_by_server`, `token_request_rejected`,
 * `token_response_invalid`, `unauthorized`, `unavailable`, `tls_failed`, `timeout`, `aborted`, `stopped`, and
 * `config_invalid` for a server whose `${NAME}` has no value.
 */
export interface TokenManager {
  /** The server's name in the config. */
  readonly name: string;
  /** The server's URL as the config has it, variables filled in. Throws `config_invalid` where one has no value. */
  readonly url: string;
  /**
   * `fetch` that sends the server's token, to this server only, and gets a new one after a 401. It needs no `this`.
   *
   * Rejects with `egress_denied` for a URL outside of the server's `reach`, besides the codes above.
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
   * @example
   * ```ts
   * const token = await billing.getAccessToken({ signal: AbortSignal.timeout(2_000) });
   * ```
   */
  getAccessToken(options?: TokenOptions): Promise<string>;
  /** The access token with what is known of it. The token itself shows neither in JSON nor under `inspect`. */
  getToken(options?: TokenOptions): Promise<Token>;
  /** The `headers` of the config and `Authorization`, for clients that take headers. They hold secrets. */
  getHeaders(options?: HeaderOptions): Promise<Record<string, string>>;
  /** Where this manager stands, without waiting and without a secret. */
  status(): TokenManagerStatus;
}
