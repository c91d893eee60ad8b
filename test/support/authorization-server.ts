import type { RequestListener } from "node:http";
import { decodeJwt, exportJWK, generateKeyPair } from "jose";
import type { KoaContextWithOIDC, Provider } from "oidc-provider";
import { type AccountCredentialsOptions, registerAccountCredentials } from "./account-credentials-grant.js";
import type { Authority } from "./certificates.js";
import { answerInteraction, type DeviceFlowOptions } from "./device-flow.js";
import type { GrantServer } from "./grant-server.js";
import { type JwtBearerOptions, registerJwtBearer } from "./jwt-bearer-grant.js";
import { listen } from "./listen.js";
import { serverTls } from "./mutual-tls.js";
import { loadGrantHelpers, loadOidcProvider } from "./oidc-provider.js";
import { anonymousClientId, configure, grantsWithoutClient } from "./provider-configuration.js";
import type { ClientAuthenticationMethod, RegisteredClient } from "./registered-client.js";
import { registerTokenExchange, type TokenExchangeOptions } from "./token-exchange-grant.js";
import type { TrustedIssuer } from "./token-issuer.js";
import { readForm, recordTokenRequest, type TokenRequest } from "./token-requests.js";

export interface AuthorizationServerOptions {
  readonly clients: readonly RegisteredClient[];
  /** All scopes that the server knows. */
  readonly scopes?: readonly string[];
  /**
   * Allowed resource indicators, compared as strings. The server refuses others with `invalid_target`. Default: any.
   */
  readonly resources?: readonly string[];
  /** The audience of a token when the request names no resource. Without it, such a token has no audience. */
  readonly defaultResource?: string;
  /** Lifetime of access tokens in seconds. Default: 3600. */
  readonly lifetime?: number;
  /** Default: `jwt`. Only opaque tokens can be introspected (RFC 7662) and revoked (RFC 7009). */
  readonly tokens?: "jwt" | "opaque";
  /** The methods in the metadata. Default: basic, post, `private_key_jwt`, `none`, and the methods of the clients. */
  readonly authMethods?: readonly ClientAuthenticationMethod[];
  readonly jwtBearer?: JwtBearerOptions;
  readonly tokenExchange?: TokenExchangeOptions;
  readonly accountCredentials?: AccountCredentialsOptions;
  /** RFC 6749 §6. A refresh token works once unless `rotate` is false. A second use revokes the whole family. */
  readonly refreshTokens?: { readonly rotate?: boolean };
  readonly deviceFlow?: DeviceFlowOptions;
  /**
   * Client metadata documents and JWK sets by URL, instead of the network. The server looks up a client whose id is an
   * https URL here, and also the document's `jwks_uri`.
   */
  readonly documents?: Readonly<Record<string, object>>;
  /** Overrides members of the published metadata. `undefined` removes a member. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Accepted (and listed) algorithms of client assertions. Default: all that fit the methods. */
  readonly signingAlgorithms?: readonly string[];
  /**
   * RFC 9449. By default the server accepts proofs without a nonce. With `nonces`, every proof needs one. `false` is a
   * server without DPoP support.
   */
  readonly dpop?: false | { readonly nonces?: boolean; readonly algorithms?: readonly DpopAlgorithm[] };
  /** Serves https, with the client authentication methods of RFC 8705 and certificate-bound tokens. */
  readonly tls?: {
    /** Issues the certificates of the server and of clients with `tls_client_auth`. */
    readonly authority: Authority;
    /**
     * Where the server asks clients for their certificate: at a separate endpoint on another port, which the metadata
     * lists (RFC 8705 §5), or on every connection. Default: `alias`.
     */
    readonly clientCertificates?: "alias" | "everywhere";
  };
}

export type DpopAlgorithm = "ES256" | "ES384" | "ES512" | "EdDSA" | "Ed25519" | "RS256" | "PS256";

export interface RefreshTokenRequest {
  readonly clientId: string;
  readonly resource: string;
  readonly scope?: string;
}

export interface IssuedToken {
  /** For an opaque token, the token itself. */
  readonly jti: string;
  readonly clientId: string;
  readonly resource: string | undefined;
  readonly scope: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** The subject, if it is not the client itself. */
  readonly subject?: string | undefined;
  /** Thumbprint of the DPoP key that the token is bound to. */
  readonly jkt?: string | undefined;
  /** Thumbprint (`x5t#S256`) of the certificate that the token is bound to. */
  readonly certificateThumbprint?: string | undefined;
}

