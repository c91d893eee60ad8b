import type { McpAuthError } from "../errors/error.js";

/**
 * The config as the runtime sees it: validated, interpolated, defaults merged, names followed, durations in
 * milliseconds, paths absolute. Nothing secret is in it, only where secrets are.
 */
export interface ConfigSpec {
  /** The file it came from; absent for an object. */
  readonly file?: string;
  /** Whether a person named the file. One that the search found is judged again when it is read again. */
  readonly named?: boolean;
  /** Why no command of this config may be run: a sentence with the remedy. Absent where they may. */
  readonly commands?: { readonly forbidden: string };
  /** What the person who runs this should know of the file. Fit to be printed. */
  readonly warnings?: readonly string[];
  readonly servers: ReadonlyMap<string, ServerEntry>;
  readonly network: NetworkSpec;
  readonly store: StoreSpec;
}

/** Where tokens are kept. */
export type StoreSpec = { readonly type: "memory" } | FileStoreSpec | RedisStoreSpec;

interface LastingStore {
  /** 32 bytes each, base64url. The first encrypts. */
  readonly encryptionKeys: readonly SecretReference[];
  /** Milliseconds after which the lock of a process that died is taken over. */
  readonly lease: number;
}

export interface FileStoreSpec extends LastingStore {
  readonly type: "file";
  /** Absolute; absent: in the user's folder for state. */
  readonly path?: string;
}

export interface RedisStoreSpec extends LastingStore {
  readonly type: "redis";
  readonly url: SecretReference;
  readonly sentinel?: { readonly name: string; readonly nodes: readonly string[] };
  /** URLs of further nodes. */
  readonly cluster?: readonly string[];
  readonly prefix: string;
}

export interface NetworkSpec {
  /** The URL of an HTTP proxy; `false`: none, whatever the environment says; absent: what it says. */
  readonly proxy?: string | false;
  /** Absolute paths of PEM files whose certificates are trusted beside the usual ones. */
  readonly ca: readonly string[];
  /** Host names, as `URL.hostname` gives them, that may be reached over plain http. */
  readonly allowInsecureHttp: readonly string[];
}

/** A server that is ready to use, or the reason why it is not (a `${NAME}` without a value, an `http:` URL). */
export type ServerEntry =
  | { readonly name: string; readonly spec: ServerSpec }
  | {
      readonly name: string;
      readonly failure: McpAuthError;
      /** Where it is known all the same. */
      readonly url?: string;
    };

export interface ServerSpec {
  readonly name: string;
  /** As written: it is also the resource indicator when the server publishes none, byte for byte. */
  readonly url: string;
  readonly grant: GrantSpec;
  readonly headers: Readonly<Record<string, string | SecretReference>>;
  /** The only place where its metadata (RFC 9728) is read; `false`: it is not read; absent: discovery says where. */
  readonly resourceMetadata?: string | false;
  /** Scopes that a 403 may make it ask for beside its own. */
  readonly stepUp: readonly string[];
  /** RFC 9449: tokens are bound to this key, or without one to a key made for this manager. */
  readonly dpop?: { readonly key?: KeySpec };
  readonly refresh: RefreshSpec;
  /** One attempt at a token or metadata request, in milliseconds. */
  readonly timeout: number;
  /** One acquisition of a token with all its attempts, in milliseconds. */
  readonly deadline: number;
  readonly retry: RetrySpec;
  readonly reach: "origin" | "path";
}

export interface RetrySpec {
  readonly attempts: number;
  /** Milliseconds. */
  readonly min: number;
  /** Milliseconds. */
  readonly max: number;
}

export interface RefreshSpec {
  /** False with `"refresh": false`: tokens are renewed on demand only, by no timer. */
  readonly automatic: boolean;
  readonly schedule?: string;
  readonly timezone: string;
  /** Share of the window by which a renewal may come early, 0 to 1. */
  readonly jitter: number;
  /** Replaces the computed window, milliseconds before the token becomes unusable. */
  readonly ahead?: number;
  /** Milliseconds without use after which renewals stop; `undefined` keeps the manager warm. */
  readonly idle?: number;
  /** Milliseconds a token lives that says nothing about its lifetime. */
  readonly assumedLifetime: number;
}

export type SecretReference =
  | { readonly env: string }
  | FileReference
  | ExecReference
  | { readonly githubActions: { readonly audience?: string } }
  | ResolverReference;

export interface FileReference {
  /** An absolute path. */
  readonly file: string;
  /** RFC 6901, into the JSON that the file holds. */
  readonly pointer?: string;
}

export interface ExecReference {
  /** Command and arguments, run without a shell. */
  readonly exec: readonly string[];
  /** Absolute: the folder it runs in. */
  readonly cwd: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** RFC 6901, into the JSON that it prints. */
  readonly pointer?: string;
}

