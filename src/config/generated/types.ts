// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

import type { Anonymous, CertificateHeader, OneCredential, OneGrant, OneSigner, OneSigningPlace, OneSubject, SecretReference, TokenType } from "../exclusive-types.js";

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
   * Path of a host's file that has the URLs of servers, relative to the config file (for a config in code, to `cwd`): JSON with `mcpServers` or `servers`, such as `.mcp.json` or `.vscode/mcp.json`. A server here may omit its `url` if that file has a server of this name. Nothing but the URLs is taken from the file.
   */
  import?: string;
  /**
   * Settings for all servers. A server's own settings win, property by property: a server that sets `retry.max` still gets `retry.min` from here.
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
   * How hosts reach the local proxy, `mcp-auth-runtime proxy`. Nothing else uses it.
   */
  proxy?: LocalProxy;
  /**
   * Keys by name, which clients refer to.
   */
  keys?: {
    /**
     * How the agent signs: with a private key, or with a `signer` for a key that never leaves a KMS or HSM.
     */
    [k: string]: OneSigner<Key>;
  };
  /**
   * Clients, registered at authorization servers, by name. Grants refer to them.
   */
  clients?: {
    /**
     * The agent's identity at one authorization server. It has one credential (`secret`, `key`, `assertion` or `certificate`) or, as a public client, none.
     */
    [k: string]: OneCredential<Client>;
  };
  /**
   * MCP servers by name. Code passes the name to `auth.resolve(name)`.
   */
  servers: {
    /**
     * An MCP server and how to get tokens for it.
     */
    [k: string]: Server;
  };
}
/**
 * HTTP headers by name, except for `Authorization`, which this package sets.
 */
export interface Headers {
  /**
   * The value of a header as text, or a reference if it is secret.
   */
  [k: string]: string | SecretReference;
}
/**
 * How the agent signs: with a private key, or with a `signer` for a key that never leaves a KMS or HSM.
 */
export interface Key {
  /**
   * The private key: PEM or DER (PKCS#8, PKCS#1 or SEC1, may be encrypted), JWK or JWKS.
   */
  privateKey?: SecretReference;
  /**
   * The passphrase of an encrypted key in PEM or DER.
   */
  passphrase?: SecretReference;
  /**
   * A signer in place of a `privateKey`. It requires `alg`.
   */
  signer?: OneSigningPlace<Signer>;
  /**
   * The signature algorithm. Without it, the first algorithm of the authorization server's list that the key supports.
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
   * The certificate of the key, PEM, with its chain after it if there is one, or DER. `certificateHeaders` says how it is sent.
   */
  certificate?: SecretReference;
  /**
   * How the `certificate` is sent in the header of each assertion that the key signs (RFC 7515 §4.1.6 to §4.1.8).
   *
   * @minItems 1
   */
  certificateHeaders?: readonly CertificateHeader[];
}
/**
 * A command, or a function given in code, that signs with a key which never leaves a KMS or HSM.
 */
export interface Signer {
  /**
   * Command that reads JSON `{ alg, kid, input }` from stdin and prints the signature in base64url. It runs without a shell in the folder of the config file (for a config in code, in `cwd`). It is not interpolated.
   */
  exec?: readonly string[];
  /**
   * Maximum time that the command in `exec` may take.
   */
  timeout?: string;
  /**
   * Name of a function given in code, in `signers`.
   */
  name?: string;
  /**
   * The format of the signature.
   */
  format?: "raw" | "der";
}
/**
 * The agent's identity at one authorization server. It has one credential (`secret`, `key`, `assertion` or `certificate`) or, as a public client, none.
 */
export interface Client {
  /**
   * The authorization server that this client is registered at. Its credentials are sent to no other server.
   */
  issuer: string;
  /**
   * The client id. Required, except for a client without a credential inside of a `jwt_bearer` or `token_exchange` grant. An id that starts with https:// is the URL of a client id metadata document.
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
   * A JWT that the platform issues. It is sent as client assertion (RFC 7523 §2.2) and read for each request.
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
   * The `aud` of the client assertions that are signed here: `issuer`, `token_endpoint`, or the audience itself. `token_endpoint` is the URL that the token request is sent to. It is an error for a key, or a client id that is a URL, that is used at several issuers.
   */
  assertionAudience?: "issuer" | "token_endpoint" | (string & {});
  /**
   * Lifetime of the client assertions that are signed here (`exp` minus `iat`): from one second to one hour.
   */
  assertionLifetime?: string;
  /**
   * The `typ` of the client assertions that are signed here. For an `assertion` of the platform, its `client_assertion_type`.
   */
  assertionType?: string;
  /**
   * HTTP headers that are sent to the token, revocation, device authorization and metadata URLs of this authorization server, and nowhere else. `Authorization`, `DPoP` and `Content-Type` cannot be set.
   */
  headers?: Headers;
  /**
   * The endpoints of an authorization server that publishes no metadata.
   */
  metadata?: Metadata;
}
/**
 * A TLS client certificate and its private key. Both are read again if they change.
 */
