import type { RetrySpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { debugRetry, debugRetryAfter } from "../lib/debug.js";
import { timeLimit } from "../lib/time-limit.js";
import { pause } from "../lib/wait.js";
import { hasAnotherCredential } from "../oauth/client-auth/another-credential.js";
import { markAskedToWait, tokenEndpointAsksToWait } from "../oauth/token-endpoint/asked-to-wait.js";
import { type StoreFailure, storeUnavailable } from "../stores/failure.js";
import type { RetryAfterRegistry } from "./retry-after-registry.js";
import { type RetryPlan, retryPlan, spreadOut } from "./retry-plan.js";
import type { TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

export interface RetryOptions {
  readonly server: string;
  /** Of the token requests: its URL where the config has it, else its issuer. */
  readonly endpoint: string | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly retry: RetrySpec;
  /** Milliseconds for all attempts together. */
  readonly deadline: number;
  readonly holds: RetryAfterRegistry;
  /** A token that is there already, for which nobody needs to be asked. */
  readonly present?: ((request: TokenRequest) => Promise<Token | undefined>) | undefined;
  /** Why the store cannot be used now, for a grant that gets no token without it. */
  readonly storeFailure?: (() => StoreFailure | undefined) | undefined;
}

/**
 * Repeats what may pass: capped exponential backoff with full jitter, or what `Retry-After` says, within the
 * deadline. A `Retry-After` beyond it fails at once as `unavailable`. It holds back everybody who would ask the same
 * authorization server, and so does one after the last attempt; who has the time waits for its end, and only a forced
 * refresh asks all the same. Rejects with the error of the last attempt, or `timeout` when the deadline passed, or
 * `store_unavailable` where the grant needs a store that cannot be used: more time would not have helped.
 */
export function withRetry(source: TokenSource, options: RetryOptions): TokenSource {
  return { getToken: (request) => acquire(source, request, options) };
}

async function acquire(source: TokenSource, request: TokenRequest, options: RetryOptions): Promise<Token> {
  const { server, endpoint, clock, deadline, holds, present } = options;
  const limit = new AbortController();
  const endsAt = clock.now() + deadline;
  // The reason tells whoever watches the attempt that it failed and was not called off.
  const passed = timeLimit(clock, deadline, () => limit.abort(deadlinePassed(server, deadline)), {
    unref: true,
  });
  const onAbort = () => limit.abort(request.signal.reason);
  request.signal.addEventListener("abort", onAbort, { once: true });
  if (request.signal.aborted) onAbort();
  const limited = { ...request, signal: limit.signal };
  let isHeldBack = false;
  try {
    const there = present === undefined ? undefined : await present(limited);
    if (there !== undefined) return there;
    const held = holds.remaining(endpoint, clock.now());
    // Whoever forces a refresh has a reason to ask all the same.
    const pause = request.reason === "forced" ? 0 : spreadOut(held, options.random);
    if (pause > 0) debugRetryAfter(server, pause);
    if (pause > 0 && pause >= endsAt - clock.now()) {
      isHeldBack = true;
      throw markAskedToWait(heldBack(server, Math.ceil(pause)));
    }
    if (pause > 0) await wait(pause, limit.signal, clock);
    const token = await attempts(source, limited, options, endsAt);
    // Any other success may be of a request that was sent before the server asked to be left alone.
    if (request.reason === "forced") holds.release(endpoint);
    return token;
  } catch (error) {
    if (request.signal.aborted)
      throw new McpAuthError("aborted", `Server "${server}": the token request was aborted.`, { server });
    if (limit.signal.aborted) {
      const failure = options.storeFailure?.();
      throw failure === undefined ? deadlinePassed(server, deadline) : storeUnavailable(server, failure);
    }
    // Who was not let through has learnt nothing new.
    if (!isHeldBack && error instanceof McpAuthError && tokenEndpointAsksToWait(error)) {
      holds.hold(endpoint, clock.now(), error.retryAfter ?? 0);
    }
    throw error;
  } finally {
    passed.cancel();
    request.signal.removeEventListener("abort", onAbort);
  }
}

async function attempts(
  source: TokenSource,
  request: TokenRequest,
  options: RetryOptions,
  endsAt: number,
): Promise<Token> {
  const plan = retryPlan({ ...options, endsAt, probe: request.probe ?? false });
  try {
    return await source.getToken(request);
  } catch (error) {
    // The common case is over without loading anything.
    const delay = delayBefore(plan, error, 1, options);
    if (delay === undefined) throw error;
    await wait(delay, request.signal, options.clock);
  }
  const { default: pRetry } = await import("p-retry");
  let refused = false;
  return await pRetry((number) => source.getToken({ ...request, attempt: number + 1 }), {
    retries: Math.max(options.retry.attempts - 2, 0),
    // The waits are ours, awaited in `onFailedAttempt`: its own know neither Retry-After nor the clock.
    minTimeout: 0,
    maxTimeout: 0,
    signal: request.signal,
    async onFailedAttempt({ error, attemptNumber }) {
      const delay = delayBefore(plan, error, attemptNumber + 1, options);
      refused = delay === undefined;
      if (delay !== undefined) await wait(delay, request.signal, options.clock);
    },
    shouldRetry: () => !refused,
  });
}

/** How long to wait before another attempt, `undefined` when there is to be none. */
function delayBefore(
  plan: RetryPlan,
  error: unknown,
  attempt: number,
  { clock, holds, endpoint, server }: RetryOptions,
): number | undefined {
  if (!(error instanceof McpAuthError)) return undefined;
  const now = clock.now();
  // Another manager may have been told to wait while this attempt was under way.
  const held = holds.remaining(endpoint, now);
  const next = plan(
    {
      attempt,
      retryable: error.retryable,
      retryAfter: error.retryAfter,
      hasAnotherCredential: hasAnotherCredential(error),
    },
    now,
    held,
  );
  switch (next.kind) {
    case "again":
      debugRetry(server, attempt + 1, next.after);
      return next.after;
    case "failed":
      return undefined;
    case "beyond": {
      if (tokenEndpointAsksToWait(error)) throw markAskedToWait(heldBack(server, next.asked));
      // The MCP server may have asked for it, with its metadata: that is between it and this manager.
      throw held === next.asked ? heldBack(server, held) : error;
    }
  }
}

/** Waits between two attempts. It keeps no process alive: that is up to whoever waits for the token. */
async function wait(milliseconds: number, signal: AbortSignal, clock: Clock): Promise<void> {
  if (milliseconds > 0) await pause(milliseconds, { clock, signal, unref: true });
  if (signal.aborted) throw new McpAuthError("aborted", "The wait before another attempt was aborted.");
}

function heldBack(server: string, retryAfter: number): McpAuthError {
  return new McpAuthError(
    "unavailable",
    `Server "${server}": its authorization server asks to be left alone for ${Math.ceil(retryAfter / 1_000)} s. ` +
      "Try again then.",
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
