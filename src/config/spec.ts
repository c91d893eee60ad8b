import type { McpAuthError } from "../errors/error.js";
import type { ListenAddress } from "../lib/listen-address.js";
import type { CertificateHeader } from "./exclusive-types.js";
import type { Client, Config, Server } from "./generated/types.js";
import type { RefreshSpec, RetrySpec } from "./renewal-spec.js";

/**
 * The config as the runtime uses it: validated and interpolated, with merged defaults, resolved names, durations in
 * milliseconds and absolute paths. It has no secrets, only references to them.
 */
export interface ConfigSpec {
  /** The file it came from; absent for an object. */
  readonly file?: string;
  /** Whether the user named the file. If the search found it instead, a reload checks its trust again. */
  readonly named?: boolean;
  /** Present if its commands must not be run: why, as a clause with the remedy. */
  readonly commands?: { readonly forbidden: string };
  /** Warnings about the file for the person who runs this, safe to print. */
  readonly warnings?: readonly string[];
  readonly servers: ServerEntries;
  readonly network: NetworkSpec;
  readonly store: StoreSpec;
  readonly proxy: ProxySpec;
}

/** Where tokens are kept. */
export type StoreSpec = { readonly type: "memory" } | FileStoreSpec | RedisStoreSpec;

interface DurableStoreSpec {
  /** 32 bytes each, base64url. The first encrypts. */
  readonly encryptionKeys: readonly SecretReference[];
  /** Milliseconds after which the lock of a process that died is taken over. */
  readonly lease: number;
}

export interface FileStoreSpec extends DurableStoreSpec {
  readonly type: "file";
  /** Absolute. Absent: a folder in the state folder of the user. */
  readonly path?: string;
}

export interface RedisStoreSpec extends DurableStoreSpec {
  readonly type: "redis";
  readonly url: SecretReference;
  readonly sentinel?: { readonly name: string; readonly nodes: readonly string[] };
  /** The URLs of more nodes. */
  readonly cluster?: readonly string[];
  readonly prefix: string;
}

export interface NetworkSpec {
  /** The URL of an HTTP proxy. `false`: none. Absent: the environment decides. */
  readonly proxy?: string | false;
  /** Absolute paths of PEM files. Their certificates are trusted in addition to the usual ones. */
  readonly ca: readonly string[];
  /** Hosts that may be reached over plain http, as in `URL.hostname`. */
  readonly allowInsecureHttp: readonly string[];
}

/** How hosts reach the local proxy. */
export interface ProxySpec {
  /** The local token. Absent: the proxy generates one. */
  readonly token?: SecretReference;
  /** Always on loopback. */
  readonly listen?: ListenAddress;
  /** Absolute: the path of a Unix socket. */
  readonly socket?: string;
  /** Why this section cannot be used (a `${NAME}` without a value). Then there is nothing else in it. */
  readonly failure?: McpAuthError;
}

/** The servers of a config. Each is built when it is asked for; `ConfiguredServers` does it. */
export interface ServerEntries {
  /** In the order of the config. */
  readonly names: readonly string[];
  readonly size: number;
  has(name: string): boolean;
  /** Returns a server, the same object each time, or `undefined` if there is none with this name. */
  get(name: string): ServerEntry | undefined;
  /** Builds a server as `get` does, but does not keep it. */
  build(name: string): ServerEntry | undefined;
  /** Builds all servers, in the order of the config. */
  values(): Iterable<ServerEntry>;
  /** Whether a server can be used. Does not build it. */
  isUsable(name: string): boolean;
  /** Returns the URL of a server, `undefined` if it contains a variable that has no value. Does not build the server. */
  url(name: string): string | undefined;
  /** Returns a server as the config has it. */
  definition(name: string): Server | undefined;
  /** Everything besides its definition that a server is built from. */
  readonly shared: SharedParts;
  /** Takes over what was built of equal keys and clients, before a reload replaces `previous`. */
  succeed(previous: ServerEntries): void;
}

/** Everything besides its definition that a server is built from. Relative paths are relative to `folder`. */
export interface SharedParts {
  readonly clients: Config["clients"] | undefined;
  readonly keys: Config["keys"] | undefined;
  readonly defaults: Config["defaults"] | undefined;
  readonly folder: string;
}

/** A server that can be used, or the reason why it cannot (a `${NAME}` without a value, an `http:` URL). */
export type ServerEntry =
  | { readonly name: string; readonly spec: ServerSpec }
  | {
      readonly name: string;
      readonly failure: McpAuthError;
      /** Present if the URL is known. */
      readonly url?: string;
    };

