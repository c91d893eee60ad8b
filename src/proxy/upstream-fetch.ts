/// <reference path="../net/undici-parts.d.ts" />
import type { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import sendRequest from "undici/lib/api/api-request.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { Agent, buildConnector } from "../net/undici.js";

/** Bytes and milliseconds for the body of a response that is not needed. Within them, its connection is kept. */
const maxDumped = 65_536;
const maxDumpTime = 250;

/** Sends requests to MCP servers. */
export interface Upstream {
  /**
   * Returns a `fetch` for an authorized fetch to send one request with. It differs from the global one: it follows no
   * redirect, decodes nothing, never gives up because a server is silent, and sends also streams of Node. Its responses
   * have only what an authorized fetch reads; `upstreamParts` returns the rest.
   *
   * @param hangUp ends the request when it emits `abort`, or has done so, which is an order of magnitude cheaper than an
   *   `AbortSignal`
   */
  fetchUntil(hangUp: EventEmitter & { readonly aborted: boolean }): FetchFunction;
  /** Closes the connections. Requests in progress fail. */
  close(): Promise<void>;
}

type BodyStream = Dispatcher.ResponseData["body"];
type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What the proxy passes on of a response. */
export interface UpstreamParts {
  /** By lower-case name. */
  readonly received: ReceivedHeaders;
  readonly stream: BodyStream;
  /** The headers of the request, with the token. */
  readonly sent: Headers;
}

/**
 * A response as an authorized fetch reads it. A `Response` would cost more than all the rest of the proxy: it is made
 * of two streams and a list of headers, which nobody would read.
 */
class UpstreamResponse implements UpstreamParts {
  readonly status: number;
  readonly received: ReceivedHeaders;
  readonly stream: BodyStream;
  readonly sent: Headers;

  constructor({ statusCode, headers, body }: Dispatcher.ResponseData, sent: Headers) {
    this.status = statusCode;
    this.received = headers;
    this.stream = body;
    this.sent = sent;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get headers(): Pick<Headers, "get" | "has"> {
    const { received } = this;
    const get = (name: string): string | null => {
      const value = received[name.toLowerCase()];
      return value === undefined ? null : typeof value === "string" ? value : value.join(", ");
    };
    return { get, has: (name) => get(name) !== null };
  }

  get body(): Pick<ReadableStream, "cancel" | "getReader"> {
    const { stream } = this;
    return {
      cancel: async () =>
        void (await stream.dump({ limit: maxDumped, signal: AbortSignal.timeout(maxDumpTime) })),
      getReader() {
        throw new TypeError("The body of a response of the proxy is read as a stream of Node.");
      },
    };
  }
}

/** Returns the parts of a response of `Upstream`, `undefined` for a response of any other `fetch`. */
export function upstreamParts(response: object): UpstreamParts | undefined {
  return response instanceof UpstreamResponse ? response : undefined;
}

/** Creates connections of their own for one proxy. https uses those of the runtime, which verify the server. */
export function createUpstream(): Upstream {
  // Without limits for the time, because an event stream may be silent for hours, and so may a tool.
  const plain = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: unrefConnector() });
  const send = async (
    input: string | URL | Request,
    init: RequestInit,
    hangUp: EventEmitter,
  ): Promise<UpstreamResponse> => {
    const { origin, pathname, search } = new URL(input instanceof Request ? input.url : input);
    const { method = "GET" } = init;
    const headers = init.headers instanceof Headers ? init.headers : new Headers(init.headers);
    const options = { origin, path: `${pathname}${search}`, method, signal: hangUp };
    const body = bodyOf(init, headers);
    const request = { ...options, headers: [...headers].flat(), body };
    const response = await Reflect.apply(sendRequest, dispatcherOf(init) ?? plain, [
      // undici checks the method, which the caller of the proxy chose, when it sends the request.
      request as Dispatcher.RequestOptions,
    ]);
    return new UpstreamResponse(response, headers);
  };
  return {
    // An authorized fetch reads nothing else of a response.
    fetchUntil:
      (hangUp) =>
      async (input, init = {}) =>
        (await send(input, init, hangUp)) as unknown as Response,
    close: () => plain.destroy(),
  };
}

/**
 * Returns a function that opens connections which do not keep the process alive. A request is open for as long as a host
 * wants it, and hosts must not decide when the program ends.
 */
function unrefConnector(): ReturnType<typeof buildConnector> {
  const connect = buildConnector({});
  return (options, callback) =>
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      // undici calls `ref` for each request.
      if (error === null) socket.unref().ref = () => socket;
      callback(...outcome);
    });
}

/** Bytes. undici keeps a body until the response has ended; a stream that was read takes no memory. */
const largeBody = 65_536;

/** The body that the proxy gave to the authorized fetch, which passes it on unchanged or as a copy. */
function bodyOf({ body }: RequestInit, headers: Headers): Uint8Array | Readable | null {
  if (body instanceof Uint8Array && body.byteLength > largeBody) {
    headers.set("content-length", String(body.byteLength));
    return Readable.from([body], { objectMode: false });
  }
  if (body === undefined || body === null || body instanceof Uint8Array) return body ?? null;
  if (body instanceof Readable) return body;
  throw new TypeError("The body of a request of the proxy must be bytes or a stream of Node.");
}

/** Returns the connections that the network of the runtime chose: for TLS, a proxy or a client certificate. */
function dispatcherOf(init: RequestInit): Dispatcher | undefined {
  // Node's types declare the member with the types of another copy of undici.
  return (init as unknown as { readonly dispatcher?: Dispatcher }).dispatcher;
}