/** Also a `TrustedIssuer` for the ID-JAGs and access tokens that it signs. */
export interface RunningAuthorizationServer extends AsyncDisposable, TrustedIssuer {
  /** `http://127.0.0.1:<port>`, or `https://…` with TLS. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** The token endpoint where clients present their certificates. `undefined` without TLS. */
  readonly mtlsTokenEndpoint: string | undefined;
  readonly introspectionEndpoint: string;
  readonly revocationEndpoint: string;
  /** All answered requests to the token endpoint, including injected faults. */
  readonly tokenRequests: readonly TokenRequest[];
  readonly issued: readonly IssuedToken[];
  readonly tokensIssued: number;
  /** Internal errors of the server. A test that gets a 500 finds the reason here. */
  readonly failures: readonly Error[];
  /** Answers the next `count` token requests with this status instead of serving them. */
  failNext(count: number, status: number, headers?: Readonly<Record<string, string>>): void;
  /** Answers token requests with a redirect to `location` from now on. `undefined` serves them again. */
  redirectTokenEndpoint(location: string | undefined, status?: 301 | 302 | 303 | 307 | 308): void;
  /** Issues a refresh token as if a user had signed in. */
  issueRefreshToken(wanted: RefreshTokenRequest): Promise<string>;
  /** Invalidates all DPoP nonces that the server has issued. */
  rotateNonces(): void;
  close(): Promise<void>;
}

/**
 * Starts a real authorization server on loopback: oidc-provider with the client credentials grant, optionally the
 * grants of RFC 7523 and RFC 8693, resource indicators, DPoP, client certificates, and metadata at both well-known
 * locations.
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
    const isFaulty = fault.count > 0;
    let sent: TokenRequest["params"] | undefined;
    if (isFaulty || redirect !== undefined) {
      context.status = isFaulty ? fault.status : (redirect?.status ?? 307);
      context.set(isFaulty ? fault.headers : { location: redirect?.location ?? "" });
      context.body = "";
      if (isFaulty) fault = { ...fault, count: fault.count - 1 };
    } else {
      const anonymous = grantsWithoutClient(options);
      if (anonymous.length > 0) sent = await addAnonymousClient(context, anonymous);
      await next();
      const token = issuedToken(context);
      if (token !== undefined) issued.push(token);
    }
    tokenRequests.push(await recordTokenRequest(at, context, sent));
  }

  /** Creates a provider with new DPoP nonces and returns its request listener. */
  function provide(issuer: string, alias: string | undefined): RequestListener {
    const provider = new oidc.Provider(issuer, configure(options, { oidc, signingKey, alias }));
    latest = provider;
    const grantServer: GrantServer = {
      provider,
      oidc,
      helpers,
      self: { issuer, keys: [publicKey] },
      sign: (jwt, typ) => jwt.setProtectedHeader({ alg: "ES256", kid: "server", typ }).sign(privateKey),
    };
    if (options.jwtBearer !== undefined) registerJwtBearer(grantServer, options.jwtBearer);
    if (options.tokenExchange !== undefined) registerTokenExchange(grantServer, options.tokenExchange);
    if (options.accountCredentials !== undefined) {
      registerAccountCredentials(grantServer, options.accountCredentials);
    }
    provider.use(async (context, next) => {
      if (context.path === "/token") return answerToken(context as KoaContextWithOIDC, next);
      if (options.deviceFlow !== undefined && context.path.startsWith("/interaction/"))
        return answerInteraction(provider, context as KoaContextWithOIDC);
      await next();
      const interval = options.deviceFlow?.interval;
      if (interval !== undefined && context.path === "/device/auth")
        context.body = { ...Object(context.body), interval };
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
  { clientId, resource, scope = "" }: RefreshTokenRequest,
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

/**
 * Reads the body before the provider does, and adds the anonymous client's id if the request names no client. Returns
 * the fields that were sent.
 */
async function addAnonymousClient(
  context: KoaContextWithOIDC,
  grants: readonly string[],
): Promise<TokenRequest["params"]> {
  const sent = await readForm(context.req);
  const named = sent["client_id"] ?? sent["client_assertion"] ?? context.headers.authorization;
  const body =
    named === undefined && grants.includes(String(sent["grant_type"]))
      ? { ...sent, client_id: anonymousClientId }
      : sent;
  // The provider looks here for a body that has already been read.
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