export interface ServerSpec {
  readonly name: string;
  /** As written. It is also the resource indicator, byte for byte, if the server publishes none. */
  readonly url: string;
  readonly grant: GrantSpec;
  readonly headers: Readonly<Record<string, string | SecretReference>>;
  /**
   * The only URL that its metadata (RFC 9728) is read from. `false`: it is not read. Absent: discovery finds the URL.
   */
  readonly resourceMetadata?: string | false;
  /** Scopes that are requested in addition if a 403 asks for them. */
  readonly stepUp: readonly string[];
  /** RFC 9449: tokens are bound to this key or, without one, to a key that is generated for this manager. */
  readonly dpop?: { readonly key?: KeySpec };
  readonly refresh: RefreshSpec;
  /** Milliseconds for one attempt of a token or metadata request. */
  readonly timeout: number;
  /** Milliseconds for one token, all attempts included. */
  readonly deadline: number;
  readonly retry: RetrySpec;
  readonly reach: "origin" | "path";
}

export type SecretReference =
  | VariableReference
  | FileReference
  | ExecReference
  | { readonly githubActions: { readonly audience?: string } }
  | GcpReference
  | AzureReference
  | AwsReference
  | ResolverReference;

export interface GcpReference {
  readonly gcp: { readonly audience: string };
}

export interface AzureReference {
  readonly azure: { readonly resource: string; readonly clientId?: string };
}

export interface AwsReference {
  readonly aws: { readonly audience: string };
}

export interface VariableReference {
  /** The name of an environment variable. */
  readonly env: string;
  /** RFC 6901, a pointer into the JSON of the variable. */
  readonly pointer?: string;
}

export interface FileReference {
  /** An absolute path. */
  readonly file: string;
  /** RFC 6901, a pointer into the JSON of the file. */
  readonly pointer?: string;
}

export interface ExecReference {
  /** Command and arguments, run without a shell. */
  readonly exec: readonly string[];
  /** Absolute: the folder it runs in. */
  readonly cwd: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** RFC 6901, a pointer into the JSON that the command prints. */
  readonly pointer?: string;
}

export interface ResolverReference {
  /** The name of a function given in code. */
  readonly resolver: string;
  /** The argument of the function. */
  readonly ref: string;
  /** RFC 6901, a pointer into the JSON that the function returns. */
  readonly pointer?: string;
}

/** The settings that all grants share. */
export interface GrantCommon {
  /** Absent: the MCP server decides. */
  readonly scopes?: readonly string[];
  /** RFC 8707, byte for byte; `false` sends none; absent: the server's metadata, else its URL. */
  readonly resource?: string | false;
  /** RFC 8693 §2.1 `audience`; empty sends none. */
  readonly audience: readonly string[];
  /** `id_token`: the ID token of the response is used instead of the access token. */
  readonly use?: "id_token";
  /** More parameters of the token request. OAuth defines none of their names. */
  readonly params: Readonly<Record<string, string | SecretReference>>;
}

export type GrantSpec =
  | ClientCredentialsSpec
  | JwtBearerSpec
  | TokenExchangeSpec
  | EnterpriseManagedSpec
  | RefreshTokenSpec
  | ExtensionSpec
  | StaticSpec;

/** RFC 6749 §4.4, SEP-1046. */
export interface ClientCredentialsSpec extends GrantCommon {
  readonly type: "client_credentials";
  readonly client: ClientSpec;
}

/** RFC 7523 §2.1, SEP-1933. */
export interface JwtBearerSpec extends GrantCommon {
  readonly type: "jwt_bearer";
  /** Without an `id`, only the assertion identifies the client. */
  readonly client: ClientSpec;
  readonly assertion: AssertionSpec;
}

export type AssertionSpec =
  /** A JWT that the platform issues, read at each request. */
  | { readonly kind: "platform"; readonly reference: SecretReference }
  /** The token of a user: code passes it to `manager.for({ key, subjectToken })`. */
  | { readonly kind: "runtime" }
  | {
      readonly kind: "signed";
      readonly key: KeySpec;
      readonly issuer: string;
      readonly subject: string;
      readonly audience: AssertionAudience;
      /** Milliseconds. */
      readonly lifetime: number;
      readonly claims: Readonly<Record<string, unknown>>;
    };

/**
 * `"issuer"`, `"token_endpoint"`, or the audience itself. `token_endpoint` is the issuer in a request to another
 * endpoint.
 */
export type AssertionAudience = string;

/** RFC 8693. */
export interface TokenExchangeSpec extends GrantCommon {
  readonly type: "token_exchange";
  /** Without an `id`, only the subject identifies the client. */
  readonly client: ClientSpec;
  /** Absent: the subject is in `params`. */
  readonly subject?: SubjectSpec;
  readonly actor?: SubjectSpec;
  /** A token type URI, RFC 8693 §3. */
  readonly requestedType?: string;
}

/** SEP-990. */
export interface EnterpriseManagedSpec extends GrantCommon {
  readonly type: "enterprise_managed";
  /** At the authorization server of the MCP server. */
  readonly client: ClientSpec;
  readonly idp: { readonly client: ClientSpec; readonly subject: SubjectSpec };
}

