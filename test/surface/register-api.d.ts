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

interface ConfigReloadedEvent {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
    readonly durationMs: number;
}

type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

type FetchFunction = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

interface HeaderOptions {
    readonly signal?: AbortSignal;
    readonly scopes?: readonly string[];
    readonly method?: string;
    readonly url?: string | URL;
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

type RenewalReason = "demand" | "expiry" | "schedule" | "forced" | "rejected";

interface RuntimeSubject {
    readonly key: string;
    readonly subjectToken: string | (() => string | Promise<string>);
}

interface StartOptions<Name extends string = string> {
    readonly require?: readonly Name[];
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

interface Violation {
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
    readonly pointer: string;
    readonly message: string;
    readonly hint?: string;
}

declare function register<Name extends string>(auth: McpAuth<Name>): () => void;

export {
  register,
};
