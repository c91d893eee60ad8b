// A pair of servers that behave as some product does, and a runtime with one server, `tools`, whose client has a secret.
import { onTestFinished } from "vitest";
import { createMcpAuth, type McpAuthConfig, type TokenEvent, type TokenManager } from "../../src/index.js";
import { type Handler, type HttpServer, type RecordedRequest, sendJson } from "../support/http-server.js";
import { sendToken, startScriptedServer } from "./harness.js";

type ServerConfig = McpAuthConfig<"tools">["servers"]["tools"];

interface Place {
  /** Origin of the authorization server. */
  readonly issuer: string;
  /** Origin of the MCP server, which is at `/mcp` there. */
  readonly mcp: string;
}

export interface Product {
  /** Answers the token endpoint, `/token`. Default: a token for ten minutes. */
  readonly token?: (
    request: RecordedRequest,
    response: Parameters<Handler>[1],
    place: Place,
  ) => void | Promise<void>;
  /** Answers the other paths of the authorization server. Default: RFC 8414 metadata at its URL, and otherwise 404. */
  readonly issuer?: (place: Place) => Handler;
  /** Members that are added to the default metadata. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Answers the MCP server, metadata included. Default: 200 at `/mcp` with a token, and otherwise 404. */
  readonly mcp?: (place: Place) => Handler;
  /** What the config says. Default: a client with its secret in `S`. */
  readonly config?: (place: Place) => Partial<ServerConfig>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Field extends Place {
  readonly manager: TokenManager;
  readonly url: string;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Readonly<Record<string, string>>;
  readonly warnings: readonly TokenEvent[];
  readonly authorizationServer: HttpServer;
  readonly mcpServer: HttpServer;
  /** The forms of the token requests so far. */
  tokenRequests(): readonly URLSearchParams[];
  /** Sends a JSON-RPC request to the MCP server, and returns the status of the response. */
  call(method?: string, headers?: Readonly<Record<string, string>>): Promise<number>;
}

export const defaultToken: Handler = (_request, response) => sendToken(response, "granted", 600);

/** Returns whether a request has the given token. */
export function hasToken({ headers }: RecordedRequest, token = "granted"): boolean {
  return headers.authorization === `Bearer ${token}`;
}

/** Starts the servers of a product and a runtime for it, and stops them when the test ends. */
export async function field(product: Product): Promise<Field> {
  const { token = defaultToken, metadata = {}, config, env = { S: "s3cr3t" } } = product;
  const authorizationServer = await startScriptedServer((request, response) =>
    request.url === "/token" ? token(request, response, place) : issuer(request, response),
  );
  const mcpServer = await startScriptedServer((request, response) => mcp(request, response));
  const place: Place = { issuer: authorizationServer.origin, mcp: mcpServer.origin };
  const url = `${place.mcp}/mcp`;
  const issuer = product.issuer?.(place) ?? publish(place, metadata);
  const mcp = product.mcp?.(place) ?? acceptToken;
  const grant = { client: { issuer: place.issuer, id: "agent", secret: { env: "S" } } };
  // The defaults come first, so that a product may replace the grant.
  const server = { url, grant, refresh: false, retry: { attempts: 1 }, ...config?.(place) } as const;
  const written = { servers: { tools: server } };
  const auth = await createMcpAuth<"tools">({ config: written, env });
  onTestFinished(() => auth.stop());
  const warnings: TokenEvent[] = [];
  auth.on("token:warning", (event) => void warnings.push(event));
  const manager = auth.resolve("tools");
  return {
    ...place,
    ...{ manager, url, config: written, env, warnings, authorizationServer, mcpServer },
    tokenRequests: () =>
      authorizationServer.requests
        .filter((request) => request.url === "/token")
        .map(({ body }) => new URLSearchParams(body)),
    async call(method = "ping", headers = {}) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method });
      const response = await manager.fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      });
      await response.body?.cancel();
      return response.status;
    },
  };
}

/** Publishes RFC 8414 metadata. */
export function publish({ issuer }: Place, members: Readonly<Record<string, unknown>> = {}): Handler {
  return (request, response) =>
    request.url === "/.well-known/oauth-authorization-server"
      ? sendJson(response, { issuer, token_endpoint: `${issuer}/token`, ...members })
      : sendJson(response, {}, 404);
}

const acceptToken: Handler = (request, response) => {
  if (request.url !== "/mcp") return sendJson(response, {}, 404);
  return sendJson(response, {}, hasToken(request) ? 200 : 401);
};

/** Sends a page of HTML, as a single-page application or a login page does. */
export function sendPage(response: Parameters<Handler>[1], status = 200): void {
  response.writeHead(status, { "content-type": "text/html" }).end("<!doctype html><p>Welcome</p>");
}

/** What servers answer at a metadata URL instead of metadata. */
export const wrongMetadata: readonly (readonly [what: string, answer: Handler])[] = [
  ["a page of HTML", (_, response) => sendPage(response)],
  ["a redirect to a login", (_, response) => void response.writeHead(302, { location: "/login" }).end()],
  ["204", (_, response) => void response.writeHead(204).end()],
  ["500", (_, response) => void response.writeHead(500).end()],
  ["JSON that is something else", (_, response) => sendJson(response, { status: "ok" })],
];