export interface Certificate {
  /**
   * The certificate, PEM, followed by its chain if there is one, or DER.
   */
  cert: SecretReference;
  /**
   * The private key of the certificate: PEM, DER or JWK.
   */
  key: SecretReference;
  /**
   * The passphrase of an encrypted `key`.
   */
  passphrase?: SecretReference;
}
/**
 * The metadata of an authorization server that publishes none. Only the endpoints named here are then used.
 */
export interface Metadata {
  /**
   * The token endpoint.
   */
  tokenEndpoint: string;
  /**
   * The token endpoint for clients with a certificate (RFC 8705 §5), if it is a different one.
   */
  mtlsTokenEndpoint?: string;
  /**
   * The client authentication methods that the server supports.
   *
   * @minItems 1
   */
  authMethods?: readonly NonNullable<Client["method"]>[];
  /**
   * The algorithms that the server accepts for signed assertions.
   *
   * @minItems 1
   */
  signingAlgorithms?: readonly NonNullable<Key["alg"]>[];
  /**
   * The revocation endpoint (RFC 7009).
   */
  revocationEndpoint?: string;
  /**
   * The device authorization endpoint (RFC 8628), for `npx mcp-auth-runtime login`.
   */
  deviceAuthorizationEndpoint?: string;
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
   * The client that requests the tokens: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The scopes to request. Without them, the scopes that the MCP server names. An empty list requests none, so that the authorization server decides.
   */
  scopes?: readonly string[];
  /**
   * Which token of the response is sent to the MCP server.
   */
  use?: "access_token" | "id_token";
  /**
   * The resource to request (RFC 8707), sent byte for byte. `false` sends none. Without it, the resource that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to request, one or several, if the authorization server needs it.
   */
  audience?: string | readonly string[];
  /**
   * More parameters of the token request, by name. Parameters that OAuth defines have properties of their own.
   */
  params?: Params;
}
/**
 * A token that something else provides. It is read again when it is stale and after a 401.
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
   * Lifetime of the token from when it was read, if the token does not have an expiry.
   */
  lifetime?: string;
  /**
   * The scopes that the token has.
   */
  scopes?: readonly string[];
}
/**
 * An assertion is exchanged for a token (RFC 7523 §2.1): a JWT that the platform issues (workload identity, SEP-1933), one that is signed here, as for service accounts, or the token of a user (on behalf of).
 */
export interface JwtBearerGrant {
  /**
   * The grant.
   */
  type: "jwt_bearer";
  /**
   * The client that requests the tokens: its name in `clients`, or the client itself, or only its `issuer` if the assertion identifies the agent.
   */
  client: string | OneCredential<Client> | Anonymous<Client>;
  /**
   * The assertion: a reference to a JWT that the platform issues, which is read for each request, what to sign, or `{ "runtime": true }` if code gives the JWT for each user.
   */
  assertion: SecretReference | SignedAssertion | {readonly runtime: true};
  /**
   * The scopes to request. Without them, the scopes that the MCP server names. An empty list requests none, so that the authorization server decides.
   */
  scopes?: readonly string[];
  /**
   * Which token of the response is sent to the MCP server.
   */
  use?: "access_token" | "id_token";
  /**
   * The resource to request (RFC 8707), sent byte for byte. `false` sends none. Without it, the resource that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to request, one or several, if the authorization server needs it.
   */
  audience?: string | readonly string[];
  /**
   * More parameters of the token request, by name. Parameters that OAuth defines have properties of their own.
   */
  params?: Params;
}
/**
 * An assertion that is signed here, a new one for each request.
 */
