import { McpAuthError } from "../errors/error.js";

// `NODE_DEBUG=mcp-auth` prints one line per step of a token acquisition to stderr. Each function here prints one kind
// of line. A line contains names from the config, our own codes, registered OAuth error codes, statuses and times: no
// secret, and no text that a server chose. docs/debugging.md explains each line.

const log = process.getBuiltinModule("node:util").debuglog("mcp-auth");

/**
 * Whether `NODE_DEBUG` includes `mcp-auth`. Node reads the variable once, when the process starts. Cloudflare Workers
 * enable every log.
 */
export const isDebugging: boolean = log.enabled && process.env["NODE_DEBUG"] !== undefined;

/** The kind of server that a request goes to. */
export type EndpointKind =
  | "authorization server metadata"
  | "device authorization endpoint"
  | "Entra ID"
  | "GitHub Actions"
  | "MCP server"
  | "introspection endpoint"
  | "metadata service"
  | "resource metadata"
  | "revocation endpoint"
  | "token endpoint";

/** The attempt that the lines printed during it belong to. */
export interface DebuggedAttempt {
  /** The server's name in the config. */
  readonly server: string;
  readonly issuer: string | undefined;
  readonly reason: string;
  /** Counts from 1. */
  readonly attempt: number;
}

export interface DebuggedRequest {
  readonly url: string | URL;
  /** A server chose the URL. */
  readonly isLearned?: boolean | undefined;
  readonly method?: string | undefined;
  /** The server's name in the config; that of the attempt if absent. */
  readonly server?: string | undefined;
}

interface AttemptStorage {
  run<T>(attempt: DebuggedAttempt, work: () => T): T;
  getStore(): DebuggedAttempt | undefined;
}

// Several servers share metadata requests, so the code that sends them does not know which attempt they are for. The
// storage carries the attempt that started a request to the lines printed for it. Loaded only while debugging.
let attempts: AttemptStorage | undefined;

function attemptStorage(): AttemptStorage {
  if (attempts !== undefined) return attempts;
  const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");
  attempts = new AsyncLocalStorage<DebuggedAttempt>();
  return attempts;
}

function print(server: string | undefined, step: string): void {
  const current = attemptStorage().getStore();
  const name = server ?? current?.server ?? "-";
  const belongsToAttempt = current !== undefined && current.server === name;
  const where = belongsToAttempt ? ` [${current.reason}, attempt ${current.attempt}]` : "";
  log("%s", `${name}${where}: ${step}`);
}

/** `register` recognized a request to a server of the config. */
export function debugRegistered(server: string, isAuthorized: boolean): void {
  if (isDebugging) print(server, `register: fetch ${isAuthorized ? "gets a token" : "left alone"}`);
}

/** The cache returned its token without waiting. */
export function debugFreshToken(server: string): void {
  if (isDebugging) print(server, "cache: fresh token");
}

/** The cache decided what a call gets. */
export function debugDecision(
  server: string,
  reason: string,
  decision:
    | { readonly kind: "token"; readonly renew: boolean }
    | { readonly kind: "fail"; readonly retryAfter: number }
    | { readonly kind: "wait" | "stopped" },
): void {
  if (!isDebugging) return;
  const step = (): string => {
    switch (decision.kind) {
      case "token":
        return decision.renew ? "stale token, renewal in the background" : "current token";
      case "wait":
        return "no usable token, wait for a request";
      case "fail":
        return `cool-down, ${Math.ceil(decision.retryAfter)} ms left`;
      case "stopped":
        return "stopped";
    }
  };
  print(server, `cache: ${step()} (${reason})`);
}

/** A caller starts the shared token request, or joins the one in flight. */
export function debugFlight(server: string, reason: string, isInFlight: boolean): void {
  if (isDebugging) print(server, `request: ${isInFlight ? "joined" : "started"} (${reason})`);
}

