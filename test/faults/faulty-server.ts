import { type Handler, type HttpServer, startHttpServer } from "../support/http-server.js";

export type AnsweredPath = "metadata" | "token" | "mcp" | "resource-metadata";

/** A server on loopback that answers correctly until it is told to answer otherwise. */
export interface FaultyServer extends HttpServer {
  /** Sets the handler of a path; `undefined` restores the correct answer. */
  answer(path: AnsweredPath, handler: Handler | undefined): void;
  /** The number of requests to the token endpoint or the MCP endpoint so far. */
  readonly calls: number;
  /** The lifetime of issued tokens in seconds. */
  lifetime: number;
}

/** Returns the kind of a path, or `undefined` for a path that answers 404. */
export function answeredPath(url: string): AnsweredPath | undefined {
  const { pathname } = new URL(url, "http://server");
  if (pathname.startsWith("/.well-known/oauth-protected-resource")) return "resource-metadata";
  if (/\/\.well-known\/(?:oauth-authorization-server|openid-configuration)/.test(pathname)) return "metadata";
  if (pathname.endsWith("/token")) return "token";
  return pathname.startsWith("/mcp") ? "mcp" : undefined;
}

/** Starts a server. Each request has its own connection, so an open connection is a request in progress. */
export async function startFaultyServer(
  createHandlers: (server: FaultyServer) => Readonly<Partial<Record<AnsweredPath, Handler>>>,
): Promise<FaultyServer> {
  const overrides = new Map<AnsweredPath, Handler>();
  let calls = 0;
  const server = await startHttpServer(async (request, response) => {
    response.shouldKeepAlive = false;
    const path = answeredPath(request.url);
    if (path === "token" || path === "mcp") calls += 1;
    const handler = path && (overrides.get(path) ?? answers[path]);
    if (handler === undefined) response.writeHead(404).end();
    else await handler(request, response);
  });
  const faulty: FaultyServer = {
    origin: server.origin,
    requests: server.requests,
    get connections() {
      return server.connections;
    },
    received: (count) => server.received(count),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
    answer(path, handler) {
      if (handler === undefined) overrides.delete(path);
      else overrides.set(path, handler);
    },
    get calls() {
      return calls;
    },
    lifetime: 600,
  };
  const answers = createHandlers(faulty);
  return faulty;
}
