import { isNotedMistake } from "../errors/expected-errors.js";
import { onAbort } from "../lib/abort-signal.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { debugRequest, type EndpointKind } from "../lib/debug.js";
import { timeLimit } from "../lib/time-limit.js";
import { untilAborted } from "../lib/wait.js";
import { noConnectionAdvice } from "./connect-advice.js";
import { type Connection, connectionOf } from "./connection.js";
import { discard } from "./discard.js";
import { type Failure, failureError } from "./failure.js";
import { networkFailure } from "./network-failure.js";
import { printableUrl } from "./printable-url.js";

/** The part of the Fetch standard that we use, so that a caller can pass another `fetch`. */
export type FetchFunction = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface BoundedRequest {
  /** Name of the MCP server in the config, for error messages. */
  readonly server: string;
  /** Names the target in error messages: "the token endpoint", "its resource metadata". */
  readonly target: string;
  /** What answers there, for debug lines. */
  readonly endpoint: EndpointKind;
  readonly url: string;
  /**
   * Whether a server chose the URL. Then it is not in messages but in the `details` of the error. Otherwise, the URL is
   * from the config, or was derived from a URL of the config.
   */
  readonly isLearned?: boolean;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole exchange, including the body. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** The size of the largest body that is read, in bytes after decompression; 1 MiB by default. */
  readonly maxBytes?: number;
  /** Whether to cancel the body and return `""` for it: some responses never end. The headers may decide. */
  readonly discardBody?: boolean | ((headers: Headers) => boolean);
  /** Measures `timeout`; the system clock by default. */
  readonly clock?: Clock;
}

/** Redirects are not followed: the response has the status 3xx. */
export interface BoundedResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** A response was larger than `maxBytes`. The caller turns this into its own error. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
  /** HTTP status of the response. */
  readonly status: number;

  constructor(status: number) {
    super("The response is larger than allowed.");
    this.status = status;
  }
}

export type Exchange =
  | { readonly kind: "response"; readonly response: BoundedResponse }
  | { readonly kind: "too-large"; readonly status: number }
  | { readonly kind: "failed"; readonly failure: Failure };

const defaultMaxBytes = 1_048_576;

/**
 * Members for the `init` of all our requests. Next.js replaces the global `fetch` with one that caches responses on
 * disk, even those to a POST, and would return a token after it has expired. Spread it into an `init`, because Node's
 * types do not declare the member.
 */
export const noStore = { cache: "no-store" } as const;

/**
 * Sends a request and reads its response, with limits for the time and the size of the body, and without following
 * redirects. Rejects with `unavailable` or `timeout` (both retryable), with `tls_failed` or `aborted`, or with
 * `BodyTooLarge`.
 */
export async function boundedFetch(fetch: FetchFunction, request: BoundedRequest): Promise<BoundedResponse> {
  const result = await exchange(fetch, request);
  if (result.kind === "failed") throw failureError(request.server, result.failure);
  if (result.kind === "too-large") throw new BodyTooLarge(result.status);
  return result.response;
}

/** A request that may be shared by several servers. */
export type SharedRequest = Omit<BoundedRequest, "server"> & { readonly server?: string };

/**
 * Works like `boundedFetch`, but returns failures as values, for requests that several servers share. Rejects only
 * after a mistake in our code.
 */
