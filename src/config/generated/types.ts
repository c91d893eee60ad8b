// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

import type { Anonymous, OfNoOtherGrant, OneCredential, OneSigner, OneSigningPlace, SecretReference, TokenType } from "../exclusive-types.js";

/**
 * The host of each Sentinel, and its port unless that is 26379.
 *
 * @minItems 1
 */
export type SentinelNodes = readonly [string, ...(readonly string[])];

/**
 * MCP servers, how the agent gets tokens for each of them, and where its secrets and keys are.
 */
export interface Config {
  /**
   * Where an editor finds this schema. The runtime does not read it.
   */
  $schema?: string;
  /**
   * Version of the config format.
   */
  version?: 1;
  /**
   * What holds for every server that does not say otherwise. Merged per leaf: a server that sets `retry.max` still gets `retry.min` from here.
   */
  defaults?: Defaults;
  /**
   * Where tokens are kept between calls.
   */
  store?: MemoryStore | FileStore | RedisStore;
  /**
   * How requests leave this machine.
   */
  network?: Network;
  /**
   * Private keys by name, for clients to refer to.
   */
  keys?: {
    /**
     * How the agent signs: a private key, or a `signer` for one that never leaves a KMS or HSM, and what goes with it.
     */
    [k: string]: OneSigner<Key>;
  };
  /**
   * Registrations at authorization servers by name, for grants to refer to.
   */
  clients?: {
    /**
     * Who the agent is at one authorization server. It has one credential, `secret`, `key`, `assertion` or `certificate`, or, as a public client, none.
     */
    [k: string]: OneCredential<Client>;
  };
  /**
   * MCP servers by name. The name is what code passes to `auth.resolve(name)`.
   */
  servers: {
    /**
     * An MCP server and how to get tokens for it.
     */
    [k: string]: Server;
  };
}
/**
 * HTTP headers by name. `Authorization` is not among them: it is what this package makes.
 */
export interface Headers {
  /**
   * The value of a header as text, or a reference when it is secret.
   */
  [k: string]: string | SecretReference;
}
/**
 * How the agent signs: a private key, or a `signer` for one that never leaves a KMS or HSM, and what goes with it.
 */
export interface Key {
  /**
   * The private key: PEM (PKCS#8, PKCS#1, SEC1, also encrypted), JWK or JWKS.
   */
  privateKey?: SecretReference;
  /**
   * The passphrase of an encrypted PEM.
   */
  passphrase?: SecretReference;
  /**
   * What signs in place of a `privateKey`. `alg` is then required.
   */
  signer?: OneSigningPlace<Signer>;
  /**
   * The signature algorithm. Without it, the first one that the authorization server lists among those of the key.
   */
  alg?:
    | "RS256"
    | "RS384"
    | "RS512"
    | "PS256"
    | "PS384"
    | "PS512"
    | "ES256"
    | "ES384"
    | "ES512"
    | "EdDSA"
    | "Ed25519";
  /**
   * The key id to send, `false` to send none. Without it, the `kid` of the JWK, else the RFC 7638 thumbprint.
   */
  kid?: string | false;
  /**
   * The certificate of the key, PEM: its thumbprint is sent as `x5t#S256` (RFC 7515 §4.1.8).
   */
  certificate?: SecretReference;
}
/**
 * What signs with a key that never leaves a KMS or HSM: a command, or a function given in code.
 */
export interface Signer {
  /**
   * Command that gets JSON `{ alg, kid, input }` on stdin and prints the signature in base64url. Run without a shell in the folder of the config file (for a config in code, in `cwd`); taken as it is, without interpolation.
   */
  exec?: readonly string[];
  /**
   * Longest time that `exec` may take.
   */
  timeout?: string;
  /**
   * Name of a function given in code, in `signers`.
   */
  name?: string;
  /**
   * The form of the signature.
   */
  format?: "raw" | "der";
}
/**
 * Who the agent is at one authorization server. It has one credential, `secret`, `key`, `assertion` or `certificate`, or, as a public client, none.
 */
