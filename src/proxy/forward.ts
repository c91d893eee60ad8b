import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { McpAuthError } from "../errors/error.js";
import { errorMark } from "../errors/error-notes.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import type { TokenManager } from "../index.js";
import { discard } from "../net/discard.js";
import { failureError } from "../net/failure.js";
import { networkFailure } from "../net/network-failure.js";
import { fetchToUse, type InitWithFetch } from "../net/own-requests.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";
import { refusalOf, writeFailure } from "./failure-response.js";
import { requestHeaders, responseHeaders } from "./passed-headers.js";
import { type RequestBody, readBody } from "./request-body.js";
import { targetUrl } from "./target.js";
import { type Upstream, upstreamParts } from "./upstream-fetch.js";

/** A request to one server, as a caller of the proxy sent it. */
export interface ForwardedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What follows the name of the server. */
  readonly rest: string;
  /** Returns the server's manager. Throws `unknown_server`, `stopped`. */
  readonly manager: () => TokenManager;
  readonly cancellation: Cancellation;
}

/** Ends a request: because the client hangs up, or with an error because the proxy stops. */
export class Cancellation extends EventEmitter<{ abort: [] }> {
  readonly #controller = new AbortController();

  /** For the wait for a token. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it was too early for a listener. undici looks at it before it sends a request. */
  get aborted(): boolean {
    return this.signal.aborted;
  }

  cancel(error?: McpAuthError): void {
    this.#controller.abort(error);
    this.emit("abort");
  }
}

/** Marks the failure of a request to the MCP server, which has the codes of a failed request for a token. */
const serverUnreachable = errorMark();

/** Returns whether the MCP server itself could not be reached, although there was a token for it. */
export const isServerUnreachable = serverUnreachable.has;

/** How a request ended: with the status of the server, or with our error. */
export type ForwardOutcome =
  | { readonly status: number }
  | McpAuthError
  /** The client hung up before there was a response. */
  | undefined;

/**
 * Passes a request on to its server with the server's token, and the response back. Never rejects because of what the
 * client or the server sends.
 *
 * @param onResponse called when the response of the server begins, or the request has failed
 */
export async function forward(
  upstream: Upstream,
  forwarded: ForwardedRequest,
  onResponse: (outcome: ForwardOutcome) => void,
): Promise<void> {
  const { request, response, cancellation } = forwarded;
  let body = await readBody(request, cancellation);
  if (body === undefined) {
    fail(forwarded, cancellation.signal.reason, { kind: "none" }, onResponse);
    return;
  }
  const stream = body.kind === "stream" ? body : undefined;
  const answering = answerTo(upstream, forwarded, body, onResponse);
  body = undefined;
  const answered = await answering;
  if (answered === undefined) return;
  onResponse({ status: answered.answer.status });
  await passBack(answered, response, cancellation);
  if (stream !== undefined) dropRest(stream);
}

/** Drops what is not sent of a body. The client may read nothing before it has written all of it. */
function dropRest(body: RequestBody): void {
  if (body.kind === "stream") body.stream.destroy();
}

interface Answered {
  readonly answer: Response;
  readonly internals: ManagerInternals;
}

/**
 * Sends a request. Returns the response, `undefined` if there is none for the client. A function of its own, so that
 * nothing keeps the body of the request while the response is passed on, which can take hours.
 */
async function answerTo(
  upstream: Upstream,
  forwarded: ForwardedRequest,
  body: RequestBody,
  onResponse: (outcome: ForwardOutcome) => void,
): Promise<Answered | undefined> {
  try {
    const manager = forwarded.manager();
    // Before the request is sent, because a reload can remove the server before it answers.
    const internals = internalsOf(manager);
    const answer = await send(upstream, manager, forwarded, body);
    const refusal = refusalOf(manager, answer);
    if (refusal === undefined) return { answer, internals };
    discard(answer);
    throw refusal;
  } catch (error) {
    fail(forwarded, error, body, onResponse);
    return undefined;
  }
}

async function send(
  upstream: Upstream,
  manager: TokenManager,
  { request, rest, cancellation }: ForwardedRequest,
  body: RequestBody,
): Promise<Response> {
  const url = targetUrl(manager.url, rest);
  if (url === undefined) throw outsideOfServer(manager.name);
  const { signal } = cancellation;
  const headers = requestHeaders(request.headers);
  if (body.kind === "stream" && body.length !== undefined) headers.push(["content-length", body.length]);
  const init: InitWithFetch = {
    method: request.method ?? "GET",
    headers,
    signal,
    ...bodyMembers(body),
    [fetchToUse]: upstream.fetchUntil(cancellation),
  };
  try {
    return await manager.fetch(url, init);
  } catch (error) {
    if (
      error instanceof McpAuthError ||
      signal.aborted ||
      (isProgrammingError(error) && error.cause === undefined)
    )
      throw error;
    throw serverUnreachable.mark(failureError(manager.name, networkFailure(error, "the server")));
  }
}

