import type { IncomingMessage, ServerResponse } from "node:http";
import { listen } from "./listen.js";

/** A request as it arrived over the wire. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query, exactly as sent. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** Names and values alternately, exactly as sent. */
  readonly rawHeaders: readonly string[];
  /** The exact bytes, as UTF-8. */
  readonly body: string;
}

/** Answers one request; the response is sent when it calls `response.end()`. */
export type Handler = (request: RecordedRequest, response: ServerResponse) => void | Promise<void>;

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly origin: string;
  /** All requests so far, in the order in which their bodies were complete. */
  readonly requests: readonly RecordedRequest[];
  /** Number of open connections. */
  readonly connections: number;
  /** Resolves once the server has received this many requests. */
  received(count: number): Promise<void>;
  /** Closes all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a scripted HTTP server on a random port of 127.0.0.1. If the handler throws, the server answers 500. */
export async function startHttpServer(handler: Handler): Promise<HttpServer> {
  const requests: RecordedRequest[] = [];
  const waiting = new Set<{ count: number; resolve: () => void }>();

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const request: RecordedRequest = {
        method: incoming.method ?? "",
        url: incoming.url ?? "",
        headers: incoming.headers,
        rawHeaders: incoming.rawHeaders,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      requests.push(request);
      for (const waiter of waiting) {
        if (requests.length < waiter.count) continue;
        waiting.delete(waiter);
        waiter.resolve();
      }
      await handler(request, response);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end(String(error));
    }
  }

  const listening = await listen(() => (incoming, response) => void answer(incoming, response));
  return {
    origin: listening.origin,
    requests,
    get connections() {
      return listening.connections;
    },
    received(count) {
      if (requests.length >= count) return Promise.resolve();
      return new Promise((resolve) => waiting.add({ count, resolve }));
    },
    close: listening.close,
    [Symbol.asyncDispose]: listening.close,
  };
}

/** Sends a JSON response. */
export function sendJson(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}