export interface Client {
  /**
   * The authorization server that this client is registered at. Its credentials go to no other.
   */
  issuer: string;
  /**
   * The client id. Only a client without a credential, written in a grant `jwt_bearer`, may leave it out. An id that starts with https:// is the URL of a client id metadata document.
   */
  id?: string;
  /**
   * The client secret.
   */
  secret?: SecretReference;
  /**
   * The key to sign with: its name in `keys`, or the key itself.
   */
  key?: string | OneSigner<Key>;
  /**
   * A JWT that the platform issues and that is sent as client assertion (RFC 7523 §2.2), read at each request.
   */
  assertion?: SecretReference;
  /**
   * The TLS client certificate to present (RFC 8705).
   */
  certificate?: Certificate;
  /**
   * How the client authenticates at the token endpoint. Without it, the metadata of the authorization server decides.
   */
  method?:
    | "client_secret_basic"
    | "client_secret_post"
    | "client_secret_jwt"
    | "private_key_jwt"
    | "tls_client_auth"
    | "self_signed_tls_client_auth"
    | "none";
  /**
   * How `client_secret_basic` encodes id and secret.
   */
  basicEncoding?: "form" | "raw";
  /**
   * The `aud` of the client assertions that are signed here: `issuer`, `token_endpoint`, or the audience itself.
   */
  assertionAudience?: "issuer" | "token_endpoint" | (string & {});
  /**
   * The `typ` of the client assertions that are signed here; for an `assertion` of the platform the `client_assertion_type` that goes with it.
   */
  assertionType?: string;
  /**
   * The endpoints of an authorization server that publishes no metadata.
   */
  metadata?: Metadata;
}
/**
 * A TLS client certificate and its private key. Both are read again when they change.
 */
export interface Certificate {
  /**
   * The certificate, PEM, with its chain after it if there is one.
   */
  cert: SecretReference;
  /**
   * The private key of the certificate, PEM.
   */
  key: SecretReference;
  /**
   * The passphrase of an encrypted `key`.
   */
  passphrase?: SecretReference;
}
/**
 * What stands for the metadata that an authorization server does not publish. Nothing is then asked of it but tokens.
 */
export interface Metadata {
  /**
   * The token endpoint.
   */
  tokenEndpoint: string;
  /**
   * The token endpoint for clients that present a certificate (RFC 8705 §5), where it is another one.
   */
  mtlsTokenEndpoint?: string;
  /**
   * The client authentication methods that the server takes.
   *
   * @minItems 1
   */
  authMethods?: readonly NonNullable<Client["method"]>[];
  /**
   * The algorithms with which assertions may be signed.
   *
   * @minItems 1
   */
  signingAlgorithms?: readonly NonNullable<Key["alg"]>[];
  /**
   * Where tokens are revoked (`revocation_endpoint`, RFC 7009).
   */
  revocationEndpoint?: string;
}
/**
 * The agent acts as itself (RFC 6749 §4.4, SEP-1046).
 */
export interface ClientCredentialsGrant {
  /**
   * The grant; this is the default one.
   */
  type?: "client_credentials";
  /**
   * The client to get tokens as: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The scopes to ask for. Without them, those that the MCP server names.
   */
  scopes?: readonly string[];
  /**
   * The resource to ask for (RFC 8707), sent byte for byte; `false` sends none. Without it, the one that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to ask for, one or several, where the authorization server wants it.
   */
  audience?: string | readonly string[];
  /**
   * Further parameters of the token request, by name. Those that OAuth has a use for have fields of their own.
   */
  params?: Params;
}
/**
 * A token that something else puts in place. It is read again when it is stale and after a 401.
 */
export interface StaticGrant {
  /**
   * The grant.
   */
  type: "static";
  /**
   * Where the access token is.
   */
  token: SecretReference;
  /**
   * How long the token lives after it was read, when it does not say so itself.
   */
  lifetime?: string;
  /**
   * The scopes that the token has.
   */
  scopes?: readonly string[];
}
/**
 * An assertion is the authorization (RFC 7523 §2.1): a JWT that the platform issues (workload identity, SEP-1933), or one that is signed here, as service accounts have it.
 */
