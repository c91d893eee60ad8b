import { McpAuthError } from "../errors/error.js";
import { isAbortSignal } from "../lib/abort-signal.js";
import { type FetchFunction, noStore } from "../net/bounded-fetch.js";
import { fetchToUse, type InitWithFetch } from "../net/own-requests.js";
import { readInit } from "./read-init.js";

/** A request of a caller, parsed so that it can be sent with other headers and more than once. */
export interface ReplayableRequest {
  readonly url: URL;
  /** The method as `fetch` sends it. */
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  readonly redirect: NonNullable<RequestInit["redirect"]>;
  /**
   * Whether it can be sent again. A stream can be read only once, and keeping a copy could take any amount of memory.
   */
  readonly replayable: boolean;
  /** Returns the body as text, `undefined` if it cannot be read at once and without consuming it. */
  text(): string | undefined;
  send(fetch: FetchFunction, url: URL, headers: Headers): Promise<Response>;
  /** Returns the request as a GET without a body. */
  asGet(headers: Headers): ReplayableRequest;
}

/**
 * Parses the arguments of `fetch`, and reads `init` once. Throws `TypeError` for arguments that `fetch` would reject,
 * such as a URL that does not parse, and `config_invalid` for a `signal` that is not an `AbortSignal`.
 */
export function parseRequest(input: string | URL | Request, given?: RequestInit): ReplayableRequest {
  const init = readInit(given);
  assertSignal(init.signal);
  // `fetch` also accepts a `Request` as `init`.
  const request = input instanceof Request || given instanceof Request;
  return request ? fromRequest(new Request(input, init), init) : fromInit(new URL(input), init);
}

/** JavaScript can pass any value. */
function assertSignal(signal: unknown): void {
  if (signal === undefined || signal === null || isAbortSignal(signal)) return;
  throw new McpAuthError("config_invalid", "The `signal` in the `init` of a fetch must be an AbortSignal.");
}

function fromInit(url: URL, init: RequestInit): ReplayableRequest {
  const method = normalizedMethod(init.method);
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

/** Normalizes a method as `fetch` does: `patch` stays in lower case. */
function normalizedMethod(given: unknown = "GET"): string {
  const method = String(given);
  const upperCase = method.toUpperCase();
  if (/^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/.test(upperCase)) return upperCase;
  // Other methods depend on the version of Node. Throws `TypeError`, as `fetch` does.
  return upperCase === method ? method : new Request("http://localhost", { method }).method;
}

/** Throws `TypeError`, as `fetch` does. */
function redirectMode(given: RequestInit["redirect"] = "follow"): NonNullable<RequestInit["redirect"]> {
  const mode = String(given);
  if (mode === "follow" || mode === "error" || mode === "manual") return mode;
  throw new TypeError('The `redirect` of a fetch must be "follow", "error" or "manual".');
}

/**
 * Passes a `Request` on as one, because it has settings that cannot be read from it. A body that came with `init` can
 * be sent again.
 */
function fromRequest(
  request: Request,
  { body: given, [fetchToUse]: chosen }: InitWithFetch,
): ReplayableRequest {
  const { method, headers, signal, redirect } = request;
  const replayableBody = isTextOrBytes(given) ? { body: given } : undefined;
  const sending: InitWithFetch = chosen === undefined ? {} : { [fetchToUse]: chosen };
  return {
    url: new URL(request.url),
    method,
    headers: new Headers(headers),
    signal,
    redirect,
    replayable: request.body === null || replayableBody !== undefined,
    text: () => textOf(replayableBody?.body),
    send(fetch, to, sent) {
      const moved = to.href === request.url ? request : new Request(to.href, request);
      const settings = { headers: sent, redirect: "manual", ...noStore, ...replayableBody } as const;
      return fetch(new Request(moved, settings), sending);
    },
    asGet(sent) {
      const get = new Request(request.url, { method: "GET", headers: sent, signal, redirect });
      return fromRequest(get, sending);
    },
  };
}

/** With other bodies, such as `FormData`, some headers depend on how the body was serialized. */
function isTextOrBytes(body: RequestInit["body"]): boolean {
  return typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
}

/** Whether a body can be read again. Streams and iterators cannot. */
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

/** Bytes of the longest body that is decoded. */
const maxBytes = 1_048_576;

/** Returns text or bytes as text. A `Blob` cannot be read synchronously. */
function textOf(body: RequestInit["body"]): string | undefined {
  if (typeof body === "string") return body;
  if (!(body instanceof ArrayBuffer || ArrayBuffer.isView(body)) || body.byteLength > maxBytes)
    return undefined;
  return new TextDecoder().decode(body);
}
