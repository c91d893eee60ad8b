import type { IncomingHttpHeaders } from "node:http";
import { decodeJwt, exportJWK, generateKeyPair, type JWK } from "jose";
import type { ClientMetadata, Configuration, KoaContextWithOIDC } from "oidc-provider";
import { listen } from "./listen.js";
import { loadOidcProvider } from "./oidc-provider.js";

export interface RegisteredClient {
  readonly id: string;
  /** ASCII, which is all that oidc-provider takes. */
  readonly secret?: string;
  /** What the client signs its assertions with, public half, with or without `kid`. */
  readonly publicKey?: JWK;
  /** The one algorithm that assertions may have; by default any that suits the key. */
  readonly alg?: string;
  /** Default: `private_key_jwt` with a key, `client_secret_basic` with a secret (which lets post pass too), `none`. */
  readonly method?: "client_secret_basic" | "client_secret_post" | "private_key_jwt" | "none";
  /** The scopes that it may ask for, others are `invalid_scope`; default all. */
  readonly scopes?: readonly string[];
}

export interface AuthorizationServerOptions {
  readonly clients: readonly RegisteredClient[];
  /** Every scope there is. */
  readonly scopes?: readonly string[];
  /** Resource indicators that get tokens, compared as strings, others are `invalid_target`; default any. */
  readonly resources?: readonly string[];
  /** Seconds; default 3600. */
  readonly lifetime?: number;
  /** `jwt` by default. Only opaque tokens can be introspected (RFC 7662) and revoked (RFC 7009). */
  readonly tokens?: "jwt" | "opaque";
}

/** One request to the token endpoint. */
export interface TokenRequest {
  /** When it came, milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** The form fields; empty where the server refused before it read them. */
  readonly params: Readonly<Record<string, string | readonly string[]>>;
  /** Who asked, when that much could be told. */
  readonly clientId: string | undefined;
  readonly status: number;
  /** The `error` of a refusal. */
  readonly error: string | undefined;
}

export interface IssuedToken {
  /** Of an opaque token this is the token itself. */
  readonly jti: string;
  readonly clientId: string;
  readonly resource: string | undefined;
  readonly scope: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface RunningAuthorizationServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly introspectionEndpoint: string;
  readonly revocationEndpoint: string;
  /** All that came to the token endpoint and was answered, faults included. */
  readonly tokenRequests: readonly TokenRequest[];
  readonly issued: readonly IssuedToken[];
  readonly tokensIssued: number;
  /** What went wrong inside of the server itself; a test that gets a 500 finds the reason here. */
  readonly failures: readonly Error[];
  /** The next `count` token requests are answered so instead of being served. */
  failNext(count: number, status: number, headers?: Readonly<Record<string, string>>): void;
  /** Token requests are answered with a redirect to `location` from now on; `undefined` ends it. */
  redirectTokenEndpoint(location: string | undefined, status?: 301 | 302 | 303 | 307 | 308): void;
  close(): Promise<void>;
}

