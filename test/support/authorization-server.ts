import type { RequestListener } from "node:http";
import { decodeJwt, exportJWK, generateKeyPair } from "jose";
import type { KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Authority } from "./certificates.js";
import type { GrantSetting } from "./grant-setting.js";
import { type JwtBearerOptions, jwtBearerGrant, registerJwtBearer } from "./jwt-bearer-grant.js";
import { listen } from "./listen.js";
import { serverTls } from "./mutual-tls.js";
import { loadGrantHelpers, loadOidcProvider } from "./oidc-provider.js";
import { configure, nobody } from "./provider-configuration.js";
import type { ClientAuthenticationMethod, RegisteredClient } from "./registered-client.js";
import { registerTokenExchange, type TokenExchangeOptions } from "./token-exchange-grant.js";
import type { TrustedIssuer } from "./token-issuer.js";
import { readForm, recorded, type TokenRequest } from "./token-requests.js";

export interface AuthorizationServerOptions {
  readonly clients: readonly RegisteredClient[];
  /** Every scope there is. */
  readonly scopes?: readonly string[];
  /** Resource indicators that get tokens, compared as strings, others are `invalid_target`; default any. */
  readonly resources?: readonly string[];
  /** What a token is for when the request names no resource; without it such a token is for nothing. */
  readonly defaultResource?: string;
  /** Seconds; default 3600. */
  readonly lifetime?: number;
  /** `jwt` by default. Only opaque tokens can be introspected (RFC 7662) and revoked (RFC 7009). */
  readonly tokens?: "jwt" | "opaque";
  /** What the metadata lists; default basic, post, `private_key_jwt`, `none`, and those that the clients have. */
  readonly authMethods?: readonly ClientAuthenticationMethod[];
  readonly jwtBearer?: JwtBearerOptions;
  readonly tokenExchange?: TokenExchangeOptions;
  /** RFC 6749 §6. Each is good for one redemption unless `rotate` is false; one that is redeemed again revokes all. */
  readonly refreshTokens?: { readonly rotate?: boolean };
  /**
   * Clients whose id is an https URL are known by the document there, whose `jwks_uri` is looked up too: these are the
   * documents by URL, in place of the network.
   */
  readonly documents?: Readonly<Record<string, object>>;
  /** Members of the published metadata in place of the true ones; `undefined` leaves one out. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** What client assertions may be signed with, also listed; default everything that suits the methods. */
  readonly signingAlgorithms?: readonly string[];
  /**
   * RFC 9449: proofs are taken by default and need no nonce; with `nonces` every one needs it. `false` is a server
   * that knows nothing of it.
   */
  readonly dpop?: false | { readonly nonces?: boolean; readonly algorithms?: readonly DpopAlgorithm[] };
  /** https. With it come the methods of RFC 8705 and tokens bound to certificates. */
  readonly tls?: {
    /** Issues the server's certificate, and those of clients with `tls_client_auth`. */
    readonly authority: Authority;
    /**
     * Where clients are asked for their certificate: at an endpoint of its own on another port, which the metadata
     * names (RFC 8705 §5), or wherever they connect. Default `alias`.
     */
    readonly clientCertificates?: "alias" | "everywhere";
  };
}

export type DpopAlgorithm = "ES256" | "ES384" | "ES512" | "EdDSA" | "Ed25519" | "RS256" | "PS256";

export interface RefreshTokenWanted {
  readonly clientId: string;
  readonly resource: string;
  readonly scope?: string;
}

export interface IssuedToken {
  /** Of an opaque token this is the token itself. */
  readonly jti: string;
  readonly clientId: string;
  readonly resource: string | undefined;
  readonly scope: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Whom it stands for, where that is not the client itself. */
  readonly subject?: string | undefined;
  /** The thumbprint of the DPoP key that it is bound to. */
  readonly jkt?: string | undefined;
  /** The thumbprint of the certificate that it is bound to, `x5t#S256`. */
  readonly certificateThumbprint?: string | undefined;
}

/** As a `TrustedIssuer` it stands for the ID-JAGs and access tokens that it signs. */
export interface RunningAuthorizationServer extends AsyncDisposable, TrustedIssuer {
  /** `http://127.0.0.1:<port>` or, with TLS, `https://…`. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Where clients present their certificates; without TLS there is none. */
  readonly mtlsTokenEndpoint: string | undefined;
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
  /** A refresh token as somebody gets it who signs in once. */
  issueRefreshToken(wanted: RefreshTokenWanted): Promise<string>;
  /** None of the DPoP nonces given out so far is good any more. */
  rotateNonces(): void;
  close(): Promise<void>;
}

