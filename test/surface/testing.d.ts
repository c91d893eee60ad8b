interface AccessToken {
    readonly accessToken: string;
    readonly tokenType: "Bearer" | "DPoP";
    readonly requestedAt: number;
    readonly expiresAt: number;
    readonly scopes: readonly string[];
    readonly issuer: string | undefined;
    readonly resource: string | undefined;
    toJSON(): Record<string, unknown>;
}

interface Actor {
    token: SecretReference;
    type?: TokenType;
}

interface Allow {
    readonly exec?: readonly (readonly string[])[];
    readonly env?: readonly string[];
    readonly files?: readonly string[];
    readonly origins?: readonly string[];
    readonly resolvers?: readonly string[];
    readonly identities?: readonly string[];
}

type Anonymous<C extends Optional<Authentication | "id">> = Omit<C, "id" | Authentication> & Without<"id" | Authentication>;

type AssertionOption = "assertionAudience" | "assertionLifetime" | "assertionType";

type Authentication = Credential | AuthenticationOption | "method";

type AuthenticationOption = "basicEncoding" | AssertionOption;

interface AwsIdentity {
    audience: string;
}

interface AzureIdentity {
    resource: string;
    clientId?: string;
}

interface Certificate {
    cert: SecretReference;
    key: SecretReference;
    passphrase?: SecretReference;
}

type CertificateHeader = "x5t#S256" | "x5t" | "x5c";

declare class Changes {
    #private;
    has(key: string): boolean;
    listen(key: string, listener: () => void): () => void;
    unused(key: string): Promise<void>;
    notify(key: string): void;
}

interface Client {
    issuer: string;
    id?: string;
    secret?: SecretReference;
    key?: string | OneSigner<Key>;
    assertion?: SecretReference;
    certificate?: Certificate;
    method?: "client_secret_basic"
    | "client_secret_post"
    | "client_secret_jwt"
    | "private_key_jwt"
    | "tls_client_auth"
    | "self_signed_tls_client_auth"
    | "none";
    basicEncoding?: "form" | "raw";
    assertionAudience?: "issuer" | "token_endpoint" | (string & {
    });
    assertionLifetime?: string;
    assertionType?: string;
    headers?: Headers;
    metadata?: Metadata;
}

interface ClientCredentialsGrant {
    type?: "client_credentials";
    client: string | OneCredential<Client>;
    scopes?: readonly string[];
    use?: "access_token" | "id_token";
    resource?: string | false;
    audience?: string | readonly string[];
    params?: Params;
}

interface Clock {
    now(): number;
    setTimeout(callback: () => void, milliseconds: number): ClockTimer;
}

interface ClockTimer {
    unref(): void;
    cancel(): void;
}

interface Config {
    $schema?: string;
    version?: 1;
    import?: string;
    defaults?: Defaults;
    store?: MemoryStore | FileStore | RedisStore;
    network?: Network;
    proxy?: LocalProxy;
    keys?: {
        [k: string]: OneSigner<Key>;
    };
    clients?: {
        [k: string]: OneCredential<Client>;
    };
    servers: {
        [k: string]: Server;
    };
}

interface ConfigReloadedEvent {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
    readonly durationMs: number;
}

type Credential = "secret" | "key" | "assertion" | "certificate";

interface DPoPKey {
    key: string | OneSigner<Key>;
}

interface Defaults {
    headers?: Headers;
    refresh?: Refresh | false;
    timeout?: string;
    deadline?: string;
    retry?: Retry;
    reach?: "origin" | "path";
}

interface EnterpriseManagedGrant {
    type: "enterprise_managed";
    client: string | OneCredential<Client>;
    idp: IdentityProvider;
    scopes?: readonly string[];
    use?: "access_token" | "id_token";
    resource?: string | false;
    audience?: string | readonly string[];
    params?: Params;
}

interface Entry {
    readonly value: string;
    readonly expiresAt: number;
}

type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

interface ExtensionGrant {
    type: "extension";
    client: string | OneCredential<Client>;
    grantType: string;
    params: Params;
    scopes?: readonly string[];
    use?: "access_token" | "id_token";
    resource?: string | false;
    audience?: string | readonly string[];
}

