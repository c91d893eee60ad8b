import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ListenAddress } from "../lib/listen-address.js";
import { answerProbe, type Operations } from "./operations.js";
import type { Listener, RequestHandler } from "./request-handler.js";
import { authorityOf, listenOnTcp } from "./tcp.js";
import { listenOnSocket } from "./unix-socket.js";

/** A server that listens. */
export interface Listening {
  /** Stops listening. Resolves when all connections are closed. */
  close(): Promise<void>;
  /** Closes all connections. */
  destroy(): void;
}

/** Listens on TCP. Programs of other users are refused when their first request arrives. */
export async function listenForHosts(
  handler: RequestHandler,
  wanted: ListenAddress,
  keepsProcessAlive: boolean,
): Promise<Listening & { readonly origin: string }> {
  let listener: Listener | undefined;
  const server = createProxyServer(handler, () => listener, keepsProcessAlive);
  server.on("connection", (socket: Socket) => handler.noteConnection(socket));
  const { origin, host } = new URL(`http://${authorityOf(await listenOnTcp(server, wanted, "--listen"))}`);
  // Like a URL, the Host header does not have the port 80.
  listener = { kind: "tcp", authority: host };
  return { origin, ...listening(server) };
}

/** Listens on a unix socket, and removes it afterwards. */
export async function listenForHostsOnSocket(
  handler: RequestHandler,
  path: string,
  keepsProcessAlive: boolean,
): Promise<Listening> {
  const listener: Listener = { kind: "socket" };
  const server = createProxyServer(handler, () => listener, keepsProcessAlive);
  await listenOnSocket(server, path);
  return listening(server);
}

/** Milliseconds. Other machines must not be able to keep the few connections for long. */
const probeLimits = { headersTimeout: 2_000, requestTimeout: 2_000, connectionsCheckingInterval: 500 };

/** Answers probes of an orchestrator, which come from other machines and know no token. */
export async function listenForProbes(
  isReady: Operations["readiness"],
  wanted: ListenAddress,
  keepsProcessAlive: boolean,
): Promise<Listening & { readonly origin: string }> {
  const server = createServer(probeLimits, (request, response) => {
    response.setHeader("connection", "close");
    answerProbe(isReady, request.url ?? "", response);
  });
  // Each request is one probe, so a few are enough.
  server.maxConnections = 64;
  if (!keepsProcessAlive) server.unref();
  const origin = `http://${authorityOf(await listenOnTcp(server, wanted, "--health"))}`;
  return { origin, ...listening(server) };
}

function createProxyServer(
  handler: RequestHandler,
  listener: () => Listener | undefined,
  keepsProcessAlive: boolean,
): Server {
  // What is ambiguous must be refused, whatever --insecure-http-parser says.
  const server = createServer({ insecureHTTPParser: false }, (request, response) => {
    const current = listener();
    if (current === undefined) response.destroy();
    else handler.handle(current, request, response);
  });
  // Node would drop every header after the first 2000. The length of the head is limited all the same.
  server.maxHeadersCount = 0;
  // A large body to a slow server takes as long as it takes. The time for the head of a request stays limited.
  server.requestTimeout = 0;
  // Node closes idle connections after five seconds. Clients that reuse a connection at that moment would fail.
  server.keepAliveTimeout = 65_000;
  server.on("connection", (socket: Socket) => {
    // A connection of a host must not keep the process alive, which has other work.
    if (!keepsProcessAlive) socket.unref();
  });
  // Without listeners, Node would answer a request to upgrade like any other, and close the connection of a CONNECT.
  const refuse = (_request: IncomingMessage, socket: Duplex): void => {
    socket.on("error", () => socket.destroy());
    // The server no longer knows the connection, so a caller that keeps its end open would keep the proxy from stopping.
    socket.once("finish", () => socket.destroy()).resume();
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  };
  server.on("upgrade", refuse).on("connect", refuse);
  if (!keepsProcessAlive) server.unref();
  return server;
}

function listening(server: Server): Listening {
  return {
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      return closed;
    },
    destroy: () => server.closeAllConnections(),
  };
}
