// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

/** Where a secret is: in one place, never in the config itself. */
export type SecretReference = { env: string; file?: never } | { file: string; env?: never };

/** A client has a secret, a key, or neither; `method` goes with what it has. */
export type OneCredential<C extends Client> = Omit<C, "secret" | "key" | "method"> &
  (
    | { secret: SecretReference; key?: never; method?: "client_secret_basic" | "client_secret_post" }
    | { key: string | Key; secret?: never; method?: "private_key_jwt" }
    | { secret?: never; key?: never; method?: "none" }
  );

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
  store?: Store;
  /**
   * Private keys by name, for clients to refer to.
   */
  keys?: {
    [k: string]: Key;
  };
  /**
   * Registrations at authorization servers by name, for grants to refer to.
   */
  clients?: {
    [k: string]: OneCredential<Client>;
  };
  /**
   * MCP servers by name. The name is what code passes to `auth.resolve(name)`.
   */
  servers: {
    [k: string]: Server;
  };
}
/**
 * HTTP headers by name. `Authorization` is not among them: it is what this package makes.
 */
export interface Headers {
  [k: string]: string | SecretReference;
}
/**
 * How the agent signs: a private key and what goes with it.
 */
export interface Key {
  /**
   * The private key: PEM (PKCS#8, PKCS#1, SEC1, also encrypted), JWK or JWKS.
   */
  privateKey: SecretReference;
  /**
   * The passphrase of an encrypted PEM.
   */
  passphrase?: SecretReference;
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
}
/**
 * Who the agent is at one authorization server. It has a `secret`, a `key`, or, as a public client, neither.
 */
export interface Client {
  /**
   * The authorization server that this client is registered at. Its credentials go to no other.
   */
  issuer: string;
  /**
   * The client id.
   */
  id: string;
  /**
   * The client secret.
   */
  secret?: SecretReference;
  /**
   * The key to sign with: its name in `keys`, or the key itself.
   */
  key?: string | Key;
  /**
   * How the client authenticates at the token endpoint. Without it, the metadata of the authorization server decides.
   */
  method?: "client_secret_basic" | "client_secret_post" | "private_key_jwt" | "none";
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
  grant: ClientCredentialsGrant | StaticGrant;
  /**
   * Headers that go to this MCP server beside `Authorization`, and nowhere else.
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
   * Longest time of getting one token, with all attempts and pauses. MCP requests are not limited.
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
   * Longest time of getting one token, with all attempts and pauses. MCP requests are not limited.
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
 * Where tokens are kept between calls.
 */
export interface Store {
  /**
   * The kind of store.
   */
  type: "memory";
}