interface FakeControls {
    readonly requests: readonly FakeTokenRequest[];
    expire(): void;
    reject(): void;
    fail(code: FakeFailure): void;
    recover(): void;
}

type FakeFailure = (typeof failures)[number];

interface FakeMcpAuth<Name extends string = string> extends McpAuth<Name> {
    resolve(name: Name): FakeTokenManager;
    resolveUrl(url: string | URL): FakeTokenManager | undefined;
}

interface FakeMcpAuthOptions<Name extends string = string> {
    readonly servers: readonly Name[] | {
        readonly [Each in Name]: FakeServerOptions;
    };
    readonly clock?: Clock;
    readonly logger?: NonNullable<McpAuthOptions["logger"]>;
}

interface FakeServerOptions {
    readonly url?: string;
    readonly fetch?: (request: Request) => Response | Promise<Response>;
    readonly scopes?: readonly string[];
    readonly stepUp?: readonly string[];
    readonly lifetime?: string;
    readonly users?: boolean;
}

interface FakeTokenManager extends TokenManager, FakeControls {
}

interface FakeTokenRequest {
    readonly at: number;
    readonly scopes: readonly string[];
    readonly reason: RenewalReason | undefined;
    readonly subjectToken?: string;
    readonly accessToken?: string;
}

type FetchFunction = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

interface FileStore {
    type: "file";
    path?: string;
    encryptionKey: SecretReference | readonly [SecretReference, ...(readonly SecretReference[])];
}

interface GcpIdentity {
    audience: string;
}

interface GithubActions {
    audience?: string;
}

interface HeaderOptions {
    readonly signal?: AbortSignal;
    readonly scopes?: readonly string[];
    readonly method?: string;
    readonly url?: string | URL;
}

interface Headers {
    [k: string]: string | SecretReference;
}

interface IdentityProvider {
    client: string | OneCredential<Client>;
    subject: Subject;
}

interface JwtBearerGrant {
    type: "jwt_bearer";
    client: string | OneCredential<Client> | Anonymous<Client>;
    assertion: SecretReference | SignedAssertion | {
        readonly runtime: true;
    };
    scopes?: readonly string[];
    use?: "access_token" | "id_token";
    resource?: string | false;
    audience?: string | readonly string[];
    params?: Params;
}

interface Key {
    privateKey?: SecretReference;
    passphrase?: SecretReference;
    signer?: OneSigningPlace<Signer>;
    alg?: "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA" | "Ed25519";
    kid?: string | false;
    certificate?: SecretReference;
    certificateHeaders?: readonly CertificateHeader[];
}

type KeyCertificate = "certificate" | "certificateHeaders";

interface Lease {
    readonly fence: number;
    readonly signal: AbortSignal;
}

interface LocalProxy {
    token?: SecretReference;
    listen?: string;
    socket?: string;
}

type Locked<T> = {
    readonly acquired: true;
    readonly value: T;
} | {
    readonly acquired: false;
};

interface Logger {
    debug(fields: object, message: string): void;
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
}

interface McpAuth<Name extends string = string> extends AsyncDisposable {
    readonly name: "mcp-auth-runtime";
    readonly version: string;
    readonly servers: readonly Name[];
    has(name: string): name is Name;
    resolve(name: Name): TokenManager;
    resolveUrl(url: string | URL): TokenManager | undefined;
    start(options?: StartOptions<Name>): Promise<readonly McpAuthError[]>;
    reload(): Promise<void>;
    stop(): Promise<void>;
    status(): readonly TokenManagerStatus[];
    on<E extends McpAuthEventName>(event: E, listener: McpAuthListener<E>): () => void;
}

type McpAuthConfig<Name extends string = string> = Omit<Config, "servers" | "import"> & {
    import?: never;
    servers: {
        [Each in Name]: Server & {
            url: string;
        };
    };
};

type McpAuthConfigWithImport<Name extends string = string> = Omit<Config, "servers" | "import"> & {
    import: string;
    servers: {
        [Each in Name]: Server;
    };
};