/** RFC 6749 §6. */
export interface RefreshTokenSpec extends GrantCommon {
  readonly type: "refresh_token";
  readonly client: ClientSpec;
  /**
   * The first refresh token of its family. The store has the ones that replaced it. Absent: the command `login` writes
   * the first one to the store.
   */
  readonly refreshToken?: SecretReference;
}

/** RFC 6749 §4.5. The `params` are those of the grant. */
export interface ExtensionSpec extends GrantCommon {
  readonly type: "extension";
  readonly client: ClientSpec;
  /** The `grant_type` of the request. */
  readonly grantType: string;
}

export interface StaticSpec extends GrantCommon {
  readonly type: "static";
  readonly token: SecretReference;
  /** Milliseconds. */
  readonly lifetime?: number;
}

export interface SubjectSpec {
  /** `{ runtime: true }`: code passes it to `manager.for({ key, subjectToken })`. */
  readonly token: SecretReference | { readonly runtime: true };
  /** A token type URI, RFC 8693 §3. */
  readonly type: string;
}

export type ClientAuthenticationMethod = NonNullable<Client["method"]>;

export interface ClientSpec {
  readonly issuer: string;
  /** Absent only in a `jwt_bearer` or `token_exchange` grant, for a client without a credential. */
  readonly id?: string;
  readonly credential: CredentialSpec;
  /** Absent: the metadata of the authorization server decides. */
  readonly method?: ClientAuthenticationMethod;
  /** How `client_secret_basic` encodes id and secret. Default: `form` (RFC 6749 §2.3.1). */
  readonly basicEncoding?: "form" | "raw";
  /** The `aud` of client assertions. Default: the issuer. */
  readonly assertionAudience?: AssertionAudience;
  /** Milliseconds, `exp` minus `iat` of client assertions that are signed here. Default: a minute. */
  readonly assertionLifetime?: number;
  /** The `typ` of client assertions that are signed here. For a platform's own JWT, the `client_assertion_type`. */
  readonly assertionType?: string;
  /** Sent to the token, revocation, device authorization and metadata URLs of the issuer only. Absent: none. */
  readonly headers?: Readonly<Record<string, string | SecretReference>>;
  /** Replaces the metadata of an authorization server that publishes none. */
  readonly metadata?: ConfiguredMetadata;
}

export interface ConfiguredMetadata {
  readonly tokenEndpoint: string;
  /** RFC 8705 §5: for clients that present a certificate. */
  readonly mtlsTokenEndpoint?: string;
  /** RFC 7009. */
  readonly revocationEndpoint?: string;
  /** RFC 8628. */
  readonly deviceAuthorizationEndpoint?: string;
  /** `token_endpoint_auth_methods_supported`. */
  readonly authMethods?: readonly string[];
  /** `token_endpoint_auth_signing_alg_values_supported`. */
  readonly signingAlgorithms?: readonly string[];
}

export type CredentialSpec =
  | { readonly kind: "secret"; readonly secret: SecretReference }
  | { readonly kind: "key"; readonly key: KeySpec }
  /** A JWT that the platform issues, sent as `client_assertion` and read at each request. */
  | { readonly kind: "assertion"; readonly assertion: SecretReference }
  | { readonly kind: "certificate"; readonly certificate: CertificateSpec }
  | { readonly kind: "none" };

/** A TLS client certificate, RFC 8705. */
export interface CertificateSpec {
  /** PEM, with the chain after it if there is one. */
  readonly cert: SecretReference;
  readonly key: SecretReference;
  readonly passphrase?: SecretReference;
}

export type KeySpec = PrivateKeySpec | SignerKeySpec;

export type { CertificateHeader };

interface KeyCommon {
  /** `false` sends none. Absent: the `kid` of the JWK, else the RFC 7638 thumbprint. */
  readonly kid?: string | false;
  /** PEM, with the chain after it if there is one. */
  readonly certificate?: SecretReference;
  /** How the certificate is sent in a JWT. Absent: as `x5t#S256`. */
  readonly certificateHeaders?: readonly CertificateHeader[];
}

export interface PrivateKeySpec extends KeyCommon {
  readonly privateKey: SecretReference;
  readonly passphrase?: SecretReference;
  readonly alg?: string;
}

/** A key that never leaves a KMS or HSM. */
export interface SignerKeySpec extends KeyCommon {
  readonly signer: SignerSpec;
  readonly alg: string;
}

export type SignerSpec = {
  /** The format of its signatures: `raw` as in JOSE (RFC 7518 §3.4), or for ECDSA the DER of most tools. */
  readonly format: "raw" | "der";
} & (
  | {
      readonly exec: readonly string[];
      /** Absolute: the folder it runs in. */
      readonly cwd: string;
      /** Milliseconds. */
      readonly timeout: number;
    }
  /** The name of a function given in code. */
  | { readonly name: string }
);
