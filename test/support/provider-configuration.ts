import { randomBytes } from "node:crypto";
import type { JWK } from "jose";
import type * as OidcProvider from "oidc-provider";
import type { Configuration } from "oidc-provider";
import { accountCredentialsGrant } from "./account-credentials-grant.js";
import type { AuthorizationServerOptions } from "./authorization-server.js";
import { deviceCodeGrant, deviceFlowConfiguration } from "./device-flow.js";
import { jwtBearerGrant } from "./jwt-bearer-grant.js";
import { mutualTlsFeature } from "./mutual-tls.js";
import { type ClientAuthenticationMethod, clientMetadata, methodOf } from "./registered-client.js";
import { tokenExchangeGrant } from "./token-exchange-grant.js";

/** The client id of requests that name no client. */
export const anonymousClientId = "anonymous";

const asymmetric = [
  ...["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
const symmetric = ["HS256", "HS384", "HS512"];
const usualMethods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] as const;

/** Returns the grants whose requests may name no client, because what they present identifies it. */
export function grantsWithoutClient({
  jwtBearer,
  tokenExchange,
}: Pick<AuthorizationServerOptions, "jwtBearer" | "tokenExchange">): readonly string[] {
  return [
    ...(jwtBearer?.withoutClient ? [jwtBearerGrant] : []),
    ...(tokenExchange?.withoutClient ? [tokenExchangeGrant] : []),
  ];
}

/** Returns the configuration of oidc-provider, with a new nonce secret each time. */
export function configure(
  options: AuthorizationServerOptions,
  server: {
    readonly oidc: typeof OidcProvider;
    readonly signingKey: JWK;
    /** The token endpoint for clients with certificates, if it is a separate one. */
    readonly alias: string | undefined;
  },
): Configuration {
  const {
    clients,
    lifetime = 3600,
    scopes = [],
    dpop = {},
    tls,
    jwtBearer,
    tokenExchange,
    accountCredentials,
    refreshTokens,
    deviceFlow,
    documents,
  } = options;
  const { signingKey, alias } = server;
  const grantTypes = [
    "client_credentials",
    ...(jwtBearer === undefined ? [] : [jwtBearerGrant]),
    ...(tokenExchange === undefined ? [] : [tokenExchangeGrant]),
    ...(accountCredentials === undefined ? [] : [accountCredentialsGrant]),
    ...(refreshTokens === undefined ? [] : ["refresh_token"]),
    ...(deviceFlow === undefined ? [] : [deviceCodeGrant]),
  ];
  const anonymousGrants = grantsWithoutClient(options);
  const methods = authMethods(options);
  const algorithms = options.signingAlgorithms ?? [
    ...asymmetric,
    ...(methods.includes("client_secret_jwt") ? symmetric : []),
  ];
  return {
    clients: [
      ...clients.map((client) => clientMetadata(client, grantTypes)),
      ...(anonymousGrants.length === 0 ? [] : [clientMetadata({ id: anonymousClientId }, anonymousGrants)]),
    ],
    // The type requires the members of the key's curve.
    jwks: { keys: [signingKey as OidcProvider.JWK] },
    scopes: deviceFlow === undefined ? scopes : ["openid", "offline_access", ...scopes],
    responseTypes: [],
    clientAuthMethods: methods,
    enabledJWA: {
      // The type lists the known algorithms. oidc-provider rejects an unknown one on startup.
      clientAuthSigningAlgValues: algorithms as OidcProvider.SigningAlgorithm[],
      ...(dpop !== false && dpop.algorithms ? { dPoPSigningAlgValues: dpop.algorithms } : {}),
    },
    ...(refreshTokens === undefined
      ? {}
      : { issueRefreshToken: () => true, rotateRefreshToken: refreshTokens.rotate ?? true }),
    ...(deviceFlow === undefined ? {} : deviceFlowConfiguration()),
    ttl: { ClientCredentials: lifetime, AccessToken: lifetime },
    extraTokenClaims: (context) => {
      const actor = context.oidc.entities["Actor"];
      return actor === undefined ? undefined : { act: { sub: actor } };
    },
    ...(alias === undefined ? {} : { discovery: { mtls_endpoint_aliases: { token_endpoint: alias } } }),
    ...(documents === undefined ? {} : { fetch: async (url) => documentAt(documents, url) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      resourceIndicators: resourceIndicators(options, server.oidc),
      deviceFlow: { enabled: deviceFlow !== undefined },
      dPoP:
        dpop === false
          ? { enabled: false }
          : { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => dpop.nonces === true },
      ...(tls === undefined ? {} : { mTLS: mutualTlsFeature }),
      ...(documents === undefined
        ? {}
        : { clientIdMetadataDocument: { enabled: true, ack: "draft-02", allowFetch: () => true } }),
    },
  };
}

function documentAt(documents: Readonly<Record<string, object>>, input: URL | string | Request): Response {
  const document = documents[input instanceof Request ? input.url : String(input)];
  return document === undefined ? new Response(null, { status: 404 }) : Response.json(document);
}

/** Returns the methods in the metadata, always including those of the clients: the server accepts only listed ones. */
function authMethods({ authMethods, clients }: AuthorizationServerOptions): ClientAuthenticationMethod[] {
  return [...new Set([...(authMethods ?? usualMethods), ...clients.map(methodOf)])];
}

function resourceIndicators(
  { resources, defaultResource, scopes = [], lifetime = 3600, tokens = "jwt" }: AuthorizationServerOptions,
  { errors }: typeof OidcProvider,
): NonNullable<Configuration["features"]>["resourceIndicators"] {
  return {
    enabled: true,
    ...(defaultResource === undefined ? {} : { defaultResource: () => defaultResource }),
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
  };
}
