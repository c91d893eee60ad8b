// A real MCP server behind a proxy that refuses the requests that a test selects.
import type { ServerResponse } from "node:http";
import type { McpAuthOptions, TokenManager } from "../../src/index.js";
import { parseJsonObject } from "../../src/lib/json-object.js";
import type { HttpServer, RecordedRequest } from "../support/http-server.js";
import { type LiveClock, liveClock } from "../support/live-clock.js";
import {
  createTestManager,
  startScriptedServer,
  startWorld,
  type World,
  type WorldOptions,
} from "./harness.js";

/** Returns `true` if it has answered the request, which then does not reach the MCP server. */
export type Refuse = (request: RecordedRequest, response: ServerResponse) => boolean;

export interface RefusingProxy extends World {
  readonly front: HttpServer;
  /** URL of the MCP endpoint at the front proxy. */
  readonly url: string;
}

const connectionHeaders = ["host", "connection", "content-length", "transfer-encoding"];
const forwardedHeaders = ["content-type", "www-authenticate", "mcp-session-id"];

/** The MCP server accepts only tokens for its own URL, so the config has that URL as the `resource`. */
export async function startRefusingProxy(
  refuse: Refuse,
  { members = {}, grant = {}, ...options }: WorldOptions & { members?: object; grant?: object } = {},
): Promise<RefusingProxy> {
  const world = await startWorld(options);
  const front = await startScriptedServer(async (request, response) => {
    if (request.url.startsWith("/.well-known/")) return void response.writeHead(404).end();
    if (refuse(request, response)) return;
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers))
      if (typeof value === "string" && !connectionHeaders.includes(name)) headers.set(name, value);
    const init = { method: request.method, headers, ...(request.body !== "" && { body: request.body }) };
    const answer = await fetch(`${world.mcp.origin}${request.url}`, init);
    const forwarded = forwardedHeaders.flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    response.writeHead(answer.status, Object.fromEntries(forwarded)).end(await answer.text());
  });
  const url = `${front.origin}/mcp`;
  const { tools } = world.config.servers;
  const config = {
    servers: { tools: { url, grant: { ...tools.grant, resource: world.mcp.url, ...grant }, ...members } },
  };
  return { ...world, config, front, url };
}

export async function createLiveManager(
  world: Pick<World, "config" | "env">,
  options: McpAuthOptions<"tools"> = {},
): Promise<Awaited<ReturnType<typeof createTestManager>> & LiveClock> {
  const live = liveClock();
  const made = await createTestManager(world, { clock: live.clock, fetch: live.fetch, ...options });
  // A listener prevents process warnings.
  made.auth.on("token:warning", () => {});
  return { ...live, ...made };
}

/** Makes a request, and returns the status of its response. */
export async function statusOf(
  manager: TokenManager,
  init?: RequestInit,
  url = manager.url,
): Promise<number> {
  const response = await manager.fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

export const unauthorized = (response: ServerResponse, challenge = 'Bearer error="invalid_token"'): true => {
  response.writeHead(401, { "www-authenticate": challenge }).end();
  return true;
};

/** Returns the name of the tool that a request calls. */
export function toolIn(body: string): unknown {
  const { params } = parseJsonObject(body) ?? {};
  return typeof params === "object" && params !== null && "name" in params ? params.name : undefined;
}

const headers = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2025-11-25",
};

/** Creates a request as an MCP client would send it. */
export function message(method: string, params: object = {}, more: object = {}): RequestInit {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  return { method: "POST", headers: { ...headers, ...more }, body };
}

export const toolCall = (name: string, more?: object): RequestInit =>
  message("tools/call", { name, arguments: { text: "hi" } }, more);

export const initialize = message("initialize", {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "test", version: "1.0.0" },
});
