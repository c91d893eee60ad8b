import "../lib/check-node.js";
import { type FetchFunction, McpAuthError, type TokenManager } from "../index.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion, installedVersion } from "./common/host-version.js";

/** Options of `StreamableHTTPClientTransport` and `SSEClientTransport` of the MCP SDK, 1 and 2, as far as set here. */
export interface McpSdkTransportOptions {
  readonly fetch: FetchFunction;
}

/** `AuthProvider` of `@modelcontextprotocol/client` 2, as far as it is implemented here. */
export interface McpSdkAuthProvider {
  token(): Promise<string>;
  onUnauthorized(context?: { readonly response?: Response }): Promise<void>;
}

/** The parts of `OAuthClientProvider` of the MCP SDK, 1 and 2, that a client without a user needs. */
export interface McpSdkOAuthProvider {
  readonly redirectUrl: undefined;
  readonly clientMetadata: McpSdkClientMetadata;
  clientInformation(): { client_id: string; issuer: string };
  tokens(): Promise<{ access_token: string; token_type: string }>;
  saveTokens(tokens: McpSdkTokens): Promise<void>;
  addClientAuthentication(
    headers: Headers,
    params: URLSearchParams,
    url: string | URL,
    metadata?: { readonly issuer: string },
  ): Promise<void>;
  prepareTokenRequest(scope?: string): Promise<URLSearchParams>;
  invalidateCredentials(): void;
  redirectToAuthorization(): never;
  saveCodeVerifier(): void;
  codeVerifier(): never;
}

export interface McpSdkClientMetadata {
  client_name: string;
  redirect_uris: string[];
  grant_types: string[];
}

export interface McpSdkTokens {
  access_token: string;
  token_type: string;
  expires_in?: number | undefined;
  scope?: string | undefined;
}

/**
 * Returns the options of `StreamableHTTPClientTransport` for the MCP SDK: `@modelcontextprotocol/client` 2, and
 * `@modelcontextprotocol/sdk` from 1.15.0 on. Its requests carry the manager's token, the config's `headers`, and the
 * proof or certificate that the token may need. A refused token is replaced, with one request for all calls.
 *
 * Throws `config_invalid` for an older SDK, which ignores `fetch`, and `config_invalid` or `insecure_url` for a server
 * whose config cannot be used. The client's calls reject with the codes of `manager.fetch`.
 *
 * @example
 * ```ts
 * const billing = auth.resolve("billing");
 * await client.connect(new StreamableHTTPClientTransport(new URL(billing.url), transportOptions(billing)));
 * ```
 */
export function transportOptions(manager: TokenManager): McpSdkTransportOptions {
  assertSdkVersion("1.15.0", 'it ignores "fetch" and would send its requests without a token');
  // Throws now if the server cannot be used.
  internalsOf(manager);
  return { fetch: hostFetch(manager) };
}

/**
 * Returns an `authProvider` for the transports of `@modelcontextprotocol/client` 2. Its calls share one token request,
 * as those of `manager.fetch` do. Use one of the two, not both. `fetch` is better, because it knows which token a 401
 * was for, sends the config's `headers`, and can send the proof or certificate that a token may need.
 *
 * Its `token()` rejects with the codes of `getAccessToken`, including `sender_constrained`, and with `egress_denied`
 * after a reload has given the server another URL, because the transport still uses the old one.
 *
 * @example
 * ```ts
 * const provider = authProvider(auth.resolve("billing"));
 * const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
 * ```
 */
export function authProvider(manager: TokenManager): McpSdkAuthProvider {
  const internals = internalsAt(manager);
  // Throws now if the server cannot be used.
  internals();
  let sent: string | undefined;
  return {
    async token() {
      internals();
      sent = await manager.getAccessToken();
      return sent;
    },
    async onUnauthorized({ response } = {}) {
      // The SDK does not say which token the 401 was for, so this reports the last one that it got. If that is newer
      // than the refused one, it still stays in use until another one replaces it, and the SDK sends its request again
      // with it.
      if (sent !== undefined)
        await internals().reportRefused(sent, response?.headers.get("www-authenticate"));
    },
  };
}

/**
 * Returns an `authProvider` for hosts that accept only the `OAuthClientProvider` of the MCP SDK (1.x and 2.x). Requests
 * carry the manager's token. After a 401 the SDK makes its own token request. The credential is added to it only if it
 * goes to the token endpoint of the pinned issuer, and the manager takes the token that it returns. Because the SDK
 * makes the request, concurrent calls after a 401 may each make one.
 *
 * Throws `config_invalid` for an SDK 1 older than 1.24.0, which starts a login instead of a token request. Its methods
 * reject with `issuer_mismatch` if the SDK would send the credential elsewhere, and with `egress_denied` after a
 * reload has given the server another URL, because the transport still uses the old one.
 *
 * @example
 * ```ts
 * const provider = oauthProvider(auth.resolve("billing"));
 * const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
 * ```
 */
