// The servers of the benchmark, controlled over IPC by servers.mjs: an authorization server that issues opaque tokens,
// and an MCP server of the SDK that checks the token and its expiry. Each request is recorded.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";
import { McpServer } from "@modelcontextprotocol/server";
import * as z from "zod";

const latency = Number(process.argv[2] ?? 0);
// The lifetime of tokens in seconds.
const lifetime = Number(process.argv[3] ?? 3600);
const expiry = new Map();
let records = [];
let offset = 0;
const now = () => Date.now() + offset;

const authorization = await listen(async (request, response, record) => {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === "/.well-known/oauth-authorization-server") {
    record.kind = "authorization server metadata";
    return sendJson(response, metadata(issuer));
  }
  if (pathname === "/.well-known/openid-configuration") {
    // Only msal-node requests this, and it requires https.
    record.kind = "openid configuration";
    return sendJson(response, metadata(issuer.replace(/^http:/, "https:")));
  }
  if (pathname === "/token" && request.method === "POST") {
    record.kind = "token";
    for await (const _ of request);
    const token = randomUUID();
    expiry.set(token, now() + lifetime * 1000);
    return sendJson(response, { access_token: token, token_type: "Bearer", expires_in: lifetime });
  }
  response.writeHead(404).end();
});
const protectedServer = await listen(async (request, response, record) => {
  const { pathname } = new URL(request.url, resource);
  if (pathname === "/.well-known/oauth-protected-resource/mcp") {
    record.kind = "resource metadata";
    return sendJson(response, { resource: mcpUrl, authorization_servers: [issuer] });
  }
  if (pathname !== "/mcp") return response.writeHead(404).end();
  record.kind = "mcp";
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (!(now() < (expiry.get(token) ?? 0))) {
    request.resume();
    const challenge = `Bearer resource_metadata="${resource}/.well-known/oauth-protected-resource/mcp"`;
    return response.writeHead(401, { "www-authenticate": challenge }).end();
  }
  record.authorized = true;
  // Like the SDK's stateless servers, it offers no stream for server messages.
  if (request.method !== "POST") return response.writeHead(405, { allow: "POST" }).end();
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  server.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: "text", text }],
  }));
  const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.once("close", () => void server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response);
});
const issuer = origin(authorization);
const resource = origin(protectedServer);
const mcpUrl = `${resource}/mcp`;

process.on("message", ({ type, milliseconds }) => {
  if (type === "advance") offset += milliseconds;
  if (type === "clear") records = [];
  process.send(type === "records" ? records : {});
});
process.once("disconnect", () => process.exit(0));
process.send({ issuer, mcpUrl });

async function listen(answer) {
  const server = createServer(async (request, response) => {
    const record = {
      kind: "other",
      authorized: false,
      start: performance.now(),
      end: undefined,
      status: undefined,
    };
    records.push(record);
    response.once("close", () => {
      record.end = performance.now();
      record.status = response.statusCode;
    });
    if (latency > 0) await new Promise((resolve) => setTimeout(resolve, latency));
    await answer(request, response, record);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function origin(server) {
  return `http://127.0.0.1:${server.address().port}`;
}

function metadata(base) {
  return {
    issuer: base,
    token_endpoint: `${base}/token`,
    authorization_endpoint: `${base}/authorize`,
    jwks_uri: `${base}/jwks`,
    response_types_supported: ["code"],
    grant_types_supported: ["client_credentials"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
  };
}

function sendJson(response, value) {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}
