import { McpAuthError } from "../errors/error.js";
import { isAbortSignal } from "../lib/abort-signal.js";
import { type FetchFunction, noStore } from "../net/bounded-fetch.js";
import { type ThroughInit, through } from "../net/own-requests.js";
import { readInit } from "./read-init.js";

/** A request as a caller gave it, taken apart so that it can be sent with our headers, and more than once. */
export interface ReplayableRequest {
  readonly url: URL;
  /** As it goes over the wire. */
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  readonly redirect: NonNullable<RequestInit["redirect"]>;
  /** Whether it can be sent again: a stream is used up by the first time, and keeping it could take any memory. */
  readonly replayable: boolean;
  /** The body where it is text, or bytes that may be; `undefined` where it cannot be read without using it up. */
  text(): string | undefined;
  send(fetch: FetchFunction, url: URL, headers: Headers): Promise<Response>;
  /** The same as a GET without a body. */
  asGet(headers: Headers): ReplayableRequest;
}

/**
 * Takes apart what a caller passed to `fetch`; `init` is read once. Throws `TypeError` for what `fetch` would not take, such
 * as a URL that does not parse, and `config_invalid` for a `signal` that is none.
 */
export function parseRequest(input: string | URL | Request, given?: RequestInit): ReplayableRequest {
  const init = readInit(given);
  assertSignal(init.signal);
  // To `fetch`, a request in the place of `init` is a set of settings like any other.
  const request = input instanceof Request || given instanceof Request;
  return request ? fromRequest(new Request(input, init), init) : fromInit(new URL(input), init);
}

/** From JavaScript anything can come. */
function assertSignal(signal: unknown): void {
  if (signal === undefined || signal === null || isAbortSignal(signal)) return;
  throw new McpAuthError("config_invalid", "The `signal` in the `init` of a fetch is no AbortSignal.");
}

function fromInit(url: URL, init: RequestInit): ReplayableRequest {
  const method = normalisedMethod(init.method);
  return {
    url,
    method,
    headers: new Headers(init.headers),
    signal: init.signal ?? undefined,
    redirect: redirectMode(init.redirect),
    replayable: isReplayable(init.body),
    text: () => textOf(init.body),
    send: (fetch, to, headers) =>
      fetch(to.href, { ...init, method, headers, redirect: "manual", ...noStore }),
    asGet(headers) {
      const { body: _body, ...rest } = init;
      return fromInit(url, { ...rest, method: "GET", headers });
    },
  };
}

/** As `fetch` does it: `patch` stays in small letters, and so does whatever else this Node does not know better of. */
function normalisedMethod(given: unknown = "GET"): string {
  const method = String(given);
  const capitals = method.toUpperCase();
  if (/^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/.test(capitals)) return capitals;
  // Which further names are put into capitals depends on the version. Throws `TypeError`, as `fetch` would.
  return capitals === method ? method : new Request("http://localhost", { method }).method;
}

/** Throws `TypeError`, as `fetch` would. */
function redirectMode(given: RequestInit["redirect"] = "follow"): NonNullable<RequestInit["redirect"]> {
  const mode = String(given);
  if (mode === "follow" || mode === "error" || mode === "manual") return mode;
  throw new TypeError('The `redirect` of a fetch is "follow", "error" or "manual".');
}

/**
 * The request is passed on as one, because it holds settings that cannot be read from it. A body that the `init` gave can be read
 * again all the same.
 */
function fromRequest(request: Request, { body: given, [through]: via }: ThroughInit): ReplayableRequest {
  const { method, headers, signal, redirect } = request;
  const again = isOfBytes(given) ? { body: given } : undefined;
  const sending: ThroughInit = via === undefined ? {} : { [through]: via };
  return {
    url: new URL(request.url),
    method,
    headers: new Headers(headers),
    signal,
    redirect,
    replayable: request.body === null || again !== undefined,
    text: () => textOf(again?.body),
    send(fetch, to, sent) {
      const moved = to.href === request.url ? request : new Request(to.href, request);
      const settings = { headers: sent, redirect: "manual", ...noStore, ...again } as const;
      return fetch(new Request(moved, settings), sending);
    },
    asGet(sent) {
      const get = new Request(request.url, { method: "GET", headers: sent, signal, redirect });
      return fromRequest(get, sending);
    },
  };
}

/** Of other bodies a part of the headers depends on how they were written. */
function isOfBytes(body: RequestInit["body"]): boolean {
  return typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
}

/** A stream or iterator is used up by the first send; everything else can be read again. */
function isReplayable(body: RequestInit["body"]): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  return (
    body instanceof URLSearchParams ||
    body instanceof Blob ||
    body instanceof FormData ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}

/** Bytes: more are not looked into. */
const longestText = 1_048_576;

/** A `Blob` could be read too, but not at once. */
function textOf(body: RequestInit["body"]): string | undefined {
  if (typeof body === "string") return body;
  if (!(body instanceof ArrayBuffer || ArrayBuffer.isView(body)) || body.byteLength > longestText)
    return undefined;
  return new TextDecoder().decode(body);
}
