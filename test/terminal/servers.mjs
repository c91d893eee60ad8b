// An MCP server and its authorization server, which publish only what `init` reads.
import { once } from "node:events";
import { createServer } from "node:http";

/** @param {() => Promise<void>} beforeAnswer what the MCP server waits for before its first answer */
export async function startServers(beforeAnswer = async () => {}) {
  const issuer = await listen((_request, origin) => ({
    body: {
      issuer: origin,
      token_endpoint: `${origin}/token`,
      token_endpoint_auth_methods_supported: ["client_secret_basic", "private_key_jwt"],
    },
  }));
  let isFirst = true;
  const mcp = await listen(async ({ url }, origin) => {
    if (isFirst) {
      isFirst = false;
      await beforeAnswer();
    }
    if (url.startsWith("/.well-known/oauth-protected-resource")) {
      return { body: { resource: `${origin}/crm/mcp`, authorization_servers: [issuer.origin] } };
    }
    return { status: 401, headers: { "www-authenticate": "Bearer" }, body: {} };
  });
  return {
    url: `${mcp.origin}/crm/mcp`,
    issuer: issuer.origin,
    close() {
      mcp.close();
      issuer.close();
    },
  };
}

async function listen(answer) {
  const server = createServer(async (request, response) => {
    const { status = 200, headers = {}, body } = await answer(request, origin);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
