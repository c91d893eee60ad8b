import { createMcpAuth, type McpAuthOptions } from "../../../src/index.js";
import { type Handler, sendJson, startHttpServer } from "../../support/http-server.js";

/** Starts an issuer (tokens tok1, tok2, …) and an MCP server without resource metadata, both on loopback. */
export async function world(mcpHandler: Handler, tokenHandler?: Handler) {
  let issued = 0;
  const issuer = await startHttpServer((request, response) => {
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: issuer.origin, token_endpoint: `${issuer.origin}/token` });
    }
    if (request.url !== "/token") return void response.writeHead(404).end();
    if (tokenHandler !== undefined) return tokenHandler(request, response);
    issued += 1;
    return sendJson(response, { access_token: `tok${issued}`, token_type: "Bearer", expires_in: 3600 });
  });
  const mcp = await startHttpServer(async (request, response) => {
    if (/^\/\.well-known\/oauth-protected-resource(\/mcp)?$/.test(request.url))
      return void response.writeHead(404).end();
    await mcpHandler(request, response);
    if (!response.headersSent) response.writeHead(404).end();
  });
  const make = async (server: object = {}, options: Partial<McpAuthOptions> = {}, env: object = {}) => {
    const client = { issuer: issuer.origin, id: "a", secret: { env: "S" } };
    const auth = await createMcpAuth({
      config: { servers: { crm: { url: `${mcp.origin}/mcp`, grant: { client }, ...server } } } as never,
      env: { S: "s", ...env },
      ...options,
    } as never);
    return { auth, manager: auth.resolve("crm") };
  };
  return { issuer, mcp, url: `${mcp.origin}/mcp`, make };
}

export async function caught(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