declare class McpAuthError extends Error {
    #private;
    readonly name: string;
    readonly code: McpAuthErrorCode;
    readonly retryable: boolean;
    readonly server?: string;
    readonly retryAfter?: number;
    readonly oauthError?: string;
    readonly violations?: readonly Violation[];
    constructor(code: McpAuthErrorCode, message: string, options?: McpAuthErrorOptions);
    get details(): ErrorDetails | undefined;
    toJSON(): Record<string, unknown>;
}

type McpAuthErrorCode = "config_not_found"
    | "config_invalid"
    | "secret_unavailable"
    | "key_invalid"
    | "signer_unavailable"
    | "unknown_server"
    | "insecure_url"
    | "egress_denied"
    | "discovery_failed"
    | "issuer_mismatch"
    | "resource_mismatch"
    | "unsupported_by_server"
    | "token_request_rejected"
    | "token_response_invalid"
    | "unauthorized"
    | "insufficient_scope"
    | "sender_constrained"
    | "unavailable"
    | "tls_failed"
    | "timeout"
    | "aborted"
    | "store_unavailable"
    | "stopped";

interface McpAuthErrorOptions {
    readonly server?: string | undefined;
    readonly retryable?: boolean | undefined;
    readonly retryAfter?: number | undefined;
    readonly oauthError?: string | undefined;
    readonly details?: Readonly<Record<string, unknown>> | undefined;
    readonly violations?: readonly Violation[] | undefined;
}

type McpAuthEventName = keyof McpAuthEvents;

interface McpAuthEvents {
    "token:issued": TokenIssuedEvent;
    "token:renewed": TokenEvent;
    "token:warning": TokenEvent;
    "token:failed": TokenEvent;
    "token:rejected": TokenEvent;
    "token:cooldown": TokenEvent;
    "store:down": TokenEvent;
    "secret:changed": TokenEvent;
    "key:rotated": TokenEvent;
    "config:reloaded": ConfigReloadedEvent;
}

type McpAuthListener<E extends McpAuthEventName> = (event: McpAuthEvents[E]) => void;

interface McpAuthOptions<Name extends string = string> {
    readonly config?: string | McpAuthConfig<Name> | McpAuthConfigWithImport<Name>;
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly fetch?: FetchFunction;
    readonly logger?: Logger;
    readonly resolvers?: Readonly<Record<string, SecretResolver>>;
    readonly signers?: Readonly<Record<string, Signer>>;
    readonly allowExec?: boolean;
    readonly allow?: Allow;
    readonly clock?: Clock;
    readonly store?: McpAuthStore;
}

interface McpAuthStore extends TokenStore {
    readonly encryptionKeys: false | (() => readonly string[] | Promise<readonly string[]>);
}

interface McpClientCapabilities {
    readonly extensions: Readonly<Record<string, Readonly<Record<string, never>>>>;
}

declare class MemoryData {
    readonly entries: Map<string, Entry>;
    readonly locked: Set<string>;
    readonly fences: Map<string, number>;
    readonly changes: Changes;
}

interface MemoryStore {
    type: "memory";
}

interface MemoryStoreOptions {
    readonly clock?: Clock;
    readonly data?: MemoryData;
}

interface Metadata {
    tokenEndpoint: string;
    mtlsTokenEndpoint?: string;
    authMethods?: readonly NonNullable<Client["method"]>[];
    signingAlgorithms?: readonly NonNullable<Key["alg"]>[];
    revocationEndpoint?: string;
    deviceAuthorizationEndpoint?: string;
}

type NamesIn<Union> = Union extends unknown ? Extract<keyof Union, string> : never;

type Needs<T, Names extends keyof T> = Required<Pick<T, Names>>;

interface Network {
    proxy?: string | false;
    ca?: string | readonly string[];
    allowInsecureHttp?: readonly string[];
}

type OneCredential<C extends Optional<Authentication | "id">> = Omit<C, "id" | Authentication> & Needs<C, "id"> & (({
    method?: "client_secret_basic";
} & Only<C, "secret", "basicEncoding">) | ({
    method: "client_secret_post";
} & Only<C, "secret">) | ({
    method?: "client_secret_jwt";
} & Only<C, "secret", AssertionOption>) | ({
    method?: "private_key_jwt";
} & Only<C, "key", AssertionOption>) | ({
    method?: "private_key_jwt";
} & Only<C, "assertion", "assertionType">) | ({
    method?: "tls_client_auth" | "self_signed_tls_client_auth";
} & Only<C, "certificate">) | ({
    method?: "none";
} & Only<C, never>));

