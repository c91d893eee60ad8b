import { onAbort } from "../lib/abort-signal.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { debugRequest, type EndpointKind } from "../lib/debug.js";
import { timeLimit } from "../lib/time-limit.js";
import { untilAborted } from "../lib/wait.js";
import { type Failure, failureError } from "./failure.js";
import { networkFailure } from "./network-failure.js";
import { printableUrl } from "./printable-url.js";

/** The part of the Fetch standard that we use, so that a caller can bring a `fetch` of their own. */
export type FetchFunction = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface BoundedRequest {
  /** Name of the MCP server this is for, for error messages. */
  readonly server: string;
  /** What is asked for, for error messages: "the token endpoint", "resource metadata". */
  readonly what: string;
  /** What answers there, for debug lines. */
  readonly endpoint: EndpointKind;
  readonly url: string;
  /**
   * A server chose the URL: messages do not show it, and it is in the `details` of the error. Else it is from the config,
   * or was made of one that is.
   */
  readonly isLearned?: boolean;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole exchange, body included. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Cap on the body after decompression; 1 MiB unless told. */
  readonly maxBytes?: number;
  /** The body is not wanted: it is cancelled and comes back as `""`. For answers that may never end. */
  readonly discardBody?: boolean;
  /** Measures `timeout`; the system's unless told. */
  readonly clock?: Clock;
}

/** Redirects are not followed: a 3xx status comes back as it is. */
export interface BoundedResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** An answer was larger than the cap. What that means is the caller's to say. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
  /** HTTP status of the answer. */
  readonly status: number;

  constructor(status: number) {
    super("The answer is larger than allowed.");
    this.status = status;
  }
}

export type Exchange =
  | { readonly kind: "response"; readonly response: BoundedResponse }
  | { readonly kind: "too-large"; readonly status: number }
  | { readonly kind: "failed"; readonly failure: Failure };

const defaultMaxBytes = 1_048_576;

/**
 * How every request of ours is made. Next.js replaces the global `fetch` with one that keeps responses on disk, those to a
 * POST included, and would return a token from there after it has expired. To be spread into an `init`, because Node's types
 * do not know this member.
 */
export const noStore = { cache: "no-store" } as const;

/**
 * One HTTP exchange with a cap on its body and on its time, without redirects. Rejects with `McpAuthError`
 * `unavailable` or `timeout` (both retryable), `tls_failed` or `aborted`, or with `BodyTooLarge`.
 */
export async function boundedFetch(fetch: FetchFunction, request: BoundedRequest): Promise<BoundedResponse> {
  const result = await exchange(fetch, request);
  if (result.kind === "failed") throw failureError(request.server, result.failure);
  if (result.kind === "too-large") throw new BodyTooLarge(result.status);
  return result.response;
}

/** A request that may be shared by several servers. */
export type SharedRequest = Omit<BoundedRequest, "server"> & { readonly server?: string };

/** The same with failures as values, for work that is shared by several servers. Never rejects. */
export async function exchange(fetch: FetchFunction, request: SharedRequest): Promise<Exchange> {
  const { signal, timeout, what, url, isLearned = false } = request;
  const shown = isLearned ? undefined : printableUrl(url);
  const target = shown === undefined ? what : `${what} (${shown})`;
  const details = isLearned ? { url } : undefined;
  const clock = request.clock ?? systemClock;
  const controller = new AbortController();
  let ended: Failure | undefined;
  const end = (failure: Failure): void => {
    ended ??= failure;
    controller.abort();
  };
  const onTimeout = (): void => {
    const detail = `${target} did not answer within ${timeout} ms. Try again, or raise "timeout" in the config.`;
    end({ code: "timeout", detail, retryable: true, details });
  };
  const timer = timeLimit(clock, timeout, onTimeout, { unref: true });
  const stopListening = onAbort(signal, () => {
    end({ code: "aborted", detail: `the request to ${target} was aborted.`, details });
  });

  let complete = false;
  const onOutcome = debugRequest(request.endpoint, request);
  let outcome: number | string = "aborted";
  try {
    if (ended !== undefined) return { kind: "failed", failure: ended };
    const ongoing = callFetch(fetch, request, controller.signal);
    // A `fetch` may ignore its signal. Nothing else may wait for `ongoing`: V8 follows one reaction of a promise, so a
    // second one would hide the callers from the async stack of the request.
    const response = await untilAborted(ongoing, controller.signal, () => new Error("ended"));
    const status = statusOf(response);
    outcome = status;
    const body = await readBody(response, request, controller.signal);
    if (body === undefined) return { kind: "too-large", status };
    complete = request.discardBody !== true;
    return { kind: "response", response: { status, headers: response.headers, body } };
  } catch (error) {
    const failure = ended ?? { details, ...networkFailure(error, target) };
    outcome = failure.code;
    return { kind: "failed", failure };
  } finally {
    timer.cancel();
    stopListening();
    // Whatever ended early gives its socket back.
    if (!complete) controller.abort();
    onOutcome(outcome);
  }
}

/** Calls `fetch`. A response that arrives after the exchange ended is dropped. */
async function callFetch(
  fetch: FetchFunction,
  { url, method = "GET", headers = {}, body }: SharedRequest,
  signal: AbortSignal,
): Promise<Response> {
  const init: RequestInit = {
    method,
    headers: { ...headers },
    body: body ?? null,
    redirect: "manual",
    ...noStore,
    signal,
  };
  const response = await fetch(url, init);
  if (signal.aborted && !response.bodyUsed) response.body?.cancel().catch(ignore);
  return response;
}

/** A caller's own `fetch` may follow redirects all the same: what comes after one must not be trusted. */
function statusOf(response: Response): number {
  return response.redirected || response.type === "opaqueredirect" ? 302 : response.status;
}

/** The text, or `undefined` when there is too much of it. A byte order mark is dropped. */
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
    while (request.discardBody !== true) {
      const chunk = await untilAborted(reader.read(), signal, () => new Error("ended"));
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

function ignore(): void {}
