// The servers of one host, a process of its own: an authorization server that can revoke what it issues, and an MCP server
// that asks it about every token. They live as long as the runner is connected to them.
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { startAuthorizationServer } from "../support/authorization-server.js";
import { startMcpServer } from "../support/mcp-server.js";

/** What the runner asks for. */
type Question = "addresses" | "counts" | "received" | "revoke" | "expire";

export interface Counts {
  readonly tokenRequests: number;
  /** Requests that the MCP server answered 401. */
  readonly unauthorized: number;
}

/** A request to one of the servers. */
export interface Received {
  readonly at: "authorization server" | "MCP server";
  /** Method and path. */
  readonly request: string;
  readonly status: number;
  readonly hasToken: boolean;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const secret = process.env["AGENT_SECRET"] ?? "";
const lifetime = 3_600;
const scopes = ["tools:call"];
const mcpServerClient = { id: "mcp-server", secret: "of-the-mcp-server" };

process.once("disconnect", () => process.exit());

// Time passes for the servers alone when they are told so: what they issued before has expired then.
const { now } = Date;
let passed = 0;
Date.now = () => now() + passed;

// What this process asks its own servers is told apart by this.
const ownAgent = "servers";
const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("user-agent", ownAgent);
  return await fetch(input, { ...init, headers });
};

// What else is recorded are the requests that belong there; a host's own discovery and logins may not.
const exchanges: Exchange[] = [];
subscribe("http.server.request.start", (message) => {
  // Node documents these members of it.
  const { request, response } = message as Exchange;
  if (request.headers["user-agent"] !== ownAgent) exchanges.push({ request, response });
});

const authorizationServer = await startAuthorizationServer({
  clients: [{ id: "agent", secret, scopes }, mcpServerClient],
  scopes,
  lifetime,
  // Only these can be revoked, and asked about.
  tokens: "opaque",
});
const { issuer, revocationEndpoint } = authorizationServer;
const mcpServer = await startMcpServer({ issuer, scopes, introspectAs: mcpServerClient });

async function revoke(): Promise<void> {
  const authorization = `Basic ${Buffer.from(`agent:${secret}`).toString("base64")}`;
  for (const { jti: token } of authorizationServer.issued) {
    const body = new URLSearchParams({ token });
    const { status } = await globalThis.fetch(revocationEndpoint, {
      method: "POST",
      headers: { authorization },
      body,
    });
    if (status !== 200) throw new Error(`The revocation was answered ${status}.`);
  }
}

function counts(): Counts {
  return {
    tokenRequests: authorizationServer.tokenRequests.length,
    unauthorized: mcpServer.unauthorized,
  };
}

function received(): Received[] {
  const { host } = new URL(mcpServer.url);
  return exchanges.map(({ request, response }) => ({
    at: request.headers.host === host ? "MCP server" : "authorization server",
    request: `${request.method} ${request.url}`,
    status: response.statusCode,
    hasToken: /^bearer /i.test(request.headers.authorization ?? ""),
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
      passed += (lifetime + 60) * 1_000;
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
