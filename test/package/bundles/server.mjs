// A token endpoint and an MCP server over TLS. Each token is issued to one client and is counted.
import { createServer } from "node:https";

/** @param {{ certificate: string, privateKey: string }} identity */
export async function startServer({ certificate, privateKey }) {
  const issued = new Map();
  const accepted = [];
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    request.resume();
    const { authorization = "" } = request.headers;
    const issuer = `https://${request.headers.host}`;
    const answer = (status, value) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    switch (request.url) {
      case "/.well-known/oauth-authorization-server":
        return answer(200, { issuer, token_endpoint: `${issuer}/token` });
      case "/token": {
        const [client] = Buffer.from(authorization.replace("Basic ", ""), "base64").toString().split(":");
        const tokens = issued.get(client) ?? [];
        tokens.push(`token-${tokens.length + 1}-of-${client}`);
        issued.set(client, tokens);
        return answer(200, { access_token: tokens.at(-1), token_type: "Bearer", expires_in: 3600 });
      }
      case "/mcp": {
        const token = authorization.replace("Bearer ", "");
        const isIssued = [...issued.values()].flat().includes(token);
        if (isIssued) accepted.push(token);
        response.writeHead(isIssued ? 200 : 401);
        return response.end(authorization);
      }
      default:
        return answer(404, {});
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `https://127.0.0.1:${server.address().port}`,
    /** The tokens that a client got. */
    issuedTo: (client) => issued.get(client) ?? [],
    /** Whether the MCP server was called with the token. */
    hasAccepted: (token) => accepted.includes(token),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