/**
 * A real authorization server on loopback: oidc-provider with the client credentials grant, those of RFC 7523 and
 * RFC 8693 if told, resource indicators, DPoP, certificates, and metadata at both well-known places.
 */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<RunningAuthorizationServer> {
  const oidc = await loadOidcProvider();
  const helpers = await loadGrantHelpers();
  const { tls } = options;
  const tokenRequests: TokenRequest[] = [];
  const issued: IssuedToken[] = [];
  const failures: Error[] = [];
  let fault = { count: 0, status: 500, headers: {} as Readonly<Record<string, string>> };
  let latest: Provider | undefined;
  let redirect: { location: string; status: number } | undefined;

  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const signingKey = { ...(await exportJWK(privateKey)), kid: "server", alg: "ES256", use: "sig" };
  const { d: _, ...publicKey } = signingKey;

  async function answerToken(context: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
    const at = Date.now();
    const faulty = fault.count > 0;
    let sent: TokenRequest["params"] | undefined;
    if (faulty || redirect !== undefined) {
      context.status = faulty ? fault.status : (redirect?.status ?? 307);
      context.set(faulty ? fault.headers : { location: redirect?.location ?? "" });
      context.body = "";
      if (faulty) fault = { ...fault, count: fault.count - 1 };
    } else {
      if (options.jwtBearer?.withoutClient) sent = await standInForClient(context);
      await next();
      const token = issuedToken(context);
      if (token !== undefined) issued.push(token);
    }
    tokenRequests.push(await recorded(at, context, sent));
  }

  /** The server as it listens; every one has nonces of its own. */
  function provide(issuer: string, alias: string | undefined): RequestListener {
    const provider = new oidc.Provider(issuer, configure(options, { oidc, signingKey, alias }));
    latest = provider;
    const setting: GrantSetting = {
      provider,
      oidc,
      helpers,
      self: { issuer, keys: [publicKey] },
      sign: (jwt, typ) => jwt.setProtectedHeader({ alg: "ES256", kid: "server", typ }).sign(privateKey),
    };
    if (options.jwtBearer !== undefined) registerJwtBearer(setting, options.jwtBearer);
    if (options.tokenExchange !== undefined) registerTokenExchange(setting, options.tokenExchange);
    provider.use(async (context, next) => {
      if (context.path === "/token") return answerToken(context as KoaContextWithOIDC, next);
      await next();
      if (options.metadata !== undefined && context.path.startsWith("/.well-known/")) {
        context.body = { ...Object(context.body), ...options.metadata };
      }
      return undefined;
    });
    provider.on("server_error", (_, error) => failures.push(error));
    return provider.callback();
  }

  let answer: RequestListener = (_, response) => void response.writeHead(503).end();
  let rotate = (): void => {};
  const alias =
    tls === undefined || tls.clientCertificates === "everywhere"
      ? undefined
      : await listen(
          () => (request, response) => answer(request, response),
          await serverTls({ ...tls, askClients: true }),
        );
  const main = await listen(
    (origin) => {
      rotate = () => {
        answer = provide(origin, alias && `${alias.origin}/token`);
      };
      rotate();
      return (request, response) => answer(request, response);
    },
    tls && (await serverTls({ ...tls, askClients: alias === undefined })),
  );
  const { origin } = main;
  const close = async (): Promise<void> => {
    await Promise.all([main.close(), alias?.close()]);
  };

  return {
    issuer: origin,
    keys: [publicKey],
    tokenEndpoint: `${origin}/token`,
    mtlsTokenEndpoint: tls && `${(alias ?? main).origin}/token`,
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
    async issueRefreshToken(wanted) {
      if (latest === undefined) throw new TypeError("The server does not listen yet.");
      return await issueRefreshToken(latest, wanted);
    },
    rotateNonces: () => rotate(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function issueRefreshToken(
  provider: Provider,
  { clientId, resource, scope = "" }: RefreshTokenWanted,
): Promise<string> {
  const client = await provider.Client.find(clientId);
  if (client === undefined) throw new TypeError("No such client.");
  const accountId = "somebody";
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope("openid");
  if (scope !== "") grant.addResourceScope(resource, scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    ...{ client, accountId, grantId, resource, scope, gty: "authorization_code" },
    claims: {},
  });
  return await token.save();
}

/** Reads the body ahead of the provider, and names a client where none is. What was sent. */
async function standInForClient(context: KoaContextWithOIDC): Promise<TokenRequest["params"]> {
  const sent = await readForm(context.req);
  const named = sent["client_id"] ?? sent["client_assertion"] ?? context.headers.authorization;
  const body =
    named === undefined && sent["grant_type"] === jwtBearerGrant ? { ...sent, client_id: nobody } : sent;
  // Where the provider looks for a body that has been read.
  Object.assign(context.req, { body });
  return sent;
}

function issuedToken(context: KoaContextWithOIDC): IssuedToken | undefined {
  const { ClientCredentials, AccessToken } = context.oidc?.entities ?? {};
  const { body } = context;
  const token = ClientCredentials ?? AccessToken;
  if (token === undefined || typeof body !== "object" || body === null || !("access_token" in body))
    return undefined;
  const { exp = 0 } = jwtClaims(String(body.access_token)) ?? {
    exp: Math.floor(Date.now() / 1000) + token.expiration,
  };
  return {
    jti: token.jti,
    clientId: token.clientId ?? "",
    resource: typeof token.aud === "string" ? token.aud : undefined,
    scope: token.scope,
    expiresAt: exp * 1000,
    subject: AccessToken?.accountId,
    jkt: token.jkt,
    certificateThumbprint: token["x5t#S256"],
  };
}

function jwtClaims(token: string): ReturnType<typeof decodeJwt> | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}
