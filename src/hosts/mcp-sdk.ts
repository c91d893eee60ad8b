import { McpAuthError, type TokenManager } from "../index.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";

/** `AuthProvider` of `@modelcontextprotocol/client` 2, as far as it is implemented here. */
export interface McpSdkAuthProvider {
  token(): Promise<string>;
  onUnauthorized(context?: { readonly response?: Response }): Promise<void>;
}

/** The parts of `OAuthClientProvider` of the MCP SDK, 1 and 2, that a machine client has. */
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
 * An `authProvider` for the transports of `@modelcontextprotocol/client` 2. Its calls share one token request, as
 * those of `manager.fetch` do. Use one of the two, not both; `fetch` is the better one, because it knows which
 * token a 401 was for, sends the config's `headers`, and can show the proof or certificate that a token may need.
 *
 * Its `token()` rejects with the codes of `getAccessToken`, `sender_constrained` among them, and with `egress_denied`
 * once a reload has given the server another URL: the transport is for the one before.
 *
 * @example
 * ```ts
 * const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: authProvider(auth.resolve("billing")) });
 * ```
 */
export function authProvider(manager: TokenManager): McpSdkAuthProvider {
  const internals = internalsAt(manager);
  // Says at once what cannot be used.
  internals();
  let sent: string | undefined;
  return {
    async token() {
      internals();
      sent = await manager.getAccessToken();
      return sent;
    },
    async onUnauthorized({ response } = {}) {
      // The SDK does not say which token the 401 was for. Where others have replaced that one, its call is sent again with
      // the new one; and a new one that is wrongly taken for refused stays in use all the same.
      if (sent !== undefined)
        await internals().reportRefused(sent, response?.headers.get("www-authenticate"));
    },
  };
}

/**
 * An `authProvider` for hosts that take only the `OAuthClientProvider` of the MCP SDK (1.x, and 2.x). Requests carry
 * the manager's token; after a 401 the SDK makes a token request of its own, to which the credential is added only
 * if it goes to the token endpoint of the pinned issuer. The token it gets is handed to the manager. Because the SDK
 * makes that request, concurrent calls after a 401 may each make one.
 *
 * Rejects with `issuer_mismatch` when the SDK would send the credential elsewhere, and with `egress_denied` once a reload
 * has given the server another URL: the transport is for the one before.
 *
 * @example
 * ```ts
 * const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: oauthProvider(auth.resolve("billing")) });
 * ```
 */
export function oauthProvider(manager: TokenManager): McpSdkOAuthProvider {
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
      const present = internals();
      const isOfPresent = requests.areAllOf(present);
      requests.answered(present);
      if (isOfPresent) {
        await present.acceptTokenResponse({ access_token, token_type, expires_in, scope });
        sent = access_token;
      } else if (sent !== undefined) {
        // It may have been asked for as an earlier config had it: the manager gets one of its own.
        await present.reportRefused(sent);
      }
    },
    async addClientAuthentication(headers, params, url, metadata) {
      const present = internals();
      requests.made(present);
      try {
        await present.authenticate({ url: String(url), issuer: metadata?.issuer, headers, body: params });
      } catch (error) {
        // It is not made after all.
        requests.answered(present);
        throw error;
      }
    },
    async prepareTokenRequest(scope) {
      const params = new URLSearchParams({ grant_type: "client_credentials" });
      // Version 1 of the SDK passes nothing of what the server names.
      const wanted = (await internals().scopes(scope?.split(" "))).join(" ");
      if (wanted !== "") params.set("scope", wanted);
      return params;
    },
    // The token request of the SDK was refused, which says nothing of the token in use.
    invalidateCredentials() {},
    redirectToAuthorization() {
      throw new TypeError("There is nobody at a browser: this client authorizes itself.");
    },
    saveCodeVerifier() {},
    codeVerifier() {
      throw new TypeError("There is no code verifier: this client authorizes itself.");
    },
  };
}

/** Longer than any answer takes: of a request that failed the SDK tells nothing. */
const longestRequest = 600_000;

/** The token requests of the SDK that it has not told the answer of, by what the manager was when they were made. */
class OpenRequests {
  readonly #now: () => number;
  /** What a manager was before a reload is nobody's to keep. */
  readonly #numbers = new WeakMap<ManagerInternals, number>();
  #latest = 0;
  readonly #open = new Map<number, { readonly count: number; readonly at: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  made(internals: ManagerInternals): void {
    const number = this.#numberOf(internals);
    this.#open.set(number, { count: (this.#open.get(number)?.count ?? 0) + 1, at: this.#now() });
  }

  answered(internals: ManagerInternals): void {
    const number = this.#numberOf(internals);
    const { count = 0, at = 0 } = this.#open.get(number) ?? {};
    if (count > 1) this.#open.set(number, { count: count - 1, at });
    else this.#open.delete(number);
  }

  /** Whether an answer that comes now can be to no request made before a reload. */
  areAllOf(internals: ManagerInternals): boolean {
    const now = this.#now();
    for (const [number, { at }] of this.#open) {
      if (Math.abs(now - at) > longestRequest) this.#open.delete(number);
    }
    const present = this.#numberOf(internals);
    return [...this.#open.keys()].every((number) => number === present);
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
 * The present internals of a manager each time. Throws `egress_denied` when its server has another URL by now: what knows the
 * server by the one before would send it the tokens of another.
 */
function internalsAt(manager: TokenManager): () => ManagerInternals {
  const { name: server, url } = manager;
  return () => {
    if (manager.url === url) return internalsOf(manager);
    throw new McpAuthError(
      "egress_denied",
      `Server "${server}": a reload of the config has given it another URL, and its tokens go there only. Connect again ` +
        "to the manager's `url`, with a provider made anew.",
      { server },
    );
  };
}

function requireClient(name: string, internals: ManagerInternals): NonNullable<ManagerInternals["client"]> {
  if (internals.client !== undefined) return internals.client;
  throw new TypeError(
    `Of server "${name}" the SDK cannot make the token request: only the grant client_credentials is one that it can. ` +
      "Use the manager's fetch or authProvider instead.",
  );
}