/**
 * Runs one attempt. Prints its start and its end, and marks every line printed during it. Call it only if
 * `isDebugging`.
 */
export async function debugAttempt<T>(attempt: DebuggedAttempt, work: () => Promise<T>): Promise<T> {
  return await attemptStorage().run(attempt, async () => {
    const started = performance.now();
    print(attempt.server, "begin");
    try {
      const result = await work();
      print(attempt.server, `token received after ${since(started)}`);
      return result;
    } catch (error) {
      print(attempt.server, `failed after ${since(started)}: ${codesOf(error)}`);
      throw error;
    }
  });
}

/**
 * A request was sent. Returns the function that prints its outcome: an HTTP status or one of our error codes. The host
 * is shown if it is in the config: if no server chose the URL, or if it is the host of the issuer.
 */
export function debugRequest(
  endpoint: EndpointKind,
  { url, isLearned = false, method = "GET", server }: DebuggedRequest,
): (outcome: number | string) => void {
  if (!isDebugging) return ignore;
  const started = performance.now();
  const { host } = new URL(url);
  const isShown = !isLearned || host === issuerHost();
  const target = isShown ? `${endpoint} ${host}` : `${endpoint} (host not in the config)`;
  print(server, `${method} ${target}`);
  return (outcome) => print(server, `${outcome} from ${target} after ${since(started)}`);
}

/** A secret was read. The line shows only the kind of its reference. */
export function debugSecret(server: string, reference: object): void {
  if (!isDebugging) return;
  const kinds = ["env", "file", "exec", "resolver", "githubActions", "gcp", "azure", "aws"];
  const kind = kinds.find((each) => each in reference);
  print(server, `secret: read from ${kind ?? "another source"}`);
}

/** Metadata was found without a request. */
export function debugMetadata(endpoint: EndpointKind, source: "cache" | "request in flight" | "store"): void {
  if (isDebugging) print(undefined, `${endpoint}: from the ${source}`);
}

export type StoreStep =
  | "entry of a later version"
  | "fresh token"
  | "locked by another process"
  | "no better token"
  | "no token"
  | "stale token"
  | "token written"
  | "unavailable"
  | "unreadable entry";

/** Something happened in the token store. */
export function debugStore(server: string, step: StoreStep): void {
  if (isDebugging) print(server, `store: ${step}`);
}

/** Another attempt follows. */
export function debugRetry(server: string, attempt: number, milliseconds: number): void {
  if (isDebugging) print(server, `retry: attempt ${attempt} in ${Math.ceil(milliseconds)} ms`);
}

/** The token endpoint sent `Retry-After`, and the request waits for its end or fails. */
export function debugRetryAfter(server: string, milliseconds: number): void {
  if (isDebugging)
    print(server, `retry: the token endpoint asked to wait, ${Math.ceil(milliseconds)} ms left`);
}

/** A cool-down began: until it ends, calls without a token get the last error. */
export function debugCooldown(server: string, milliseconds: number): void {
  if (isDebugging) print(server, `cool-down: ${Math.ceil(milliseconds)} ms`);
}

/** The MCP server answered 401 or 403. The line says what happens next. */
export function debugRefusal(server: string, status: number, isSentAgain: boolean): void {
  if (isDebugging)
    print(server, `${status}: ${isSentAgain ? "send again with another token" : "return the response"}`);
}

function issuerHost(): string | undefined {
  const issuer = attemptStorage().getStore()?.issuer;
  return issuer !== undefined && URL.canParse(issuer) ? new URL(issuer).host : undefined;
}

/** Returns our error code, and the OAuth error code if it is a registered one. Any other error may contain anything. */
function codesOf(error: unknown): string {
  if (!(error instanceof McpAuthError)) return "internal error";
  return error.oauthError === undefined ? error.code : `${error.code}, ${error.oauthError}`;
}

function since(started: number): string {
  return `${Math.round(performance.now() - started)} ms`;
}

function ignore(): void {}
