import { McpAuthError, type McpAuthErrorCode, type McpAuthErrorOptions } from "../../../src/errors/error.js";
import type { AttemptRequest } from "../../../src/oauth/attempt.js";
import type { IssuedToken } from "../../../src/oauth/issued-token.js";
import { TokenCache } from "../../../src/tokens/cache.js";
import { grantSource, type PreparedAttempt } from "../../../src/tokens/grant-source.js";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import { Token } from "../../../src/tokens/token.js";
import type { Report, TokenEvent, TokenEventName } from "../../../src/tokens/token-event.js";
import { withEvents } from "../../../src/tokens/with-events.js";
import { withRetry } from "../../../src/tokens/with-retry.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";

export const server = "billing";
export const issuer = "https://auth.example";
export const second = 1_000;

/** The outcome of one request to the authorization server. */
export type Answer = Partial<IssuedToken> | McpAuthError | Promise<Partial<IssuedToken> | McpAuthError>;

export interface RecordedEvent extends TokenEvent {
  readonly name: TokenEventName;
}

export interface TestCache {
  readonly clock: FakeClock;
  readonly cache: TokenCache;
  readonly retryAfterRegistry: RetryAfterRegistry;
  readonly events: RecordedEvent[];
  /** The signals of the sent requests, in order. */
  readonly requests: AbortSignal[];
  /** The time of the next renewal that the cache announced last. */
  readonly nextRefreshAt: () => number | undefined;
}

export interface TestCacheOptions {
  /** Returns the outcome of the n-th request, from 0. By default, the tokens are `token-1`, `token-2` and so on. */
  readonly answer?: (request: number, signal: AbortSignal) => Answer;
  readonly clock?: FakeClock;
  readonly retryAfterRegistry?: RetryAfterRegistry;
  readonly attempts?: number;
  readonly deadline?: number;
  readonly ahead?: number;
  /** By default 0: no jitter, and no pause between attempts. */
  readonly random?: () => number;
  /** Called with the time of the next renewal. */
  readonly onPlan?: (nextRefreshAt: number | undefined) => void;
  /** Returns whether the credential differs from that of the last request. */
  readonly hasNewCredential?: () => Promise<boolean>;
}

/** Connects a grant in memory to a cache, as the runtime does. */
export function testCache(options: TestCacheOptions = {}): TestCache {
  const {
    clock = fakeClock(),
    retryAfterRegistry = new RetryAfterRegistry(),
    attempts = 1,
    deadline = 30 * second,
    ahead,
  } = options;
  const { random = () => 0 } = options;
  const events: RecordedEvent[] = [];
  const requests: AbortSignal[] = [];
  const report: Report = (name, event) => void events.push({ name, ...event });
  const common = { server, issuer, clock, report };
  const grant = async ({ signal }: AttemptRequest): Promise<IssuedToken> => {
    const requestedAt = clock.now();
    const number = requests.push(signal) - 1;
    const answer = await (options.answer?.(number, signal) ?? {});
    if (answer instanceof McpAuthError) throw answer;
    return issued({ accessToken: `token-${number + 1}`, requestedAt, ...answer });
  };
  let nextRefreshAt: number | undefined;
  const attemptSource = withEvents(
    grantSource(prepared(grant), { ...common, assumedLifetime: 300 * second }),
    common,
  );
  const retry = { attempts, min: 250, max: 10 * second };
  const cache = new TokenCache({
    ...common,
    policy: { ahead, jitter: 0.2, random },
    onPlan: (at) => {
      nextRefreshAt = at;
      options.onPlan?.(at);
    },
    ...(options.hasNewCredential !== undefined && { hasNewCredential: options.hasNewCredential }),
    isAskedToWait: () => retryAfterRegistry.remaining(issuer, clock.now()) > 0,
    source: withRetry(attemptSource, {
      server,
      endpoint: issuer,
      clock,
      random,
      retry,
      deadline,
      retryAfterRegistry,
    }),
  });
  return { clock, cache, retryAfterRegistry, events, requests, nextRefreshAt: () => nextRefreshAt };
}

export function issued(fields: Partial<IssuedToken>): IssuedToken {
  return {
    accessToken: "token",
    tokenType: "Bearer",
    expiresIn: 60,
    requestedAt: 0,
    scopes: [],
    issuer,
    resource: "https://mcp.example",
    ...fields,
  };
}

export function token(fields: { requestedAt: number; expiresAt: number; accessToken?: string }): Token {
  return new Token({
    accessToken: "token",
    tokenType: "Bearer",
    scopes: [],
    issuer,
    resource: "https://mcp.example",
    ...fields,
  });
}

/** Creates an error as a token request of the server throws it. */
export function authError(code: McpAuthErrorCode, options: McpAuthErrorOptions = {}): McpAuthError {
  return new McpAuthError(code, `Server "${server}": ${code}.`, { server, ...options });
}

export const outage = () => authError("unavailable", { retryable: true });
export const refusal = () => authError("token_request_rejected", { oauthError: "invalid_client" });

/** Returns the first argument of `grantSource`: it runs the grant with the attempt request. */
export function prepared(
  grant: (attempt: AttemptRequest) => Promise<IssuedToken>,
): (request: AttemptRequest) => Promise<PreparedAttempt<AttemptRequest>> {
  return async (attempt) => ({ grant, attempt });
}