export interface SignedAssertion {
  /**
   * The key to sign with: its name in `keys`, or the key itself.
   */
  key: string | OneSigner<Key>;
  /**
   * The `iss` of the assertion: who issues it.
   */
  issuer: string;
  /**
   * The `sub` of the assertion: who the token is for.
   */
  subject: string;
  /**
   * The `aud` of the assertion: `issuer`, `token_endpoint`, or the audience itself. `token_endpoint` is the URL that the token request is sent to. It is an error for a key that is used at several issuers.
   */
  audience?: "issuer" | "token_endpoint" | (string & {});
  /**
   * Lifetime of the assertion, at most one hour.
   */
  lifetime?: string;
  /**
   * More claims, except for `iss`, `sub`, `aud`, `exp`, `iat`, `nbf` and `jti`, which this package sets.
   */
  claims?: {readonly [name: string]: unknown};
}
/**
 * An access token in exchange for another token (RFC 8693).
 */
export interface TokenExchangeGrant {
  /**
   * The grant.
   */
  type: "token_exchange";
  /**
   * The client that requests the tokens: its name in `clients`, or the client itself, or only its `issuer` if the subject identifies the agent.
   */
  client: string | OneCredential<Client> | Anonymous<Client>;
  /**
   * The token to exchange. Its default type is `access_token`. It can be left out if `params` has `subject_token` and `subject_token_type`.
   */
  subject?: Subject;
  /**
   * The token of the party that acts for the subject. Its default type is `access_token`.
   */
  actor?: Actor;
  /**
   * The type of the token to request, a short name as in `subject` or any URI. Without it, the server decides.
   */
  requestedType?: TokenType;
  /**
   * The scopes to request. Without them, the scopes that the MCP server names. An empty list requests none, so that the authorization server decides.
   */
  scopes?: readonly string[];
  /**
   * Which token of the response is sent to the MCP server.
   */
  use?: "access_token" | "id_token";
  /**
   * The resource to request (RFC 8707), sent byte for byte. `false` sends none. Without it, the resource that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to request, one or several, if the authorization server needs it.
   */
  audience?: string | readonly string[];
  /**
   * More parameters of the token request, by name. Parameters that OAuth defines have properties of their own.
   */
  params?: Params;
}
/**
 * The token of the party for whom a token is requested.
 */
export interface Subject {
  /**
   * Where the token is, or `{ "runtime": true }` if code gives it for each user.
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
 * The identity provider of an enterprise vouches for the user (SEP-990): it exchanges the user's token for an identity assertion (ID-JAG), and the authorization server of the MCP server exchanges that for an access token.
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
   * The scopes to request. Without them, the scopes that the MCP server names. An empty list requests none, so that the authorization server decides.
   */
  scopes?: readonly string[];
  /**
   * Which token of the response is sent to the MCP server.
   */
  use?: "access_token" | "id_token";
  /**
   * The resource to request (RFC 8707), sent byte for byte. `false` sends none. Without it, the resource that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to request, one or several, if the authorization server needs it.
   */
  audience?: string | readonly string[];
  /**
   * More parameters of the token request, by name. Parameters that OAuth defines have properties of their own.
   */
  params?: Params;
}
/**
 * Access tokens from a refresh token (RFC 6749 §6), after a person has signed in once with `npx mcp-auth-runtime login`, or from one that the config refers to. The authorization server may replace the refresh token each time. The store keeps the latest one, so it must not be in memory.
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
   * Where the first refresh token is. If it changes, the new one replaces those in the store. Without it, `npx mcp-auth-runtime login` puts the first one into the store.
   */
  refreshToken?: SecretReference;
  /**
   * The scopes to request, among those of the refresh token. Without them, all scopes of the refresh token.
   */
  scopes?: readonly string[];
  /**
   * Which token of the response is sent to the MCP server.
   */
  use?: "access_token" | "id_token";
  /**
   * The resource to request (RFC 8707), sent byte for byte. `false` sends none. Without it, the resource that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to request, one or several, if the authorization server needs it.
   */
  audience?: string | readonly string[];
  /**
   * More parameters of the token request, by name. Parameters that OAuth defines have properties of their own.
   */
  params?: Params;
}
/**
 * Any other grant (RFC 6749 §4.5): a `grantType` that has no `type` of its own here, and its parameters.
 */