type OneGrant<Default, Others> = (Default & Without<Exclude<NamesIn<Others>, keyof Default>>) | Others;

type OneSigner<K extends Optional<PrivateKeyOrSigner
    | KeyCertificate>> = Omit<K, PrivateKeyOrSigner
    | KeyCertificate> & ((Needs<K, "certificate"> & Pick<K, "certificateHeaders">)
    | Without<KeyCertificate>) & ((Needs<K, "privateKey"> & Pick<K, "passphrase"
    | "alg"> & Without<"signer">)
    | (Needs<K, "signer"
    | "alg"> & Without<"privateKey"
    | "passphrase">));

type OneSigningPlace<S extends Optional<SigningPlace>> = Omit<S, SigningPlace> & ((Needs<S, "exec"> & Pick<S, "timeout"> & Without<"name">)
    | (Needs<S, "name"> & Without<"exec"
    | "timeout">));

type OneSubject<G extends {
    subject?: unknown;
    params?: unknown;
}> = (Omit<G, "subject"> & Needs<G, "subject">) | (Omit<G, "subject" | "params"> & Without<"subject"> & {
    params: Exclude<G["params"], undefined> & {
        subject_token: SecretReference;
        subject_token_type: string;
    };
});

type Only<C extends Optional<Authentication>, Needed extends Credential, Options extends AuthenticationOption = never> = Needs<C, Needed> & Pick<C, Options> & Without<Exclude<Credential
    | AuthenticationOption, Needed
    | Options>>;

type OnlySource<Names extends Source | "ref" | "timeout" | "pointer"> = Without<Exclude<Source | "ref" | "timeout" | "pointer", Names>>;

type Optional<Names extends string> = {
    [Name in Names]?: unknown;
};

interface Params {
    [k: string]: string | SecretReference;
}

type PrivateKeyOrSigner = "privateKey" | "passphrase" | "signer" | "alg";

interface RedisStore {
    type: "redis";
    url: SecretReference;
    sentinel?: Sentinel;
    cluster?: readonly [string, ...(readonly string[])];
    prefix?: string;
    lease?: string;
    encryptionKey: SecretReference | readonly [SecretReference, ...(readonly SecretReference[])];
}

interface Refresh {
    schedule?: string;
    timezone?: string;
    jitter?: number;
    ahead?: string;
    idle?: string;
    assumedLifetime?: string;
}

interface RefreshTokenGrant {
    type: "refresh_token";
    client: string | OneCredential<Client>;
    refreshToken?: SecretReference;
    scopes?: readonly string[];
    use?: "access_token" | "id_token";
    resource?: string | false;
    audience?: string | readonly string[];
    params?: Params;
}

type RenewalReason = "demand" | "expiry" | "schedule" | "forced" | "rejected";

interface Retry {
    attempts?: number;
    min?: string;
    max?: string;
}

interface RuntimeSubject {
    readonly key: string;
    readonly subjectToken: string | (() => string | Promise<string>);
}

type SecretReference = ({
    env: string;
    pointer?: string;
} & OnlySource<"env" | "pointer">) | ({
    file: string;
    pointer?: string;
} & OnlySource<"file" | "pointer">) | ({
    exec: readonly string[];
    timeout?: string;
    pointer?: string;
} & OnlySource<"exec" | "timeout" | "pointer">) | ({
    githubActions: GithubActions;
} & OnlySource<"githubActions">) | ({
    gcp: GcpIdentity;
} & OnlySource<"gcp">) | ({
    azure: AzureIdentity;
} & OnlySource<"azure">) | ({
    aws: AwsIdentity;
} & OnlySource<"aws">) | ({
    resolver: string;
    ref: string;
    pointer?: string;
} & OnlySource<"resolver" | "ref" | "pointer">);

