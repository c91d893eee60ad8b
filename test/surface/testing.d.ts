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

declare class Changes {
    #private;
    has(key: string): boolean;
    listen(key: string, listener: () => void): () => void;
    unused(key: string): Promise<void>;
    notify(key: string): void;
}

interface Clock {
    now(): number;
    setTimeout(callback: () => void, milliseconds: number): ClockTimer;
}

interface ClockTimer {
    unref(): void;
    cancel(): void;
}

interface ConfigReloadedEvent {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
    readonly durationMs: number;
}

interface Entry {
    readonly value: string;
    readonly expiresAt: number;
}

type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

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
    readonly logger?: Logger;
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

interface HeaderOptions {
    readonly signal?: AbortSignal;
    readonly scopes?: readonly string[];
    readonly method?: string;
    readonly url?: string | URL;
}

interface Lease {
    readonly fence: number;
    readonly signal: AbortSignal;
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

interface McpClientCapabilities {
    readonly extensions: Readonly<Record<string, Readonly<Record<string, never>>>>;
}

declare class MemoryData {
    readonly entries: Map<string, Entry>;
    readonly locked: Set<string>;
    readonly fences: Map<string, number>;
    readonly changes: Changes;
}

interface MemoryStoreOptions {
    readonly clock?: Clock;
    readonly data?: MemoryData;
}

type RenewalReason = "demand" | "expiry" | "schedule" | "forced" | "rejected";

interface RuntimeSubject {
    readonly key: string;
    readonly subjectToken: string | (() => string | Promise<string>);
}

interface SetOptions {
    readonly expiresIn?: number | undefined;
    readonly fence?: number | undefined;
}

interface StartOptions<Name extends string = string> {
    readonly require?: readonly Name[];
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

interface Violation {
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
    readonly pointer: string;
    readonly message: string;
    readonly hint?: string;
}

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