export interface ExtensionGrant {
  /**
   * The grant.
   */
  type: "extension";
  /**
   * The client that requests the tokens: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The `grant_type` of the request: a name or an absolute URI.
   */
  grantType: string;
  /**
   * The parameters of the grant, by name. Those of other grants are allowed too, such as `assertion`.
   */
  params: Params;
  /**
   * The scopes to request. Without them, the scopes that the MCP server names. An empty list requests none, so that the authorization server decides.
   */
  scopes?: readonly string[];
  /**
   * Which token of the response is sent to the MCP server.
   */
  use?: "access_token" | "id_token";
  /**
   * The resource to request (RFC 8707), sent byte for byte. `false` sends none. Without it, the resource that the MCP server publishes, else its URL.
   */
  resource?: string | false;
  /**
   * The `audience` to request, one or several, if the authorization server needs it.
   */
  audience?: string | readonly string[];
}
/**
 * The identity provider of an enterprise, and the user's token.
 */
export interface IdentityProvider {
  /**
   * The client at the identity provider: its name in `clients`, or the client itself.
   */
  client: string | OneCredential<Client>;
  /**
   * The user's token. Its default type is `id_token`.
   */
  subject: Subject;
}
/**
 * More parameters of the token request, by name. Parameters that OAuth defines have properties of their own.
 */
export interface Params {
  /**
   * The value of a parameter as text, or a reference if it is secret.
   */
  [k: string]: string | SecretReference;
}
/**
 * When tokens are renewed in advance.
 */
export interface Refresh {
  /**
   * Cron expression of five fields, or six with seconds first. At each of these times, a token that would not last until the next one is renewed. Tokens are also renewed ahead of expiry, as without a schedule.
   */
  schedule?: string;
  /**
   * IANA time zone of `schedule`.
   */
  timezone?: string;
  /**
   * Share of the renewal window, from 0 to 1, by which this instance may renew earlier, so that a fleet does not renew at the same moment.
   */
  jitter?: number;
  /**
   * How long before its expiry a token is renewed, at most half of its lifetime. Without it, a part of its lifetime.
   */
  ahead?: string;
  /**
   * How long after its last use a token is still renewed. With a `schedule` and without `idle`, forever.
   */
  idle?: string;
  /**
   * Lifetime of a token that does not have an expiry.
   */
  assumedLifetime?: string;
}
/**
 * How temporary failures of the authorization server are retried, with capped exponential backoff and full jitter.
 */
export interface Retry {
  /**
   * Number of attempts, the first one included.
   */
  attempts?: number;
  /**
   * Maximum of the first pause.
   */
  min?: string;
  /**
   * Maximum of every pause.
   */
  max?: string;
}
/**
 * An MCP server and how to get tokens for it.
 */
export interface Server {
  /**
   * The URL of the MCP server, without user info and fragment. Also the resource that tokens are requested for, if the server names none. Required, unless the file that `import` names has the server.
   */
  url?: string;
  /**
   * How tokens for this server are requested.
   */
  grant: OneGrant<
    ClientCredentialsGrant,
    | JwtBearerGrant
    | OneSubject<TokenExchangeGrant>
    | EnterpriseManagedGrant
    | RefreshTokenGrant
    | ExtensionGrant
    | StaticGrant
  >;
  /**
   * Scopes that are requested in addition if the MCP server answers that it needs them.
   */
  stepUp?: readonly string[];
  /**
   * Whether tokens are bound to a key (RFC 9449): `true` for a key that is generated on startup, or the key to sign the proofs with.
   */
  dpop?: true | DPoPKey;
  /**
   * Headers that are sent to this MCP server in addition to `Authorization`, and with metadata requests to `resourceMetadata` and to well-known URLs on the server's origin. They are sent nowhere else.
   */
  headers?: Headers;
  /**
   * The only URL that the server's protected resource metadata (RFC 9728) is read from. `false` reads none. Without it, the server's challenge and the well-known URLs are used.
   */
  resourceMetadata?: string | false;
  /**
   * When tokens are renewed in advance. `false` renews them on demand only.
   */
  refresh?: Refresh | false;
  /**
   * Maximum time for one attempt of a token or metadata request.
   */
  timeout?: string;
  /**
   * Maximum time for one token, with all attempts and pauses, and with everything else that a call waits for, such as references in `headers`. It does not limit MCP requests.
   */
  deadline?: string;
  /**
   * How temporary failures are retried.
   */
  retry?: Retry;
  /**
   * Which URLs a token for this server may be sent to.
   */
  reach?: "origin" | "path";
}
/**
 * The key that signs DPoP proofs.
 */