export function oauthProvider(manager: TokenManager): McpSdkOAuthProvider {
  assertSdkVersion("1.24.0", "it cannot request a token without a user");
  const internals = internalsAt(manager);
  const client = () => requireClient(manager.name, internals());
  const requests = new OpenRequests(internals().now);
  const { id } = client();
  let sent: string | undefined;
  return {
    redirectUrl: undefined,
    clientMetadata: { client_name: id, redirect_uris: [], grant_types: ["client_credentials"] },
    clientInformation() {
      const { id: client_id, issuer } = client();
      return { client_id, issuer };
    },
    async tokens() {
      internals();
      sent = await manager.getAccessToken();
      return { access_token: sent, token_type: "Bearer" };
    },
    async saveTokens(tokens) {
      const { access_token, token_type, expires_in, scope } = tokens;
      const current = internals();
      const isOfCurrentConfig = requests.allBeganWith(current);
      requests.end(current);
      if (isOfCurrentConfig) {
        await current.acceptTokenResponse({ access_token, token_type, expires_in, scope });
        sent = access_token;
      } else if (sent !== undefined) {
        // The SDK may have requested the token with an earlier config, so the manager requests its own.
        await current.reportRefused(sent);
      }
    },
    async addClientAuthentication(headers, params, url, metadata) {
      const current = internals();
      requests.begin(current);
      try {
        await current.authenticate({ url: String(url), issuer: metadata?.issuer, headers, body: params });
      } catch (error) {
        // The request is not made.
        requests.end(current);
        throw error;
      }
    },
    async prepareTokenRequest(scope) {
      const params = new URLSearchParams({ grant_type: "client_credentials" });
      // Version 1 of the SDK does not pass the scopes that the server names.
      const wanted = (await internals().scopes(scope?.split(" "))).join(" ");
      if (wanted !== "") params.set("scope", wanted);
      return params;
    },
    // Does nothing: a refused token request of the SDK does not make the token in use invalid.
    invalidateCredentials() {},
    redirectToAuthorization() {
      throw new TypeError("This client authorizes itself: no user signs in with a browser.");
    },
    saveCodeVerifier() {},
    codeVerifier() {
      throw new TypeError("This client authorizes itself: it has no code verifier.");
    },
  };
}

/** Version 2 of the SDK is a package of its own. If it is installed, an old version 1 may be there for something else. */
function assertSdkVersion(minimum: string, reason: string): void {
  if (installedVersion("@modelcontextprotocol/client") === undefined)
    assertHostVersion("@modelcontextprotocol/sdk", minimum, reason);
}

/**
 * Milliseconds, longer than any response takes. The SDK does not report failed requests, so they are removed after this
 * time.
 */
const maxRequestTime = 600_000;

/**
 * The token requests of the SDK without a response yet, grouped by the internals that the manager had when they began.
 */
class OpenRequests {
  readonly #now: () => number;
  /** A `WeakMap`, so that internals from before a reload can be collected. */
  readonly #numbers = new WeakMap<ManagerInternals, number>();
  #latest = 0;
  readonly #open = new Map<number, { readonly count: number; readonly at: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  begin(internals: ManagerInternals): void {
    const number = this.#numberOf(internals);
    this.#open.set(number, { count: (this.#open.get(number)?.count ?? 0) + 1, at: this.#now() });
  }

  end(internals: ManagerInternals): void {
    const number = this.#numberOf(internals);
    const { count = 0, at = 0 } = this.#open.get(number) ?? {};
    if (count > 1) this.#open.set(number, { count: count - 1, at });
    else this.#open.delete(number);
  }

  /** Returns whether all open requests began with these internals, so that no response is from before a reload. */
  allBeganWith(internals: ManagerInternals): boolean {
    const now = this.#now();
    for (const [number, { at }] of this.#open) {
      if (Math.abs(now - at) > maxRequestTime) this.#open.delete(number);
    }
    const current = this.#numberOf(internals);
    return [...this.#open.keys()].every((number) => number === current);
  }

  #numberOf(internals: ManagerInternals): number {
    const known = this.#numbers.get(internals);
    if (known !== undefined) return known;
    this.#latest += 1;
    this.#numbers.set(internals, this.#latest);
    return this.#latest;
  }
}

/**
 * Returns a function that returns the current internals of a manager. It throws `egress_denied` if a reload has given
 * the server another URL: a transport with the old URL would send the tokens of the new one there.
 */
function internalsAt(manager: TokenManager): () => ManagerInternals {
  const { name: server, url } = manager;
  return () => {
    if (manager.url === url) return internalsOf(manager);
    throw new McpAuthError(
      "egress_denied",
      `Server "${server}": a reload of the config has given it another URL, and its tokens are sent only there. Connect ` +
        "again to the manager's `url`, with a new provider.",
      { server },
    );
  };
}

function requireClient(name: string, internals: ManagerInternals): NonNullable<ManagerInternals["client"]> {
  if (internals.client !== undefined) return internals.client;
  throw new TypeError(
    `Server "${name}": the MCP SDK can make the token request only for the grant client_credentials, for an access token. ` +
      "Use the manager's fetch or authProvider instead.",
  );
}
