// The servers of one host, in their own process: an authorization server that can revoke tokens, and an MCP server that
// introspects each token. The process ends when the runner disconnects.
import { IncomingMessage, Server, ServerResponse } from "node:http";
import * as z from "zod";
import { startAuthorizationServer } from "../support/authorization-server.js";
import { startMcpServer } from "../support/mcp-server.js";

/** A question of the runner. */
type Question =
  | "addresses"
  | "counts"
  | "received"
  | "revoke"
  | "expire"
  | "slow down"
  | "speed up"
  | "go away"
  | "come back";

export interface Counts {
  readonly tokenRequests: number;
  /** The number of requests that the MCP server answered with 401. */
  readonly unauthorized: number;
  /** The number of times that the tool `echo` ran. */
  readonly toolCalls: number;
}

/** A request to one of the servers. */
export interface Received {
  readonly at: "authorization server" | "MCP server";
  /** Method and path. */
  readonly request: string;
  readonly status: number;
  readonly hasToken: boolean;
  /** Whether the authorization server was away. */
  readonly whileAway: boolean;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly whileAway: boolean;
}

const secret = process.env["CRM_SECRET"] ?? "";
const lifetime = 3_600;
const scopes = ["tools:call"];
const mcpServerClient = { id: "mcp-server", secret: "of-the-mcp-server" };

process.once("disconnect", () => process.exit());

// The clock of this process can be moved forward, which expires earlier tokens.
const { now } = Date;
let offset = 0;
Date.now = () => now() + offset;

// Marks the requests of this process to its own servers.
const ownAgent = "servers";
const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("user-agent", ownAgent);
  return await fetch(input, { ...init, headers });
};

/** Milliseconds that a slow token endpoint takes. */
const slowness = 4_000;
let isSlow = false;
let isAway = false;

// Records the requests of others, to find discovery requests and logins of the host itself. While the authorization
// server is away, its connections break. The MCP server can still introspect tokens.
const exchanges: Exchange[] = [];
const { emit } = Server.prototype;
function emitLater(this: Server, ...event: unknown[]): boolean {
  const [name, request, response] = event;
  const pass = (): boolean => Reflect.apply(emit, this, event);
  if (name !== "request" || !(request instanceof IncomingMessage) || !(response instanceof ServerResponse))
    return pass();
  if (request.headers["user-agent"] === ownAgent) return pass();
  exchanges.push({ request, response, whileAway: isAway });
  if (request.headers.host !== new URL(issuer).host) return pass();
  if (isAway) request.socket.destroy();
  else if (isSlow && request.url === "/token") setTimeout(pass, slowness);
  else return pass();
  return true;
}
Object.defineProperty(Server.prototype, "emit", { value: emitLater });

const authorizationServer = await startAuthorizationServer({
  clients: [{ id: "agent", secret, scopes }, mcpServerClient],
  scopes,
  lifetime,
  // Only opaque tokens can be revoked and introspected.
  tokens: "opaque",
});
const { issuer, revocationEndpoint } = authorizationServer;
let toolCalls = 0;
const mcpServer = await startMcpServer({
  ...{ issuer, scopes, introspectAs: mcpServerClient },
  tools(server) {
    const inputSchema = z.object({ text: z.string() });
    // Some hosts run only tools that change nothing at the same time.
    const annotations = { readOnlyHint: true };
    server.registerTool(
      "echo",
      { description: "Returns its input.", inputSchema, annotations },
      ({ text }) => {
        toolCalls += 1;
        return { content: [{ type: "text", text }] };
      },
    );
  },
});

async function revoke(): Promise<void> {
  const authorization = `Basic ${Buffer.from(`agent:${secret}`).toString("base64")}`;
  for (const { jti: token } of authorizationServer.issued) {
    const body = new URLSearchParams({ token });
    const { status } = await globalThis.fetch(revocationEndpoint, {
      method: "POST",
      headers: { authorization },
      body,
    });
    if (status !== 200) throw new Error(`The revocation was answered with ${status}.`);
  }
}

function counts(): Counts {
  return {
    tokenRequests: authorizationServer.tokenRequests.length,
    unauthorized: mcpServer.unauthorized,
    toolCalls,
  };
}

function received(): Received[] {
  const { host } = new URL(mcpServer.url);
  return exchanges.map(({ request, response, whileAway }) => ({
    at: request.headers.host === host ? "MCP server" : "authorization server",
    request: `${request.method} ${request.url}`,
    status: response.statusCode,
    hasToken: /^bearer /i.test(request.headers.authorization ?? ""),
    whileAway,
  }));
}

async function answer(question: Question): Promise<unknown> {
  switch (question) {
    case "addresses":
      return { issuer, url: mcpServer.url };
    case "counts":
      return counts();
    case "received":
      return received();
    case "revoke":
      return await revoke();
    case "expire":
      offset += (lifetime + 60) * 1_000;
      return undefined;
    case "slow down":
    case "speed up":
      isSlow = question === "slow down";
      return undefined;
    case "go away":
    case "come back":
      isAway = question === "go away";
      return undefined;
  }
}

process.on("message", async (question: Question) => {
  try {
    process.send?.({ value: await answer(question) });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});