export interface JwtBearerGrant {
  /**
   * The grant.
   */
  type: "jwt_bearer";
  /**
   * The client to get tokens as: its name in `clients`, or the client itself, or no more than the `issuer` where the assertion says it all.
   */
  client: string | OneCredential<Client> | Anonymous<Client>;
  /**
   * The assertion: a reference to a JWT that the platform issues, read at each request, or what to sign.
   */
  assertion: SecretReference | SignedAssertion;
  /**
   * The scopes to ask for. Without them, those that the MCP server names.
   */
  scopes?: readonly string[];
  /**
   * The resource to ask for (RFC 8707), sent byte for byte; `false` sends none. Without it, the one that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to ask for, one or several, where the authorization server wants it.
   */
  audience?: string | readonly string[];
  /**
   * Further parameters of the token request, by name. Those that OAuth has a use for have fields of their own.
   */
  params?: Params;
}
/**
 * An assertion that is signed here, anew for each request.
 */
export interface SignedAssertion {
  /**
   * The key to sign with: its name in `keys`, or the key itself.
   */
  key: string | OneSigner<Key>;
  /**
   * The `iss` of the assertion: who makes it.
   */
  issuer: string;
  /**
   * The `sub` of the assertion: who the token is for.
   */
  subject: string;
  /**
   * The `aud` of the assertion: `issuer`, `token_endpoint`, or the audience itself.
   */
  audience?: "issuer" | "token_endpoint" | (string & {});
  /**
   * How long the assertion is valid, one hour at most.
   */
  lifetime?: string;
  /**
   * Further claims. Not among them: `iss`, `sub`, `aud`, `exp`, `iat`, `nbf` and `jti`, which are set here.
   */
  claims?: {readonly [name: string]: unknown};
}
/**
 * A token in exchange for another one (RFC 8693).
 */
export interface TokenExchangeGrant {
  /**
   * The grant.
   */
  type: "token_exchange";
  /**
   * The client to get tokens as: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The token to exchange. Its type is `access_token` where none is given.
   */
  subject: Subject;
  /**
   * The token of the party that acts for the subject. Its type is `access_token` where none is given.
   */
  actor?: Actor;
  /**
   * The type of the token to get, a short name as in `subject` or any URI. Without it, the server decides.
   */
  requestedType?: TokenType;
  /**
   * The scopes to ask for. Without them, those that the MCP server names.
   */
  scopes?: readonly string[];
  /**
   * The resource to ask for (RFC 8707), sent byte for byte; `false` sends none. Without it, the one that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to ask for, one or several, where the authorization server wants it.
   */
  audience?: string | readonly string[];
  /**
   * Further parameters of the token request, by name. Those that OAuth has a use for have fields of their own.
   */
  params?: Params;
}
/**
 * The token of the party that is asked for.
 */
export interface Subject {
  /**
   * Where the token is, or `{ "runtime": true }` where code gives it for each user.
   */
  token: SecretReference | {readonly runtime: true};
  /**
   * The type of the token (RFC 8693 §3): `access_token`, `refresh_token`, `id_token`, `saml1`, `saml2`, `jwt`, or any URI.
   */
  type?: TokenType;
}
/**
 * The token of the party that acts for the subject.
 */
export interface Actor {
  /**
   * Where the token is.
   */
  token: SecretReference;
  /**
   * The type of the token (RFC 8693 §3): `access_token`, `refresh_token`, `id_token`, `saml1`, `saml2`, `jwt`, or any URI.
   */
  type?: TokenType;
}
/**
 * The identity provider of an enterprise vouches for the user (SEP-990): its token is exchanged there for an identity assertion (ID-JAG), and this at the authorization server of the MCP server for an access token.
 */
export interface EnterpriseManagedGrant {
  /**
   * The grant.
   */
  type: "enterprise_managed";
  /**
   * The client at the authorization server of the MCP server: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The identity provider.
   */
  idp: IdentityProvider;
  /**
   * The scopes to ask for. Without them, those that the MCP server names.
   */
  scopes?: readonly string[];
  /**
   * The resource to ask for (RFC 8707), sent byte for byte; `false` sends none. Without it, the one that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to ask for, one or several, where the authorization server wants it.
   */
  audience?: string | readonly string[];
  /**
   * Further parameters of the token request, by name. Those that OAuth has a use for have fields of their own.
   */
  params?: Params;
}
/**
 * A token for a refresh token, which the authorization server may replace each time (RFC 6749 §6). The first is given; those that follow are kept in the store, which must not be in memory.
 */