export async function exchange(fetch: FetchFunction, request: SharedRequest): Promise<Exchange> {
  const { signal, timeout, url, isLearned = false } = request;
  const shown = isLearned ? undefined : printableUrl(url);
  const target = shown === undefined ? request.target : `${request.target} (${shown})`;
  const details = isLearned ? { url } : undefined;
  const clock = request.clock ?? systemClock;
  const controller = new AbortController();
  let ended: Failure | undefined;
  const end = (failure: Failure): void => {
    ended ??= failure;
    controller.abort();
  };
  let response: Response | undefined;
  const onTimeout = (): void => {
    const phase = response === undefined ? connectionOf(controller.signal) : "body";
    end({ ...timeoutFailure(target, timeout, phase), details });
  };
  const timer = timeLimit(clock, timeout, onTimeout, { unref: true });
  const stopListening = onAbort(signal, () => {
    end({ code: "aborted", detail: `the request to ${target} was aborted.`, details });
  });

  let isComplete = false;
  const onOutcome = debugRequest(request.endpoint, request);
  let outcome: number | string = "aborted";
  try {
    if (ended !== undefined) return { kind: "failed", failure: ended };
    const init = initOf(request, controller.signal);
    let responding: Promise<Response> | undefined;
    let body: string | undefined;
    let status: number;
    // An error in this block counts as one of the network, because a `fetch` may reject with anything. `networkFetch`
    // notes which errors are mistakes in our code.
    try {
      responding = fetch(url, init);
      // A `fetch` may ignore its signal, so the wait ends with it. Nothing else may wait for `responding`: V8 follows
      // one reaction of a promise, so a second one would hide the callers from the async stack of the request.
      response = await untilAborted(responding, controller.signal, exchangeEnded);
      body = await readBody(response, request, controller.signal);
      status = statusOf(response);
    } catch (error) {
      if (isNotedMistake(error)) {
        outcome = "mistake in our code";
        throw error;
      }
      const failure = ended ?? { details, ...networkFailure(error, target) };
      outcome = failure.code;
      responding?.then(discard).catch(ignore);
      return { kind: "failed", failure };
    }
    outcome = status;
    if (body === undefined) return { kind: "too-large", status };
    isComplete = !discards(request, response);
    return { kind: "response", response: { status, headers: response.headers, body } };
  } finally {
    timer.cancel();
    stopListening();
    // Releases the socket of a response that was not read to the end.
    if (!isComplete) controller.abort();
    onOutcome(outcome);
  }
}

/** Returns the failure for a request that took too long. `phase` is its connection, or `"body"` once it was answered. */
function timeoutFailure(target: string, timeout: number, phase: Connection | "body" | undefined): Failure {
  const raise = 'Try again, or raise "timeout" in the config.';
  const code = "timeout";
  if (phase === "body") {
    const brief = `did not send all of its answer within ${timeout} ms`;
    return {
      code,
      detail: `${target} ${brief}. ${raise}`,
      brief,
      finding: "answer_not_complete",
      retryable: true,
    };
  }
  if (phase?.isConnecting?.() !== true) {
    const brief = `did not answer within ${timeout} ms`;
    return {
      code,
      detail: `${target} ${brief}. ${raise}`,
      brief,
      finding: "no_answer_in_time",
      retryable: true,
    };
  }
  const { id, text } = noConnectionAdvice(phase);
  const brief = `could not be connected to within ${timeout} ms`;
  return { code, detail: `${target} ${brief}. ${text}`, brief, finding: id, advice: text, retryable: true };
}

function initOf({ method = "GET", headers = {}, body }: SharedRequest, signal: AbortSignal): RequestInit {
  return { method, headers: { ...headers }, body: body ?? null, redirect: "manual", ...noStore, signal };
}

/**
 * Returns the status, and 302 for a response after a redirect, which must not be trusted: a `fetch` of the caller may
 * follow redirects anyway.
 */
function statusOf(response: Response): number {
  return response.redirected || response.type === "opaqueredirect" ? 302 : response.status;
}

/** Returns the body as text without a byte order mark; `undefined` if it is too large. */
async function readBody(
  response: Response,
  request: SharedRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  const maxBytes = request.maxBytes ?? defaultMaxBytes;
  let text = "";
  let size = 0;
  let done = false;
  try {
    while (!discards(request, response)) {
      const chunk = await untilAborted(reader.read(), signal, exchangeEnded);
      if (chunk.done) {
        done = true;
        return text + decoder.decode();
      }
      size += chunk.value.byteLength;
      if (size > maxBytes) return undefined;
      text += decoder.decode(chunk.value, { stream: true });
    }
    return "";
  } finally {
    if (!done) reader.cancel().catch(ignore);
  }
}

function discards({ discardBody = false }: SharedRequest, { headers }: Response): boolean {
  return typeof discardBody === "boolean" ? discardBody : discardBody(headers);
}

/** Returns the error that leaves a wait. `exchange` returns the reason for the end instead. */
function exchangeEnded(): Error {
  return new Error("The exchange was ended.");
}

function ignore(): void {}