const signingAlgorithms = [
  ...["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
] as const;

/**
 * A real authorization server on loopback: oidc-provider with the client credentials grant, resource indicators,
 * and metadata at both well-known places.
 */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<RunningAuthorizationServer> {
  const { Provider, errors } = await loadOidcProvider();
  const { lifetime = 3600, tokens = "jwt", scopes = [], resources } = options;
  const tokenRequests: TokenRequest[] = [];
  const issued: IssuedToken[] = [];
  const failures: Error[] = [];
  let fault = { count: 0, status: 500, headers: {} as Readonly<Record<string, string>> };
  let redirect: { location: string; status: number } | undefined;

  function keepIssued(context: KoaContextWithOIDC): void {
    const token = context.oidc?.entities.ClientCredentials;
    const { body } = context;
    if (token === undefined || typeof body !== "object" || body === null || !("access_token" in body)) return;
    const now = Math.floor(Date.now() / 1000);
    const { exp = 0 } = tokens === "jwt" ? decodeJwt(String(body.access_token)) : { exp: now + lifetime };
    issued.push({
      jti: token.jti,
      clientId: token.clientId ?? "",
      resource: typeof token.aud === "string" ? token.aud : undefined,
      scope: token.scope,
      expiresAt: exp * 1000,
    });
  }

  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const configuration: Configuration = {
    clients: options.clients.map(registration),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "server", alg: "ES256", use: "sig" }] },
    scopes,
    responseTypes: [],
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    enabledJWA: { clientAuthSigningAlgValues: signingAlgorithms },
    ttl: { ClientCredentials: lifetime },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          if (resources !== undefined && !resources.includes(resource)) throw new errors.InvalidTarget();
          return {
            scope: scopes.join(" "),
            audience: resource,
            accessTokenTTL: lifetime,
            accessTokenFormat: tokens,
            jwt: { sign: { alg: "ES256" } },
          };
        },
      },
    },
  };

  const { origin, close } = await listen((issuer) => {
    const provider = new Provider(issuer, configuration);
    provider.use(async (context, next) => {
      if (context.path !== "/token") return next();
      const at = Date.now();
      const faulty = fault.count > 0;
      if (faulty || redirect !== undefined) {
        context.status = faulty ? fault.status : (redirect?.status ?? 307);
        context.set(faulty ? fault.headers : { location: redirect?.location ?? "" });
        context.body = "";
        if (faulty) fault = { ...fault, count: fault.count - 1 };
      } else {
        await next();
        keepIssued(context as KoaContextWithOIDC);
      }
      tokenRequests.push(await recorded(at, context as KoaContextWithOIDC));
      return undefined;
    });
    provider.on("server_error", (_, error) => failures.push(error));
    return provider.callback();
  });

  return {
    issuer: origin,
    tokenEndpoint: `${origin}/token`,
    introspectionEndpoint: `${origin}/token/introspection`,
    revocationEndpoint: `${origin}/token/revocation`,
    tokenRequests,
    issued,
    get tokensIssued() {
      return issued.length;
    },
    failures,
    failNext(count, status, headers = {}) {
      fault = { count, status, headers };
    },
    redirectTokenEndpoint(location, status = 307) {
      redirect = location === undefined ? undefined : { location, status };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function registration(client: RegisteredClient): ClientMetadata {
  const { id, secret, publicKey, alg, scopes } = client;
  const method =
    client.method ?? (publicKey ? "private_key_jwt" : secret === undefined ? "none" : "client_secret_basic");
  return {
    client_id: id,
    token_endpoint_auth_method: method,
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    // The default is RS256, for which this server has no key.
    id_token_signed_response_alg: "ES256",
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(publicKey === undefined ? {} : { jwks: { keys: [publicKey] } }),
    // The type names the algorithms; an unknown one is refused when the server starts.
    ...(alg === undefined
      ? {}
      : {
          token_endpoint_auth_signing_alg: alg as NonNullable<
            ClientMetadata["token_endpoint_auth_signing_alg"]
          >,
        }),
    ...(scopes === undefined ? {} : { scope: scopes.join(" ") }),
  };
}

async function recorded(at: number, context: KoaContextWithOIDC): Promise<TokenRequest> {
  const { method, status, headers } = context;
  const params = await formFields(context);
  const { body } = context;
  const error = typeof body === "object" && body !== null && "error" in body ? String(body.error) : undefined;
  return { at, method, headers, params, clientId: clientIdOf(headers, params), status, error };
}

async function formFields(context: KoaContextWithOIDC): Promise<TokenRequest["params"]> {
  // Where the provider was not asked, or refused before it came to the body, that is still to be read.
  if (!context.req.readable) return { ...context.oidc?.body } as TokenRequest["params"];
  const chunks: Buffer[] = [];
  for await (const chunk of context.req) chunks.push(chunk);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString("utf8")));
}

function clientIdOf(headers: IncomingHttpHeaders, params: TokenRequest["params"]): string | undefined {
  if (typeof params["client_id"] === "string") return params["client_id"];
  const basic = /^Basic ([\w+/]+=*)$/i.exec(headers.authorization ?? "")?.[1];
  const [id] = Buffer.from(basic ?? "", "base64")
    .toString("utf8")
    .split(":");
  if (id) return [...new URLSearchParams(`id=${id}`).values()][0];
  try {
    return decodeJwt(String(params["client_assertion"])).sub;
  } catch {
    return undefined;
  }
}