export interface RefreshTokenGrant {
  /**
   * The grant.
   */
  type: "refresh_token";
  /**
   * The client that the refresh token was issued to: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * Where the first refresh token is. Another one there takes the place of those that are stored.
   */
  refreshToken: SecretReference;
  /**
   * The scopes to ask for, among those that the refresh token is good for. Without them, all of those.
   */
  scopes?: readonly string[];
  /**
   * The resource to ask for (RFC 8707), sent byte for byte; `false` sends none. Without it, the one that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to ask for, one or several, where the authorization server wants it.
   */
  audience?: string | readonly string[];
  /**
   * Further parameters of the token request, by name. Those that OAuth has a use for have fields of their own.
   */
  params?: Params;
}
/**
 * The identity provider of an enterprise, and whom it knows.
 */
export interface IdentityProvider {
  /**
   * The client at the identity provider: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The user's token. Its type is `id_token` where none is given.
   */
  subject: Subject;
}
/**
 * Further parameters of the token request, by name. Those that OAuth has a use for have fields of their own.
 */
export interface Params {
  /**
   * The value of a parameter as text, or a reference when it is secret.
   */
  [k: string]: string | SecretReference;
}
/**
 * When tokens are renewed before anybody asks.
 */
export interface Refresh {
  /**
   * Cron expression of five fields, or six with seconds first. Renews at these times what would not last until the next one; renewal ahead of expiry goes on beside it.
   */
  schedule?: string;
  /**
   * IANA time zone of `schedule`.
   */
  timezone?: string;
  /**
   * Share of the renewal window, from 0 to 1, by which this instance may renew earlier, so that a fleet does not renew at one moment.
   */
  jitter?: number;
  /**
   * How long before its end a token is renewed. Without it, a window that follows from its lifetime; never more than half of that.
   */
  ahead?: string;
  /**
   * How long after its last use a token is still renewed. With a `schedule` and without `idle`, for ever.
   */
  idle?: string;
  /**
   * How long a token lives that says nothing about it.
   */
  assumedLifetime?: string;
}
/**
 * How failures of the authorization server that may pass are retried, with capped exponential backoff and full jitter.
 */
export interface Retry {
  /**
   * Attempts in all, the first one included.
   */
  attempts?: number;
  /**
   * Bound of the first pause.
   */
  min?: string;
  /**
   * Bound of every pause.
   */
  max?: string;
}
/**
 * An MCP server and how to get tokens for it.
 */
export interface Server {
  /**
   * The URL of the MCP server, without user info and fragment. Also the resource that tokens are asked for when the server names none.
   */
  url: string;
  /**
   * How tokens for this server are got.
   */
  grant:
    | OfNoOtherGrant<ClientCredentialsGrant>
    | JwtBearerGrant
    | TokenExchangeGrant
    | EnterpriseManagedGrant
    | RefreshTokenGrant
    | StaticGrant;
  /**
   * Scopes that the agent may ask for beside its own when the MCP server answers that it needs them.
   */
  stepUp?: readonly string[];
  /**
   * Whether tokens are bound to a key of ours (RFC 9449): `true` for one made at start, or a key to sign the proofs with.
   */
  dpop?: true | DPoPKey;
  /**
   * Headers that go to this MCP server beside `Authorization`, and with requests for metadata to `resourceMetadata` and to the well-known URLs of the server's own origin; nowhere else.
   */
  headers?: Headers;
  /**
   * Where the server's protected resource metadata (RFC 9728) is: it is read there and nowhere else; `false` reads none. Without it, the server's challenge and the well-known URLs say where.
   */
  resourceMetadata?: string | false;
  /**
   * When tokens are renewed before anybody asks; `false` renews on demand only.
   */
  refresh?: Refresh | false;
  /**
   * Longest time of one attempt at a token or metadata request.
   */
  timeout?: string;
  /**
   * Longest time of getting one token, with all attempts and pauses, and of what else a call waits for, such as references in `headers`. MCP requests are not limited.
   */
  deadline?: string;
  /**
   * How failures that may pass are retried.
   */
  retry?: Retry;
  /**
   * Which URLs may be called with a token for this server.
   */
  reach?: "origin" | "path";
}
/**
 * The key that DPoP proofs are signed with.
 */