type SecretResolver = (ref: string, options: {
    readonly server: string;
    readonly signal: AbortSignal;
}) => string | Promise<string>;

interface Sentinel {
    name: string;
    nodes: SentinelNodes;
}

type SentinelNodes = readonly [string, ...(readonly string[])];

interface Server {
    url?: string;
    grant: OneGrant<ClientCredentialsGrant, JwtBearerGrant
    | OneSubject<TokenExchangeGrant>
    | EnterpriseManagedGrant
    | RefreshTokenGrant
    | ExtensionGrant
    | StaticGrant>;
    stepUp?: readonly string[];
    dpop?: true | DPoPKey;
    headers?: Headers;
    resourceMetadata?: string | false;
    refresh?: Refresh | false;
    timeout?: string;
    deadline?: string;
    retry?: Retry;
    reach?: "origin" | "path";
}

interface SetOptions {
    readonly expiresIn?: number | undefined;
    readonly fence?: number | undefined;
}

interface SignedAssertion {
    key: string | OneSigner<Key>;
    issuer: string;
    subject: string;
    audience?: "issuer" | "token_endpoint" | (string & {
    });
    lifetime?: string;
    claims?: {
        readonly [name: string]: unknown;
    };
}

interface Signer {
    exec?: readonly string[];
    timeout?: string;
    name?: string;
    format?: "raw" | "der";
}

type Signer = (request: {
    readonly alg: string;
    readonly kid: string | undefined;
    readonly input: Uint8Array;
    readonly signal: AbortSignal;
}) => Uint8Array | Promise<Uint8Array>;

type SigningPlace = "exec" | "timeout" | "name";

type Source = "env" | "file" | "exec" | "githubActions" | "gcp" | "azure" | "aws" | "resolver";

interface StartOptions<Name extends string = string> {
    readonly require?: readonly Name[];
}

interface StaticGrant {
    type: "static";
    token: SecretReference;
    lifetime?: string;
    scopes?: readonly string[];
}

interface StoreRequirement {
    readonly name: string;
    readonly run: () => Promise<void>;
}

interface StoreUnderTest {
    readonly open: () => TokenStore | Promise<TokenStore>;
    readonly lease?: number;
}

interface StoredValue {
    readonly value: string;
    readonly expiresIn?: number;
}

interface Subject {
    token: SecretReference | {
        readonly runtime: true;
    };
    type?: TokenType;
}

interface TestAuthorizationServer extends AsyncDisposable {
    readonly issuer: string;
    readonly requests: readonly TestTokenRequest[];
    issueToken(claims: TestTokenClaims): string;
    issueRefreshToken(claims: TestTokenClaims): string;
    rotateKeys(): void;
    revoke(token: string): void;
    isActive(token: string): boolean;
    fail(status: number, failure?: TestFailure): void;
    recover(): void;
    close(): Promise<void>;
}

interface TestAuthorizationServerOptions {
    readonly clients: Readonly<Record<string, TestClient>>;
    readonly lifetime?: string;
    readonly issuers?: Readonly<Record<string, TestIssuer>>;
    readonly resources?: readonly string[];
    readonly port?: number;
}

interface TestClient {
    readonly secret?: string;
    readonly jwks?: TestJwks;
    readonly scopes?: readonly string[];
}

interface TestFailure {
    readonly times?: number;
    readonly retryAfter?: number;
    readonly error?: string;
}

interface TestIssuer {
    readonly jwks: TestJwks;
}

interface TestJwks {
    readonly keys: readonly object[];
}

interface TestTokenClaims {
    readonly clientId: string;
    readonly subject?: string;
    readonly audience?: string;
    readonly scopes?: readonly string[];
}

interface TestTokenRequest {
    readonly at: number;
    readonly clientId?: string;
    readonly method: "client_secret_basic" | "client_secret_post" | "private_key_jwt" | "none";
    readonly parameters: Readonly<Record<string, string | readonly string[]>>;
    readonly dpop: boolean;
    readonly status: number;
    readonly error?: string;
    readonly errorDescription?: string;
}

