// An authorization server, an MCP server of the SDK, and a server of event streams, each on a port of 127.0.0.1.
import { once } from "node:events";
import { createServer } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import * as z from "zod";

/**
 * @typedef {object} Servers
 * @property {object} config with the servers `tools` and `streams`, whose client secret is in `SECRET`
 * @property {() => number} tokenRequests
 * @property {() => void} revoke both servers refuse all tokens that were issued so far
 * @property {Set<import("node:http").ServerResponse>} streams those that are open
 * @property {() => void} close
 */

/**
 * @param {{ lifetime?: number }} [options] `lifetime` of tokens in seconds
 * @returns {Promise<Servers>}
 */
export async function startServers({ lifetime = 3_600 } = {}) {
  let [issued, revoked] = [0, 0];
  const expiries = [];
  const issuer = await listen((request, response) => {
    const origin = `http://${request.headers.host}`;
    const path = request.url;
    request.resume().on("end", () => {
      if (path === "/.well-known/oauth-authorization-server")
        return sendJson(response, 200, { issuer: origin, token_endpoint: `${origin}/token` });
      if (path !== "/token") return sendJson(response, 404, {});
      issued += 1;
      expiries[issued] = Date.now() + lifetime * 1_000;
      sendJson(response, 200, {
        access_token: `token-number-${issued}`,
        ...{ token_type: "Bearer", expires_in: lifetime },
      });
    });
  });
  const isAllowed = ({ headers }, response) => {
    const [, text = "0"] = /^Bearer token-number-(\d+)$/.exec(headers.authorization ?? "") ?? [];
    const number = Number(text);
    if (number > revoked && (expiries[number] ?? 0) > Date.now()) return true;
    response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
    return false;
  };

  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "tools", version: "1.0.0" });
    const inputSchema = z.object({ text: z.string() });
    server.registerTool("echo", { description: "Returns its input.", inputSchema }, ({ text }) => ({
      content: [{ type: "text", text }],
    }));
    return server;
  });
  const answer = toNodeHandler(handler);
  const tools = await listen((request, response) => {
    if (isAllowed(request, response)) answer(request, response).catch(() => response.destroy());
  });

  const streams = new Set();
  const events = await listen((request, response) => {
    if (!isAllowed(request, response)) return;
    if (request.method !== "GET") return void request.resume().on("end", () => sendJson(response, 200, {}));
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    streams.add(response);
    response.on("close", () => streams.delete(response));
  });

  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const grant = { client };
  return {
    config: {
      servers: {
        tools: { url: `${tools.origin}/mcp`, grant },
        streams: { url: `${events.origin}/mcp`, grant },
      },
    },
    streams,
    tokenRequests: () => issued,
    revoke() {
      revoked = issued;
    },
    close() {
      for (const each of [issuer, tools, events]) each.close();
    },
  };
}

function sendJson(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function listen(answer) {
  const server = createServer(answer).listen({ port: 0, host: "127.0.0.1", backlog: 2_048 });
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