export interface DPoPKey {
  /**
   * The key that proofs are signed with, which servers may share: its name in `keys`, or the key itself.
   */
  key: string | OneSigner<Key>;
}
/**
 * Tokens are kept in this process, and gone when it ends.
 */
export interface MemoryStore {
  /**
   * The kind of store.
   */
  type: "memory";
}
/**
 * Tokens are kept in files of this machine, sealed, and shared by its processes.
 */
export interface FileStore {
  /**
   * The kind of store.
   */
  type: "file";
  /**
   * The folder, relative to the config file. Without it, `mcp-auth-runtime` in the user's folder for state: $XDG_STATE_HOME or ~/.local/state, ~/Library/Application Support on macOS, %LOCALAPPDATA% on Windows.
   */
  path?: string;
  /**
   * The key that seals what is stored: 32 random bytes in base64url, as `node -p 'crypto.randomBytes(32).toString("base64url")'` prints. A list for rotation: the first encrypts, all of them decrypt.
   */
  encryptionKey: SecretReference | readonly [SecretReference, ...(readonly SecretReference[])];
}
/**
 * Tokens are kept in Redis or Valkey, sealed, and shared by the processes of many machines. Needs the package `redis`.
 */
export interface RedisStore {
  /**
   * The kind of store.
   */
  type: "redis";
  /**
   * Where the URL of the server is: `redis://` or with TLS `rediss://`, with user and password, percent-encoded, and the number of the database if there are any. With `sentinel` its host is not used; with `cluster` it is one of the nodes.
   */
  url: SecretReference;
  /**
   * The Sentinels that know where the server is.
   */
  sentinel?: Sentinel;
  /**
   * URLs of further nodes of a cluster, without user and password: they are those of `url`.
   *
   * @minItems 1
   */
  cluster?: readonly [string, ...(readonly string[])];
  /**
   * What the name of every key and channel begins with.
   */
  prefix?: string;
  /**
   * How long the lock of a process that died keeps others from a request. One that lives renews it.
   */
  lease?: string;
  /**
   * The key that seals what is stored: 32 random bytes in base64url, as `node -p 'crypto.randomBytes(32).toString("base64url")'` prints. A list for rotation: the first encrypts, all of them decrypt.
   */
  encryptionKey: SecretReference | readonly [SecretReference, ...(readonly SecretReference[])];
}
/**
 * The Sentinels that know where the server is.
 */
export interface Sentinel {
  /**
   * What the Sentinels call the server.
   */
  name: string;
  nodes: SentinelNodes;
}
/**
 * What holds for every server that does not say otherwise.
 */
export interface Defaults {
  /**
   * Headers that go to every MCP server of this config.
   */
  headers?: Headers;
  /**
   * When tokens are renewed before anybody asks; `false` renews on demand only.
   */
  refresh?: Refresh | false;
  /**
   * Longest time of one attempt at a token or metadata request.
   */
  timeout?: string;
  /**
   * Longest time of getting one token, with all attempts and pauses, and of what else a call waits for, such as references in `headers`. MCP requests are not limited.
   */
  deadline?: string;
  /**
   * How failures that may pass are retried.
   */
  retry?: Retry;
  /**
   * Which URLs may be called with a token for a server.
   */
  reach?: "origin" | "path";
}
/**
 * How requests leave this machine.
 */
export interface Network {
  /**
   * URL of an HTTP proxy; `false` uses none. Without it, the environment decides (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
   */
  proxy?: string | false;
  /**
   * Paths of PEM files, relative to the config file, whose certificate authorities are trusted beside the usual ones.
   */
  ca?: string | readonly string[];
  /**
   * Hosts that may be reached over plain http. Tokens and secrets then cross the network in the clear.
   *
   * @minItems 1
   */
  allowInsecureHttp?: readonly string[];
}
