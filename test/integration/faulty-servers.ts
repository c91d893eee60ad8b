// Authorization servers and configs that do not fit together. Each pair has one fault, says what servers of its kind say
// about it, and issues a token once the config is corrected.
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { decodeProtectedHeader, jwtVerify } from "jose";
import type { McpAuthConfig } from "../../src/index.js";
import type { RecordedRequest } from "../support/http-server.js";

type ServerConfig = McpAuthConfig<"tools">["servers"]["tools"];

/** What a token endpoint says to a request that it rejects. */
export interface Words {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FaultyServer {
  /** Members that are added to the metadata. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** How far its clock is ahead of ours, in seconds. */
  readonly clockAhead?: number;
  /** `scopes_supported` of the MCP server. */
  readonly scopes?: readonly string[];
  /** Returns whether the server accepts a request. */
  readonly accepts: (request: SentRequest) => boolean | Promise<boolean>;
}

export interface Fault {
  /** The id of the finding that names the cause. */
  readonly id: string;
  /** The fault, as the end of "a server that …". */
  readonly title: string;
  readonly words: Words;
  readonly server: FaultyServer;
  /** The config with the fault. Each takes the issuer. */
  readonly config: (issuer: string) => Partial<ServerConfig>;
  readonly env: Readonly<Record<string, string>>;
  /** The config and the environment with the remedy of the finding, where a config can be corrected. */
  readonly corrected?: {
    readonly config?: (issuer: string) => Partial<ServerConfig>;
    readonly env?: Readonly<Record<string, string>>;
  };
  /** A part of the remedy in the message. */
  readonly remedy: string;
  /** The ids in the message of a bare 401 and of a bare 400, in their order. */
  readonly bare401: readonly string[];
  readonly bare400: readonly string[];
}

/** A token request as a server reads it. */
export interface SentRequest {
  readonly form: URLSearchParams;
  /** Basic credentials before they are form-decoded. */
  readonly basic: { readonly id: string; readonly secret: string } | undefined;
  /** Header and claims of the client assertion, or else of the assertion of the grant. */
  readonly assertion: { readonly header: Record<string, unknown>; readonly claims: Record<string, unknown> };
  readonly tokenEndpoint: string;
  readonly issuer: string;
}

export async function readSentRequest(
  { body, headers }: RecordedRequest,
  issuer: string,
): Promise<SentRequest> {
  const form = new URLSearchParams(body);
  const [, encoded] = /^Basic (.*)$/.exec(headers.authorization ?? "") ?? [];
  const [id = "", ...rest] = Buffer.from(encoded ?? "", "base64")
    .toString("utf8")
    .split(":");
  const jwt = form.get("client_assertion") ?? form.get("assertion");
  return {
    form,
    basic: encoded === undefined ? undefined : { id, secret: rest.join(":") },
    assertion: jwt === null ? { header: {}, claims: {} } : await verified(jwt),
    tokenEndpoint: `${issuer}/token`,
    issuer,
  };
}

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pemOf = ({ privateKey }: Pick<typeof ec, "privateKey">): string =>
  privateKey.export({ type: "pkcs8", format: "pem" }).toString();

async function verified(jwt: string): Promise<SentRequest["assertion"]> {
  const header = decodeProtectedHeader(jwt);
  const pair = header.alg?.startsWith("ES") ? ec : rsa;
  const { payload } = await jwtVerify(jwt, createPublicKey(pair.privateKey));
  return { header: { ...header }, claims: payload };
}

const secret = "r1ght-secret";
const decoded = (text: string): string => decodeURIComponent(text.replaceAll("+", " "));

const withSecret =
  (more: object = {}) =>
  (issuer: string): Partial<ServerConfig> => ({
    grant: { client: { issuer, id: "agent", secret: { env: "S" }, ...more } },
  });
const withKey =
  (more: object = {}, key: object = {}) =>
  (issuer: string): Partial<ServerConfig> => ({
    grant: { client: { issuer, id: "agent", key: { privateKey: { env: "KEY" }, ...key }, ...more } },
  });

/** Accepts the right secret in either way. */
const rightSecret: FaultyServer = {
  accepts: ({ form, basic }) =>
    basic === undefined
      ? form.get("client_secret") === secret
      : decoded(basic.id) === "agent" && decoded(basic.secret) === secret,
};

const invalidClient = (error_description: string, status = 401): Words => ({
  status,
  body: { error: "invalid_client", error_description },
});

const bareSecret = ["client_secret", "other_secret_method"];
const bareSecret400 = ["client_secret", "parameters", "other_secret_method"];

/** Mistakes in the text of a secret. */
function secretText(id: string, title: string, text: string, remedy: string): Fault {
  return {
    ...{ id, title, remedy },
    words: invalidClient("Invalid client or Invalid client credentials"),
    server: rightSecret,
    config: withSecret(),
    env: { S: text },
    corrected: { env: { S: secret } },
    bare401: [id],
    bare400: [id],
  };
}

const bareKey = ["key_not_registered", "assertion_audience", "assertion_header"];
const bareKey400 = bareKey;

/** An assertion that a server does not accept in this form. */
function assertionForm(
  id: string,
  title: string,
  said: string,
  accepts: FaultyServer["accepts"],
  [config, corrected]: readonly [Fault["config"], Fault["config"]],
  remedy: string,
  env = { KEY: pemOf(ec) },
): Fault {
  return {
    ...{ id, title, remedy, config, env },
    words: invalidClient(said),
    server: { accepts },
    corrected: { config: corrected },
    bare401: bareKey,
    bare400: bareKey400,
  };
}

const clientFaults: readonly Fault[] = [
  secretText(
    "secret_whitespace",
    "gets a secret with a space at its end",
    `${secret} `,
    'Remove the white space at the end of the secret in the environment variable "S", unless it belongs there.',
  ),
  secretText(
    "secret_whitespace",
    "gets a secret with a space before it",
    ` ${secret}`,
    "Remove the white space at the beginning of the secret",
  ),
  secretText(
    "secret_line_break",
    "gets a secret with a line break",
    `${secret}\n\n`,
    'Remove the line breaks from the secret in the environment variable "S", unless they belong there.',
  ),
  secretText(
    "secret_line_break",
    "gets a secret with an escaped line break at its end",
    `${secret}\\n`,
    "Remove the two characters \\n at the end of the secret",
  ),
  secretText(
    "secret_quotes",
    "gets a secret in quotes",
    `"${secret}"`,
    "Remove the quotes around the secret",
  ),
  secretText(
    "secret_byte_order_mark",
    "gets a secret with a byte order mark",
    `\ufeff${secret}`,
    "Remove the invisible byte order mark at the beginning of the secret",
  ),
  secretText(
    "secret_invisible_character",
    "gets a secret with a zero-width space",
    `r1ght\u200b-secret`,
    "Remove the invisible character U+200B inside the secret",
  ),
  {
    id: "client_secret",
    title: "gets a wrong secret",
    words: invalidClient("Invalid client or Invalid client credentials"),
    server: rightSecret,
    config: withSecret(),
    env: { S: "wr0ng-secret" },
    corrected: { env: { S: secret } },
    remedy: 'Check the client\'s "id" and secret',
    bare401: bareSecret,
    bare400: bareSecret400,
  },
  ...[["client_secret_basic", "client_secret_post"], undefined].map(
    (listed): Fault => ({
      id: "other_secret_method",
      title: `has registered the client for client_secret_post, and lists ${listed ? "both methods" : "no method"}`,
      words: invalidClient(
        "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported " +
          "authentication method). The OAuth 2.0 Client supports client authentication method 'client_secret_post', but " +
          "method 'client_secret_basic' was requested.",
      ),
      server: {
        ...(listed && { metadata: { token_endpoint_auth_methods_supported: listed } }),
        accepts: ({ form }) => form.get("client_secret") === secret,
      },
      config: withSecret(),
      env: { S: secret },
      corrected: { config: withSecret({ method: "client_secret_post" }) },
      remedy: 'Try the client\'s "method": "client_secret_post"',
      bare401: bareSecret,
      bare400: bareSecret400,
    }),
  ),
  {
    id: "basic_encoding",
    title: "does not decode Basic credentials",
    words: invalidClient("Invalid client or Invalid client credentials"),
    server: { accepts: ({ basic }) => basic?.id === "agent" && basic.secret === "r1ght+secret/=" },
    config: withSecret(),
    env: { S: "r1ght+secret/=" },
    corrected: { config: withSecret({ basicEncoding: "raw" }) },
    remedy: '"basicEncoding": "raw"',
    bare401: ["basic_encoding", ...bareSecret],
    bare400: ["basic_encoding", "client_secret", "parameters"],
  },
  {
    id: "basic_encoding",
    title: "decodes Basic credentials that were sent raw",
    words: invalidClient("Invalid client or Invalid client credentials"),
    server: { accepts: ({ basic }) => decoded(basic?.secret ?? "") === "r1ght+secret/=" },
    config: withSecret({ basicEncoding: "raw" }),
    env: { S: "r1ght+secret/=" },
    corrected: { config: withSecret() },
    remedy: 'without the client\'s "basicEncoding": "raw"',
    bare401: ["basic_encoding", ...bareSecret],
    bare400: ["basic_encoding", "client_secret", "parameters"],
  },
  assertionForm(
    "key_not_registered",
    "knows the key by another kid",
    "Client assertion: no public key with this kid in the JWKS of the client",
    ({ assertion }) => assertion.header["kid"] === undefined,
    [withKey(), withKey({}, { kid: false })],
    'its thumbprint. Or set the key\'s "kid" to the registered one; if it is registered without one, set it to false',
  ),
  assertionForm(
    "key_not_registered",
    "does not know the kid of the config",
    "The signature of the client assertion cannot be verified",
    ({ assertion }) => assertion.header["kid"] === "k1",
    [withKey({}, { kid: "k2" }), withKey({}, { kid: "k1" })],
    'with the "kid" k2 of the config. Or set the key\'s "kid" to the registered one;',
  ),
  assertionForm(
    "assertion_audience",
    "wants the token endpoint as the audience",
    "The audience claim for client_assertion must be the endpoint invoked for the request.",
    ({ assertion, tokenEndpoint }) => assertion.claims["aud"] === tokenEndpoint,
    [withKey(), withKey({ assertionAudience: "token_endpoint" })],
    'Try the client\'s "assertionAudience": "token_endpoint" (the assertion was for the issuer).',
  ),
  assertionForm(
    "assertion_audience",
    "wants the issuer as the audience",
    "Invalid aud claim",
    ({ assertion, issuer }) => assertion.claims["aud"] === issuer,
    [withKey({ assertionAudience: "token_endpoint" }), withKey()],
    'Try the client\'s "assertionAudience": "issuer" (the assertion was for the token endpoint).',
  ),
  assertionForm(
    "assertion_header",
    "wants the type JWT",
    "JWT typ header must be JWT",
    ({ assertion }) => assertion.header["typ"] === "JWT",
    [withKey(), withKey({ assertionType: "JWT" })],
    'Try the client\'s "assertionType": "JWT" (it was client-authentication+jwt).',
  ),
  assertionForm(
    "assertion_header",
    "wants another algorithm",
    "Unexpected alg in the client assertion",
    ({ assertion }) => assertion.header["alg"] === "PS256",
    [withKey(), withKey({}, { alg: "PS256" })],
    'Set the key\'s "alg" to one that the server accepts: it was RS256.',
    { KEY: pemOf(rsa) },
  ),
];

const clockFault: Fault = {
  id: "clock_differs",
  title: "has a clock that is twenty minutes ahead",
  words: invalidClient("Token is not active"),
  server: { clockAhead: 1_200, accepts: () => false },
  config: withKey(),
  env: { KEY: pemOf(ec) },
  remedy: "s ahead of the clock of this machine, too much for a signature made here to be valid there.",
  bare401: ["clock_differs"],
  bare400: ["clock_differs"],
};

const tenant = "https://login.microsoftonline.com/72f988bf-0000-4000-8000-2d7cd011db47/v2.0";

/** A fault at Entra ID. `corrected` is what it accepts. */
function entra(id: string, code: number, error: string, remedy: string, more: Partial<Fault> = {}): Fault {
  return {
    id: `entra_${id}`,
    title: `says ${code}, as Entra ID does`,
    words: {
      status: error === "invalid_client" ? 401 : 400,
      body: { error, error_codes: [code], error_description: `AADSTS${code}: Trace ID: 0`, trace_id: "0" },
    },
    server: { accepts: () => false },
    config: (issuer) => ({
      grant: {
        client: { ...{ issuer: tenant, id: "agent", secret: { env: "S" } }, metadata: metadataAt(issuer) },
        scopes: ["api://tools/.default"],
      },
    }),
    env: { S: secret },
    remedy,
    bare401: bareSecret,
    bare400: bareSecret400,
    ...more,
  };
}

const metadataAt = (origin: string, path = "/token") => ({ tokenEndpoint: `${origin}${path}` });

const entraFaults: readonly Fault[] = [
  entra(
    "application_not_found",
    700016,
    "unauthorized_client",
    "The tenant has no application with this client id.",
  ),
  entra("wrong_secret", 7000215, "invalid_client", 'Use the "Value" of a secret of this application'),
  entra("secret_id", 7000215, "invalid_client", 'The client secret looks like a "Secret ID".', {
    title: "says 7000215 about the id of a secret, as Entra ID does",
    env: { S: "0d3ad2f5-1111-4222-8333-444455556666" },
  }),
  entra("expired_secret", 7000222, "invalid_client", "The client secret has expired."),
  entra("key_not_registered", 700027, "invalid_client", "about a key, but the request had a secret."),
  entra("tenant_not_found", 90002, "invalid_request", "There is no such tenant in this cloud."),
  entra("resource_not_found", 500011, "invalid_resource", "no application for the resource in the scope"),
  entra("default_scope", 1002012, "invalid_scope", "The scope already ends in /.default."),
  entra("scope", 70011, "invalid_scope", "Its application ID URI may be wrong"),
  entra("resource_and_scope", 9010010, "invalid_target", 'Set the grant\'s "resource" to false'),
  entra("consent", 65001, "invalid_grant", "Let an administrator grant its permissions"),
  entra("federation_subject", 700213, "invalid_client", "about an assertion, but the request had a secret."),
  entra("federation", 70021, "invalid_request", "about an assertion, but the request had a secret."),
];

const scoped = (...allowed: readonly string[]): FaultyServer["accepts"] => {
  return ({ form }) => (form.get("scope") ?? "").split(" ").every((scope) => allowed.includes(scope));
};
const invalidScope: Words = {
  status: 400,
  body: { error: "invalid_scope", error_description: "Invalid scopes: admin" },
};
const withScopes =
  (scopes: readonly string[], more: Partial<ServerConfig> = {}) =>
  (issuer: string): Partial<ServerConfig> => ({
    ...more,
    grant: { client: { issuer, id: "agent", secret: { env: "S" } }, scopes: [...scopes] },
  });

const delegated =
  (issuer: string, subject: string) =>
  (origin: string): Partial<ServerConfig> => ({
    grant: {
      type: "jwt_bearer",
      client: { issuer, metadata: metadataAt(origin) },
      assertion: { key: { privateKey: { env: "KEY" } }, issuer: "robot@example", subject },
    },
  });
const signedWith =
  (kid: string) =>
  (origin: string): Partial<ServerConfig> => ({
    grant: {
      type: "jwt_bearer",
      client: { issuer: "https://auth.example", metadata: metadataAt(origin) },
      assertion: {
        key: { privateKey: { env: "KEY" }, kid },
        issuer: "robot@example",
        subject: "robot@example",
      },
    },
  });
const bareAssertion = ["signed_assertion", "no_client_id"];

const requestFaults: readonly Fault[] = [
  {
    id: "scopes_of_metadata",
    title: "lists a scope that this client may not have",
    words: invalidScope,
    server: { scopes: ["read", "admin"], accepts: scoped("read", "") },
    config: withSecret(),
    env: { S: secret },
    corrected: { config: withScopes([]) },
    remedy: "or to [] to send none.",
    bare401: bareSecret,
    bare400: bareSecret400,
  },
  {
    id: "scopes_of_config",
    title: "does not allow a scope of the config",
    words: invalidScope,
    server: { accepts: scoped("read") },
    config: withScopes(["read", "admin"]),
    env: { S: secret },
    corrected: { config: withScopes(["read"]) },
    remedy: 'Check the "scopes" of the grant (read admin)',
    bare401: bareSecret,
    bare400: bareSecret400,
  },
  {
    id: "no_scope",
    title: "requires a scope",
    words: invalidScope,
    server: { accepts: scoped("read") },
    config: withSecret(),
    env: { S: secret },
    corrected: { config: withScopes(["read"]) },
    remedy: "The request had no scope.",
    bare401: bareSecret,
    bare400: bareSecret400,
  },
  {
    id: "google_delegation",
    title: "has no domain-wide delegation, as Google's",
    words: {
      status: 401,
      body: {
        error: "unauthorized_client",
        error_description:
          "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the " +
          "scopes requested.",
      },
    },
    server: { accepts: ({ assertion }) => assertion.claims["sub"] === assertion.claims["iss"] },
    config: delegated("https://accounts.google.com", "person@example"),
    env: { KEY: pemOf(rsa) },
    corrected: { config: delegated("https://accounts.google.com", "robot@example") },
    remedy:
      'with exactly the scopes of the claim "scope", or set the "subject" to the service account itself.',
    bare401: bareAssertion,
    bare400: bareAssertion,
  },
  {
    id: "delegation",
    title: "does not let the issuer of an assertion act for its subject",
    words: { status: 400, body: { error: "unauthorized_client" } },
    server: { accepts: ({ assertion }) => assertion.claims["sub"] === assertion.claims["iss"] },
    config: delegated("https://auth.example", "person@example"),
    env: { KEY: pemOf(rsa) },
    corrected: { config: delegated("https://auth.example", "robot@example") },
    remedy:
      'Allow the "issuer" of the grant\'s "assertion" to act for its "subject" at https://auth.example, or set the',
    bare401: bareAssertion,
    bare400: bareAssertion,
  },
  {
    id: "signed_assertion",
    title: "knows the key of an assertion by another kid",
    words: { status: 400, body: { error: "invalid_grant", error_description: "Invalid JWT Signature." } },
    server: { accepts: ({ assertion }) => assertion.header["kid"] === "k1" },
    config: signedWith("k2"),
    env: { KEY: pemOf(rsa) },
    corrected: { config: signedWith("k1") },
    remedy: 'at https://auth.example, with the "kid" k2 of the config. Or set the key\'s "kid"',
    bare401: bareAssertion,
    bare400: bareAssertion,
  },
  {
    id: "subject_token",
    title: "does not accept a subject token",
    words: { status: 400, body: { error: "invalid_request", error_description: "Token expired" } },
    server: { accepts: ({ form }) => form.get("subject_token") === "new-token-of-the-user" },
    config: (issuer) => ({
      grant: {
        type: "token_exchange",
        client: { issuer, id: "agent", secret: { env: "S" } },
        subject: { token: { env: "SUBJECT" } },
      },
    }),
    env: { S: secret, SUBJECT: "old-token-of-the-user" },
    corrected: { env: { S: secret, SUBJECT: "new-token-of-the-user" } },
    remedy: 'The subject token has expired. Put a new one where the "subject" of the grant is read.',
    bare401: bareSecret,
    bare400: ["subject_token", "client_secret"],
  },
  {
    id: "resource_not_known",
    title: "does not know the resource",
    words: { status: 400, body: { error: "invalid_target" } },
    server: { accepts: ({ form }) => form.get("resource") === "https://api.example" },
    config: withSecret(),
    env: { S: secret },
    corrected: {
      config: (issuer) => ({
        grant: {
          client: { issuer, id: "agent", secret: { env: "S" } },
          resource: "https://api.example",
        },
      }),
    },
    remedy: 'which "resource" or "audience" it knows',
    bare401: bareSecret,
    bare400: bareSecret400,
  },
  {
    id: "grant_not_offered",
    title: "does not offer the grant",
    words: { status: 400, body: { error: "unsupported_grant_type" } },
    server: { accepts: () => false },
    config: withSecret(),
    env: { S: secret },
    remedy: "does not offer the grant type client_credentials. Enable it there",
    bare401: bareSecret,
    bare400: bareSecret400,
  },
  {
    id: "grant_not_allowed",
    title: "does not allow the client this grant",
    words: { status: 400, body: { error: "unauthorized_client", error_description: "Client not enabled" } },
    server: { accepts: () => false },
    config: withSecret(),
    env: { S: secret },
    remedy: "and the grant type client_credentials for it.",
    bare401: bareSecret,
    bare400: bareSecret400,
  },
];

/** All of them. A test compares the findings of every fault with those of every other. */
export const faults: readonly Fault[] = [...clientFaults, clockFault, ...entraFaults, ...requestFaults];