export interface ResolverReference {
  /** The name of a function given in code. */
  readonly resolver: string;
  /** What the function is called with. */
  readonly ref: string;
  /** RFC 6901, into the JSON that it gives. */
  readonly pointer?: string;
}

/** What every grant may say about the token that it asks for. */
export interface GrantCommon {
  /** Absent: the MCP server decides. */
  readonly scopes?: readonly string[];
  /** RFC 8707, byte for byte; `false` sends none; absent: the server's metadata, else its URL. */
  readonly resource?: string | false;
  /** RFC 8693 §2.1 `audience`; empty sends none. */
  readonly audience: readonly string[];
  /** Further fields of the token request. None of them has a name that the protocol has a use for. */
  readonly params: Readonly<Record<string, string | SecretReference>>;
}

export type GrantSpec =
  | ClientCredentialsSpec
  | JwtBearerSpec
  | TokenExchangeSpec
  | EnterpriseManagedSpec
  | RefreshTokenSpec
  | StaticSpec;

/** RFC 6749 §4.4, SEP-1046. */
export interface ClientCredentialsSpec extends GrantCommon {
  readonly type: "client_credentials";
  readonly client: ClientSpec;
}

/** RFC 7523 §2.1, SEP-1933. */
export interface JwtBearerSpec extends GrantCommon {
  readonly type: "jwt_bearer";
  /** Its `id` may be absent: then no client is named beside the assertion. */
  readonly client: ClientSpec;
  readonly assertion: AssertionSpec;
}

export type AssertionSpec =
  /** A JWT that the platform issues, read at each request. */
  | { readonly kind: "platform"; readonly reference: SecretReference }
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

/** `"issuer"`, `"token_endpoint"`, or the audience itself. */
export type AssertionAudience = string;

/** RFC 8693. */
export interface TokenExchangeSpec extends GrantCommon {
  readonly type: "token_exchange";
  readonly client: ClientSpec;
  readonly subject: SubjectSpec;
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
  /** The first refresh token of the lineage; those after it are in the store. */
  readonly refreshToken: SecretReference;
}

export interface StaticSpec extends GrantCommon {
  readonly type: "static";
  readonly token: SecretReference;
  /** Milliseconds. */
  readonly lifetime?: number;
}

export interface SubjectSpec {
  /** `{ runtime: true }`: given in code, with `manager.for({ key, subjectToken })`. */
  readonly token: SecretReference | { readonly runtime: true };
  /** A token type URI, RFC 8693 §3. */
  readonly type: string;
}

export type ClientAuthenticationMethod =
  | "client_secret_basic"
  | "client_secret_post"
  | "client_secret_jwt"
  | "private_key_jwt"
  | "tls_client_auth"
  | "self_signed_tls_client_auth"
  | "none";

export interface ClientSpec {
  readonly issuer: string;
  /** Absent only for the grant `jwt_bearer`, and then there is no credential. */
  readonly id?: string;
  readonly credential: CredentialSpec;
  /** Overrides the choice made from the server's metadata. */
  readonly method?: ClientAuthenticationMethod;
  /** How `client_secret_basic` encodes id and secret; `form` (RFC 6749 §2.3.1) unless told. */
  readonly basicEncoding?: "form" | "raw";
  /** The `aud` of client assertions; the issuer unless told. */
  readonly assertionAudience?: AssertionAudience;
  /** The `typ` of the client assertions that we sign; for a platform's own JWT, the `client_assertion_type`. */
  readonly assertionType?: string;
  /** In place of the metadata that the authorization server does not publish. */
  readonly metadata?: ConfiguredMetadata;
}

export interface ConfiguredMetadata {
  readonly tokenEndpoint: string;
  /** RFC 8705 §5: for clients that present a certificate. */
  readonly mtlsTokenEndpoint?: string;
  /** RFC 7009. */
  readonly revocationEndpoint?: string;
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

/** A client certificate, RFC 8705. */
export interface CertificateSpec {
  /** PEM, the chain after it if any. */
  readonly cert: SecretReference;
  readonly key: SecretReference;
  readonly passphrase?: SecretReference;
}

export type KeySpec = PrivateKeySpec | SignerKeySpec;

interface KeyCommon {
  /** `false` sends none; absent: the JWK's own, else the RFC 7638 thumbprint. */
  readonly kid?: string | false;
  /** PEM: its thumbprint is sent as `x5t#S256` (RFC 7515 §4.1.8). */
  readonly certificate?: SecretReference;
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
  /** What it gives back: `raw` as in JOSE (RFC 7518 §3.4), or for ECDSA the DER that most tools make. */
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
