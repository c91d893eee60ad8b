// An authorization server and an MCP server on one port of 127.0.0.1, and a proxy that only notes what reaches it.
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";

/**
 * @typedef {object} Servers
 * @property {string} origin
 * @property {string[]} tokenRequests the paths of all token requests: `/token`
 * @property {(string | undefined)[]} calls the `Authorization` headers of all calls to the MCP server
 * @property {() => void} revoke the MCP server refuses all tokens that were issued so far
 * @property {(seconds: number) => void} setLifetime of the next tokens
 * @property {() => void} close
 */

/** @returns {Promise<Servers>} */
export async function startServers() {
  let [lifetime, revoked] = [3_600, 0];
  const [tokenRequests, calls] = [[], []];
  const server = createServer((request, response) => {
    const origin = `http://${request.headers.host}`;
    const send = (body, status = 200) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    request.resume().on("end", () => {
      if (request.url === "/.well-known/oauth-authorization-server")
        return send({ issuer: origin, token_endpoint: `${origin}/token` });
      if (request.url === "/token") {
        tokenRequests.push(request.url);
        const type = request.headers.dpop === undefined ? "Bearer" : "DPoP";
        return send({
          access_token: `token-${tokenRequests.length}`,
          ...{ token_type: type, expires_in: lifetime },
        });
      }
      if (request.url.startsWith("/computeMetadata/")) {
        const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
        response.setHeader("metadata-flavor", "Google");
        return response.end(`${part({ alg: "none" })}.${part({ aud: "us" })}.c2ln`);
      }
      if (request.url !== "/mcp") return send({}, 404);
      const { authorization, dpop } = request.headers;
      calls.push(authorization);
      const [, scheme, number] = /^(Bearer|DPoP) token-(\d+)$/.exec(authorization ?? "") ?? [];
      const hasProof = (scheme === "DPoP") === (dpop !== undefined);
      return send({}, Number(number) > revoked && hasProof ? 200 : 401);
    });
  });
  return {
    origin: await listen(server),
    ...{ tokenRequests, calls },
    revoke() {
      revoked = tokenRequests.length;
    },
    setLifetime(seconds) {
      lifetime = seconds;
    },
    close: () => close(server),
  };
}

/** Starts a proxy that refuses everything. */
export async function startProxy() {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  server.on("connect", ({ url }, socket) => {
    requests.push(`CONNECT ${url}`);
    socket.on("error", () => {});
    socket.end("HTTP/1.1 502 Refused\r\n\r\n");
  });
  return { origin: await listen(server), requests, close: () => close(server) };
}

/** Starts an https server whose certificate nobody trusts. */
export async function startUntrusted({ certificate, privateKey }) {
  const requests = [];
  const server = createTlsServer({ cert: certificate, key: privateKey }, ({ url }, response) => {
    requests.push(url);
    response.end("{}");
  });
  server.on("tlsClientError", () => {});
  const origin = (await listen(server)).replace("http:", "https:");
  return { origin, requests, close: () => close(server) };
}

async function listen(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

function close(server) {
  server.close();
  server.closeAllConnections();
}