interface TokenEvent {
    readonly server: string;
    readonly issuer: string | undefined;
    readonly reason: RenewalReason;
    readonly durationMs: number;
    readonly expiresAt?: number;
    readonly code?: McpAuthErrorCode | "clock_skew";
    readonly oauthError?: string;
    readonly message?: string;
    readonly attempt?: number;
}

interface TokenExchangeGrant {
    type: "token_exchange";
    client: string | OneCredential<Client> | Anonymous<Client>;
    subject?: Subject;
    actor?: Actor;
    requestedType?: TokenType;
    scopes?: readonly string[];
    use?: "access_token" | "id_token";
    resource?: string | false;
    audience?: string | readonly string[];
    params?: Params;
}

interface TokenIssuedEvent {
    readonly server: string;
    readonly issuer: string | undefined;
    readonly clientId?: string;
    readonly grant: string;
    readonly reason: RenewalReason;
    readonly requestedAt: number;
    readonly expiresAt: number;
    readonly scopes?: readonly string[];
    readonly tokenHash?: string;
}

interface TokenManager {
    readonly name: string;
    readonly url: string;
    readonly clientCapabilities: McpClientCapabilities;
    readonly fetch: FetchFunction;
    getAccessToken(options?: TokenOptions): Promise<string>;
    getToken(options?: TokenOptions): Promise<AccessToken>;
    getHeaders(options?: HeaderOptions): Promise<Record<string, string>>;
    for(subject: RuntimeSubject): TokenManager;
    forget(key: string): Promise<void>;
    status(): TokenManagerStatus;
}

interface TokenManagerStatus {
    readonly server: string;
    readonly state: TokenState;
    readonly expiresAt?: number;
    readonly nextRefreshAt?: number;
    readonly lastError?: McpAuthError;
    readonly rejectedAt?: number;
    readonly kid?: string;
}

interface TokenOptions {
    readonly scopes?: readonly string[];
    readonly forceRefresh?: boolean;
    readonly signal?: AbortSignal;
}

type TokenState = "none" | "fresh" | "stale" | "expired" | "cooldown" | "asleep" | "stopped";

interface TokenStore {
    get(key: string): Promise<StoredValue | undefined>;
    set(key: string, value: string, options?: SetOptions): Promise<boolean>;
    delete(key: string): Promise<void>;
    compareAndDelete(key: string, value: string): Promise<boolean>;
    withLock<T>(key: string, ttl: number, run: (lease: Lease) => Promise<T>): Promise<Locked<T>>;
    onChange(key: string, listener: () => void): () => void;
    keys(prefix: string): Promise<readonly string[]>;
    quarantine?(key: string, value: string): Promise<void>;
    close(): Promise<void>;
}

type TokenType = "access_token" | "refresh_token" | "id_token" | "saml1" | "saml2" | "jwt" | (string & {
});

interface Violation {
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
    readonly pointer: string;
    readonly message: string;
    readonly hint?: string;
}

type Without<Names extends string> = {
    [Name in Names]?: never;
};

declare function createMemoryStore({ clock, data }?: MemoryStoreOptions): TokenStore;

declare const failures: readonly ["unavailable", "timeout", "tls_failed", "token_request_rejected", "token_response_invalid", "secret_unavailable", "insufficient_scope"];

declare function fakeMcpAuth<const Name extends string>(options: FakeMcpAuthOptions<Name>): Promise<FakeMcpAuth<Name>>;

declare function storeContract({ open, lease }: StoreUnderTest): readonly StoreRequirement[];

declare function testAuthorizationServer(options: TestAuthorizationServerOptions): Promise<TestAuthorizationServer>;

export {
  FakeControls,
  FakeFailure,
  FakeMcpAuth,
  FakeMcpAuthOptions,
  FakeServerOptions,
  FakeTokenManager,
  FakeTokenRequest,
  MemoryData,
  MemoryStoreOptions,
  StoreRequirement,
  StoreUnderTest,
  TestAuthorizationServer,
  TestAuthorizationServerOptions,
  TestClient,
  TestFailure,
  TestIssuer,
  TestJwks,
  TestTokenClaims,
  TestTokenRequest,
  createMemoryStore,
  fakeMcpAuth,
  storeContract,
  testAuthorizationServer,
};