function bodyMembers(body: RequestBody): RequestInit {
  switch (body.kind) {
    case "none":
      return {};
    case "bytes":
      // The bytes come from a socket, so their buffer is never shared between threads.
      return { body: body.bytes as Uint8Array<ArrayBuffer> };
    case "stream":
      // `fetch` of Node accepts any async iterable as a body.
      return { body: body.stream as unknown as ReadableStream, duplex: "half" };
  }
}

function outsideOfServer(server: string): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `Server "${server}": the path or query after its name does not lead to the server's URL or below it, so nothing was ` +
      "sent. Use the URL that the proxy printed.",
    { server },
  );
}

/** Answers with an error, unless the client has hung up. Throws what is a mistake in our code. */
function fail(
  { response, cancellation }: ForwardedRequest,
  error: unknown,
  body: RequestBody,
  onResponse: (outcome: ForwardOutcome) => void,
): void {
  const failure = response.destroyed ? undefined : failureOf(error, cancellation.signal);
  onResponse(failure);
  dropRest(body);
  if (failure === undefined) response.destroy();
  else writeFailure(response, failure, body);
}

/** Returns the error to answer with, `undefined` if the client has hung up. */
function failureOf(error: unknown, signal: AbortSignal): McpAuthError | undefined {
  if (signal.aborted) return signal.reason instanceof McpAuthError ? signal.reason : undefined;
  if (error === undefined || error instanceof McpAuthError) return error;
  throw error;
}

/** Passes a response on. Ends the connection to the client if the server ends the response before it is complete. */
async function passBack(
  { answer, internals: { currentToken, secretHeaders } }: Answered,
  response: ServerResponse,
  cancellation: Cancellation,
): Promise<void> {
  const parts = upstreamParts(answer);
  // What a `fetch` of the host's own has sent is unknown, except the token.
  const sent = parts?.sent ?? new Headers(headersOf(currentToken()));
  const secrets = secretsIn(sent, secretHeaders);
  const received = parts?.received ?? Object.fromEntries(answer.headers);
  // A response with status 204 has no body. With a length all the same, some clients would wait for one.
  const isChanged = parts === undefined || answer.status === 204;
  const headers = responseHeaders(received, { secrets, isChanged });
  const stream = parts?.stream ?? streamOf(answer);
  response.writeHead(answer.status, headers);
  if (stream === undefined) {
    response.end();
    return;
  }
  await pump(stream, response, cancellation);
}

/**
 * Pipes a body to the client. If one side ends early, it ends the other. `stream.pipeline` does the same at five times
 * the cost, most of a short request.
 */
function pump(stream: Readable, response: ServerResponse, cancellation: Cancellation): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stream.destroy();
      response.destroy();
      resolve();
    };
    stream.once("error", () => response.destroy());
    response.once("close", end);
    cancellation.once("abort", end);
    if (response.destroyed || cancellation.aborted) {
      end();
      return;
    }
    stream.pipe(response);
    // The head of an event stream must not wait for its first event. That of a short body is sent with the body.
    if (stream.readableLength > 0) return;
    setImmediate(() => {
      if (!response.writableEnded) response.flushHeaders();
    });
  });
}

/** The body of a response of a `fetch` that was given to `createMcpAuth`. */
function streamOf({ body }: Response): Readable | undefined {
  // Node's types declare two kinds of web streams, and both are the same at run time.
  return body === null ? undefined : Readable.fromWeb(body as import("node:stream/web").ReadableStream);
}

function headersOf(token: ReturnType<ManagerInternals["currentToken"]>): Record<string, string> {
  return token === undefined || token === "bound" ? {} : { authorization: token.authorization };
}

/** Returns the credentials that a request was sent with. Short values would be found anywhere. */
function secretsIn(sent: Headers, names: readonly string[]): readonly string[] {
  const values = ["dpop", ...names].map((name) => sent.get(name) ?? "");
  const token = (sent.get("authorization") ?? "").replace(/^\S+ /, "");
  return [token, ...values].filter((value) => value.length >= 8);
}