export interface DPoPKey {
  /**
   * The key that signs the proofs: its name in `keys`, or the key itself. Servers can share it.
   */
  key: string | OneSigner<Key>;
}
/**
 * Tokens are kept in this process, and lost when it ends.
 */
export interface MemoryStore {
  /**
   * The kind of store.
   */
  type: "memory";
}
/**
 * Tokens are kept in encrypted files on this machine, shared by its processes.
 */
export interface FileStore {
  /**
   * The kind of store.
   */
  type: "file";
  /**
   * The folder, relative to the config file. Without it, the folder `mcp-auth-runtime` in the state folder of the user: `$XDG_STATE_HOME` or `~/.local/state` on Linux, `~/Library/Application Support` on macOS, `%LOCALAPPDATA%` on Windows.
   */
  path?: string;
  /**
   * The key that encrypts what is stored: 32 random bytes in base64url, as `node -p 'crypto.randomBytes(32).toString("base64url")'` prints. A list for rotation: the first encrypts, all of them decrypt.
   */
  encryptionKey: SecretReference | readonly [SecretReference, ...(readonly SecretReference[])];
}
/**
 * Tokens are kept in Redis or Valkey, encrypted, and shared by the processes of many machines. Needs the package `redis`.
 */
export interface RedisStore {
  /**
   * The kind of store.
   */
  type: "redis";
  /**
   * A reference to the URL of the server: `redis://` or, with TLS, `rediss://`, with a percent-encoded user and password and the number of the database, if there are any. With `sentinel`, its host is not used. With `cluster`, it is one of the nodes.
   */
  url: SecretReference;
  /**
   * The Sentinels that know where the server is.
   */
  sentinel?: Sentinel;
  /**
   * URLs of the other nodes of a cluster, without user and password. Those of `url` are used.
   *
   * @minItems 1
   */
  cluster?: readonly [string, ...(readonly string[])];
  /**
   * Prefix of the names of all keys and channels.
   */
  prefix?: string;
  /**
   * How long the lock of a process that died stops other processes. A running process renews its lock.
   */
  lease?: string;
  /**
   * The key that encrypts what is stored: 32 random bytes in base64url, as `node -p 'crypto.randomBytes(32).toString("base64url")'` prints. A list for rotation: the first encrypts, all of them decrypt.
   */
  encryptionKey: SecretReference | readonly [SecretReference, ...(readonly SecretReference[])];
}
/**
 * The Sentinels that know where the server is.
 */
export interface Sentinel {
  /**
   * The name of the server in the Sentinels' configuration.
   */
  name: string;
  nodes: SentinelNodes;
}
/**
 * Settings for all servers, which a server's own settings replace.
 */
export interface Defaults {
  /**
   * Headers that go to every MCP server of this config.
   */
  headers?: Headers;
  /**
   * When tokens are renewed in advance. `false` renews them on demand only.
   */
  refresh?: Refresh | false;
  /**
   * Maximum time for one attempt of a token or metadata request.
   */
  timeout?: string;
  /**
   * Maximum time for one token, with all attempts and pauses, and with everything else that a call waits for, such as references in `headers`. It does not limit MCP requests.
   */
  deadline?: string;
  /**
   * How temporary failures are retried.
   */
  retry?: Retry;
  /**
   * Which URLs a token for a server may be sent to.
   */
  reach?: "origin" | "path";
}
/**
 * How requests leave this machine.
 */
export interface Network {
  /**
   * URL of an HTTP proxy. `false` uses none. Without it, the environment decides (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
   */
  proxy?: string | false;
  /**
   * Paths of files with certificate authorities, PEM or DER, relative to the config file. They are trusted in addition to the usual ones.
   */
  ca?: string | readonly string[];
  /**
   * Hosts that may be reached over plain http. Tokens and secrets are then sent unencrypted.
   *
   * @minItems 1
   */
  allowInsecureHttp?: readonly string[];
}
/**
 * How hosts reach the local proxy.
 */
export interface LocalProxy {
  /**
   * The local token that hosts must send to the proxy. Without it, the proxy generates one and keeps it in the state folder.
   */
  token?: SecretReference;
  /**
   * The address that the proxy listens on: `127.0.0.1` or `[::1]` with a port. It never listens beyond loopback, because everyone who can reach it can use the servers.
   */
  listen?: string;
  /**
   * Path of a Unix socket that the proxy listens on, relative to the config file. It needs no token.
   */
  socket?: string;
}
