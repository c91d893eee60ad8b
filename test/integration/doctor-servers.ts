// A scripted authorization server and MCP server at one origin, for what real servers do only when they are wrong.
import type { ServerResponse } from "node:http";
import { type Handler, type HttpServer, type RecordedRequest, sendJson } from "../support/http-server.js";
import { unsignedJwt } from "../unit/oauth/fixtures.js";
import type { Diagnosed } from "./doctor.js";
import { agentSecret, startScriptedServer } from "./harness.js";

export interface ScriptedServers extends Diagnosed {
  readonly server: HttpServer;
  readonly url: string;
  /** Returns the bodies of the requests to a path. */
  bodies(path: string): readonly string[];
}

export interface Script {
  /** Seconds that its clock is ahead. */
  readonly ahead?: number;
  /** The access token. Default: a JWT for the server. */
  readonly token?: string | ((origin: string) => string);
  /** Members of the metadata of the authorization server. */
  readonly metadata?: (origin: string) => object;
  /** Members of the grant. */
  readonly grant?: object;
  readonly introspect?: Handler;
  /** Answers an MCP request with a token. Returns `false` to have it answered as usual. */
  readonly mcp?: (request: RecordedRequest, response: ServerResponse, method: unknown) => boolean;
}

export const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

export async function startServers(script: Script = {}): Promise<ScriptedServers> {
  const {
    ahead = 0,
    token = (origin) => unsignedJwt({ iss: origin, aud: `${origin}/mcp`, exp: inAnHour() }),
  } = script;
  const server = await startScriptedServer((request, response) => {
    const { origin } = server;
    if (ahead !== 0) response.setHeader("date", new Date(Date.now() + ahead * 1_000).toUTCString());
    switch (request.url) {
      case "/.well-known/oauth-authorization-server":
        return sendJson(response, {
          ...{ issuer: origin, token_endpoint: `${origin}/token` },
          ...(script.introspect && { introspection_endpoint: `${origin}/introspect` }),
          ...script.metadata?.(origin),
        });
      case "/token": {
        const access_token = typeof token === "string" ? token : token(origin);
        return sendJson(response, { access_token, token_type: "Bearer", expires_in: 3_600 });
      }
      case "/introspect":
        return script.introspect?.(request, response);
      case "/mcp":
        return answerMcp(request, response, script);
      default:
        return sendJson(response, {}, 404);
    }
  });
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const url = `${server.origin}/mcp`;
  return {
    ...{ server, url, env: { SECRET: agentSecret } },
    config: { servers: { tools: { url, grant: { client, ...script.grant } } } },
    bodies: (path) => server.requests.flatMap(({ url: at, body }) => (at === path ? [body] : [])),
  };
}

export function refuse(
  response: ServerResponse,
  status = 401,
  challenge = 'Bearer error="invalid_token"',
): true {
  response.writeHead(status, { "www-authenticate": challenge }).end();
  return true;
}

function answerMcp(request: RecordedRequest, response: ServerResponse, { mcp }: Script): void {
  if (request.headers.authorization === undefined) {
    refuse(response, 401, "Bearer");
    return;
  }
  const { id, method } = JSON.parse(request.body === "" ? "{}" : request.body);
  if (mcp?.(request, response, method) === true) return;
  if (id === undefined) return void response.writeHead(202).end();
  const result =
    method === "initialize"
      ? { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} }
      : { tools: [] };
  sendJson(response, { jsonrpc: "2.0", id, result });
}
