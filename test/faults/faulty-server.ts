import { type Handler, type HttpServer, startHttpServer } from "../support/http-server.js";

export type AnsweredPath = "metadata" | "token" | "mcp" | "resource-metadata";

/** A server on loopback that answers as it should until told otherwise. */
export interface FaultyServer extends HttpServer {
  /** Answers every request to this path from now on; `undefined` puts the good answer back. */
  answer(path: AnsweredPath, handler: Handler | undefined): void;
  /** Those to the token endpoint, or to the MCP endpoint, so far. */
  readonly calls: number;
  /** Seconds of the tokens that it issues. */
  lifetime: number;
}

/** Which of the answers a path is for; what is none of them is 404. */
export function answeredPath(url: string): AnsweredPath | undefined {
  const { pathname } = new URL(url, "http://server");
  if (pathname.startsWith("/.well-known/oauth-protected-resource")) return "resource-metadata";
  if (/\/\.well-known\/(?:oauth-authorization-server|openid-configuration)/.test(pathname)) return "metadata";
  if (pathname.endsWith("/token")) return "token";
  return pathname.startsWith("/mcp") ? "mcp" : undefined;
}

/** Every request has a connection of its own: what is open is what is under way, and nothing old is used again. */
export async function startFaultyServer(
  good: (server: FaultyServer) => Readonly<Partial<Record<AnsweredPath, Handler>>>,
): Promise<FaultyServer> {
  const bad = new Map<AnsweredPath, Handler>();
  let calls = 0;
  const server = await startHttpServer(async (request, response) => {
    response.shouldKeepAlive = false;
    const path = answeredPath(request.url);
    if (path === "token" || path === "mcp") calls += 1;
    const handler = path && (bad.get(path) ?? answers[path]);
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
      if (handler === undefined) bad.delete(path);
      else bad.set(path, handler);
    },
    get calls() {
      return calls;
    },
    lifetime: 600,
  };
  const answers = good(faulty);
  return faulty;
}
