/// <reference path="../net/undici-parts.d.ts" />
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import sendRequest from "undici/lib/api/api-request.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { Agent } from "../net/undici.js";

/** Bytes of the body of a response that is not needed that are read to keep its connection. */
const maxDumped = 65_536;

/** Sends requests to MCP servers, each response as a stream of Node. */
export interface Upstream {
  /**
   * The `fetch` that an authorized fetch sends with. It differs from the global
   * one: it follows no redirect, decodes nothing, never gives up because a server is silent, and accepts as body also
   * a stream of Node.
   */
  readonly fetch: FetchFunction;
  /** Closes the connections. Requests in progress fail. */
  close(): Promise<void>;
}

/**
 * What a response of `Upstream.fetch` was made from. For a proxy, the streams of the Fetch standard would cost more than
 * all the rest, because every chunk would pass through two of them.
 */
export interface UpstreamParts {
  readonly stream: BodyStream;
  /** The headers by lower-case name. */
  readonly received: Readonly<Record<string, string | string[] | undefined>>;
  /** The headers of the request, with the token. */
  readonly sent: Headers;
}

type BodyStream = Dispatcher.ResponseData["body"];

const partsOfResponses = new WeakMap<Response, UpstreamParts>();

/** Returns the parts of a response of `Upstream.fetch`, `undefined` for a response of any other `fetch`. */
export function upstreamParts(response: Response): UpstreamParts | undefined {
  return partsOfResponses.get(response);
}

function upstreamResponse(
  { statusCode, statusText, headers: received, body: stream }: Dispatcher.ResponseData,
  sent: Headers,
): Response {
  const response = new Response(null, { status: statusCode, statusText });
  let headers: Headers | undefined;
  let body: ReadableStream<Uint8Array> | undefined;
  // Most responses are passed on from their parts, and nobody reads these.
  Object.defineProperties(response, {
    headers: { get: () => (headers ??= toHeaders(received)) },
    body: { get: () => (body ??= lazyBody(stream)) },
  });
  partsOfResponses.set(response, { stream, received, sent });
  return response;
}

function toHeaders(received: UpstreamParts["received"]): Headers {
  const headers = new Headers();
  for (const [name, value = []] of Object.entries(received)) {
    for (const each of typeof value === "string" ? [value] : value) headers.append(name, each);
  }
  return headers;
}

/** A body that starts to read the stream only when it is read itself. In most cases, it is only canceled. */
function lazyBody(stream: BodyStream): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream(
    {
      async pull(controller) {
        chunks ??= stream[Symbol.asyncIterator]();
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        if (chunks === undefined) await stream.dump({ limit: maxDumped });
        else stream.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Creates connections of their own for one proxy. https uses those of the runtime, which verify the server. */
export function createUpstream(): Upstream {
  // Without limits for the time, because an event stream may be silent for hours, and so may a tool.
  const plain = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  return {
    async fetch(input, init = {}) {
      const { origin, pathname, search } = new URL(input instanceof Request ? input.url : input);
      const { method = "GET", signal } = init;
      const headers = new Headers(init.headers);
      const options = { origin, path: `${pathname}${search}`, method, signal: signal ?? null };
      const request = { ...options, headers: Object.fromEntries(headers), body: bodyOf(init) };
      // undici checks the method, which the caller of the proxy chose, when it sends the request.
      const response = await Reflect.apply(sendRequest, dispatcherOf(init) ?? plain, [
        request as Dispatcher.RequestOptions,
      ]);
      return upstreamResponse(response, headers);
    },
    close: () => plain.destroy(),
  };
}

/** The body that the proxy gave to the authorized fetch, which passes it on unchanged or as a copy. */
function bodyOf({ body }: RequestInit): Uint8Array | Readable | null {
  if (body === undefined || body === null || body instanceof Uint8Array) return body ?? null;
  if (body instanceof Readable) return body;
  throw new TypeError("The body of a request of the proxy must be bytes or a stream of Node.");
}

/** Returns the connections that the network of the runtime chose: for TLS, a proxy or a client certificate. */
function dispatcherOf(init: RequestInit): Dispatcher | undefined {
  // Node's types declare the member with the types of another copy of undici.
  return (init as unknown as { readonly dispatcher?: Dispatcher }).dispatcher;
}
