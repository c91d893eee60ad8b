import type { RetrySpec } from "../config/renewal-spec.js";
import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { debugRetry, debugRetryAfter } from "../lib/debug.js";
import { timeLimit } from "../lib/time-limit.js";
import { unreachable } from "../lib/unreachable.js";
import { pause } from "../lib/wait.js";
import { hasAnotherCredential, markAskedToWait, tokenEndpointAsksToWait } from "../oauth/error-marks.js";
import type { RetryAfterRegistry } from "./retry-after-registry.js";
import { type RetryPlan, retryPlan, spreadOut } from "./retry-plan.js";
import type { TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

export interface RetryOptions {
  readonly server: string;
  /** The token endpoint: its URL if the config sets one, else the issuer. */
  readonly endpoint: string | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly retry: RetrySpec;
  /** Milliseconds for all attempts together. */
  readonly deadline: number;
  readonly retryAfterRegistry: RetryAfterRegistry;
  /** Returns a token that exists already, so that no request is needed. */
  readonly findExisting?: ((request: TokenRequest) => Promise<Token | undefined>) | undefined;
  /** Returns an error that says better than `timeout` why the deadline passed, if there is one. */
  readonly causeOfTimeout?: (() => McpAuthError | undefined) | undefined;
}

/**
 * Retries temporary failures: with capped exponential backoff and full jitter, or after what `Retry-After` says, within
 * the deadline.
 *
 * A `Retry-After` that ends beyond the deadline fails at once as `unavailable`. It holds back every manager of that
 * token endpoint, and so does one that follows the last attempt. Callers with enough time wait until the hold ends;
 * only a forced refresh sends a request anyway.
 *
 * Rejects with the error of the last attempt, with `aborted`, and, when the deadline passes, with `causeOfTimeout` or
 * `timeout`.
 */
export function withRetry(source: TokenSource, options: RetryOptions): TokenSource {
  const { server, endpoint, clock, random, deadline, retryAfterRegistry, findExisting } = options;

  async function getTokenWithRetry(request: TokenRequest): Promise<Token> {
    const limit = new AbortController();
    const endsAt = clock.now() + deadline;
    // From this reason, `withEvents` sees that the attempt failed and was not canceled.
    const timer = timeLimit(clock, deadline, () => limit.abort(deadlinePassed(server, deadline)), {
      unref: true,
    });
    const onAbort = () => limit.abort(request.signal.reason);
    request.signal.addEventListener("abort", onAbort, { once: true });
    if (request.signal.aborted) onAbort();
    const limited = { ...request, signal: limit.signal };
    try {
      const existing = findExisting === undefined ? undefined : await findExisting(limited);
      if (existing !== undefined) return existing;
      // A caller that forces a refresh has a reason to ask although the server wants us to wait.
      const hold =
        request.reason === "forced"
          ? 0
          : spreadOut(retryAfterRegistry.remaining(endpoint, clock.now()), random);
      if (hold > 0) debugRetryAfter(server, hold);
      if (hold > 0 && hold >= endsAt - clock.now()) throw markAskedToWait(heldBack(server, Math.ceil(hold)));
      if (hold > 0) await wait(hold, limit.signal, clock);
      let token: Token;
      try {
        token = await source.getToken(limited);
      } catch (error) {
        token = await tryAgain(source, limited, error, options, endsAt);
      }
      // The server accepts requests again. Any other request may have been sent before the server asked us to wait.
      if (request.reason === "forced") retryAfterRegistry.release(endpoint);
      return token;
    } catch (error) {
      throw endedError(request.signal, limit.signal, options) ?? error;
    } finally {
      timer.cancel();
      request.signal.removeEventListener("abort", onAbort);
    }
  }
  return { getToken: getTokenWithRetry };
}

/** Returns the error of an acquisition that was canceled, or that the deadline ended. */
function endedError(
  canceled: AbortSignal,
  limit: AbortSignal,
  { server, deadline, causeOfTimeout }: RetryOptions,
): McpAuthError | undefined {
  if (canceled.aborted)
    return new McpAuthError("aborted", `Server "${server}": the token request was aborted.`, { server });
  return limit.aborted ? (causeOfTimeout?.() ?? deadlinePassed(server, deadline)) : undefined;
}

/**
 * Makes all attempts after the first, whose error is `firstError`, and holds back others if the token endpoint asks for
 * it.
 */
async function tryAgain(
  source: TokenSource,
  request: TokenRequest,
  firstError: unknown,
  options: RetryOptions,
  endsAt: number,
): Promise<Token> {
  const { endpoint, clock, retryAfterRegistry } = options;
  try {
    return await laterAttempts(source, request, firstError, options, endsAt);
  } catch (error) {
    if (!request.signal.aborted && error instanceof McpAuthError && tokenEndpointAsksToWait(error)) {
      retryAfterRegistry.hold(endpoint, clock.now(), error.retryAfter ?? 0);
    }
    throw error;
  }
}

async function laterAttempts(
  source: TokenSource,
  request: TokenRequest,
  firstError: unknown,
  options: RetryOptions,
  endsAt: number,
): Promise<Token> {
  const plan = retryPlan({ ...options, endsAt, probe: request.probe ?? false });
  const firstDelay = delayBefore(plan, firstError, 1, options);
  if (firstDelay === undefined) throw firstError;
  await wait(firstDelay, request.signal, options.clock);
  // Loaded here, because most acquisitions need one attempt.
  const { default: pRetry } = await import("p-retry");
  let isLast = false;
  return await pRetry((number) => source.getToken({ ...request, attempt: number + 1 }), {
    retries: Math.max(options.retry.attempts - 2, 0),
    // `onFailedAttempt` waits. The waits of p-retry know neither `Retry-After` nor the clock.
    minTimeout: 0,
    maxTimeout: 0,
    signal: request.signal,
    async onFailedAttempt({ error, attemptNumber }) {
      const delay = delayBefore(plan, error, attemptNumber + 1, options);
      isLast = delay === undefined;
      if (delay !== undefined) await wait(delay, request.signal, options.clock);
    },
    shouldRetry: () => !isLast,
  });
}

/** Returns the milliseconds to wait before another attempt, `undefined` if there is none. */
function delayBefore(
  plan: RetryPlan,
  error: unknown,
  attempt: number,
  { clock, retryAfterRegistry, endpoint, server }: RetryOptions,
): number | undefined {
  if (!(error instanceof McpAuthError)) return undefined;
  const now = clock.now();
  // Another manager may have been asked to wait during this attempt.
  const hold = retryAfterRegistry.remaining(endpoint, now);
  const next = plan(
    {
      attempt,
      retryable: error.retryable,
      retryAfter: error.retryAfter,
      hasAnotherCredential: hasAnotherCredential(error),
    },
    now,
    hold,
  );
  switch (next.kind) {
    case "again":
      debugRetry(server, attempt + 1, next.after);
      return next.after;
    case "failed":
      return undefined;
    case "beyond": {
      if (tokenEndpointAsksToWait(error)) throw markAskedToWait(heldBack(server, next.asked));
      // If the MCP server asked for the wait, in answer to a metadata request, other managers are not concerned.
      throw hold === next.asked ? heldBack(server, hold) : error;
    }
    default:
      return unreachable(next);
  }
}

/** Waits between two attempts. The caller that waits for the token keeps the process alive, not this timer. */
async function wait(milliseconds: number, signal: AbortSignal, clock: Clock): Promise<void> {
  if (milliseconds > 0) await pause(milliseconds, { clock, signal, unref: true });
  if (signal.aborted) throw new McpAuthError("aborted", "The wait before another attempt was aborted.");
}

function heldBack(server: string, retryAfter: number): McpAuthError {
  return new McpAuthError(
    "unavailable",
    `Server "${server}": its authorization server asked for a pause of ${Math.ceil(retryAfter / 1_000)} s. ` +
      "Try again after that.",
    { server, retryable: true, retryAfter },
  );
}

function deadlinePassed(server: string, deadline: number): McpAuthError {
  return new McpAuthError(
    "timeout",
    `Server "${server}": no token within ${deadline} ms, all attempts together. Try again, or raise "deadline".`,
    { server, retryable: true },
  );
}
