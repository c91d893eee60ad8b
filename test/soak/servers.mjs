// The authorization servers and the MCP server of the soak test. They run in their own process, so that their work does
// not delay the clients. Messages set their behavior and request the counts.
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createDice } from "./random.mjs";

const [issuers, seed] = process.argv.slice(2).map(Number);
const dice = createDice(seed + 1);
const counts = { tokenRequests: 0, issued: 0, calls: 0, revoked: 0 };
/** The accepted credentials of each client: secrets, and keys by `kid`. */
const clients = new Map();
/** When each token expires at the MCP server, in milliseconds since the epoch. */
const tokens = new Map();
const modes = Array.from({ length: issuers }, () => ({ kind: "up" }));

const json = (response, status, value, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
};

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function isAuthenticated(form, authorization) {
  if (authorization?.startsWith("Basic ")) {
    const [id, secret] = Buffer.from(authorization.slice(6), "base64").toString().split(":");
    return clients.get(id)?.secrets.includes(secret);
  }
  const [header, claims, signature] = (form.get("client_assertion") ?? "..").split(".");
  const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
  const jwk = clients.get(read(claims).sub)?.keys[read(header).kid];
  if (jwk === undefined) return false;
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  return verify("sha256", `${header}.${claims}`, key, Buffer.from(signature, "base64url"));
}

function issue(form) {
  const lifetime = Math.round(dice.between(2, 30));
  // The oracle reads the name of the server from the token.
  const name = new URL(form.get("resource")).pathname.slice(1);
  const token = `${name}.${randomBytes(12).toString("hex")}`;
  tokens.set(token, Date.now() + lifetime * 1_000);
  counts.issued += 1;
  return { access_token: token, token_type: "Bearer", expires_in: lifetime };
}

async function answerToken(request, response, mode) {
  counts.tokenRequests += 1;
  const form = new URLSearchParams(await bodyOf(request));
  switch (mode.kind) {
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, mode.delay));
      break;
    case "500":
      return json(response, 500, {});
    case "html":
      response.writeHead(200, { "content-type": "text/html" });
      return response.end("<html>maintenance</html>");
    case "broken":
      response.writeHead(200, { "content-type": "application/json" });
      return response.end('{"access_token":"');
    case "busy":
      return json(response, 429, { error: "slow_down" }, { "retry-after": "1" });
    case "reset":
      return request.socket.destroy();
  }
  if (!isAuthenticated(form, request.headers.authorization))
    return json(response, 401, { error: "invalid_client" });
  json(response, 200, issue(form));
}

function authorizationServer(index) {
  const server = createServer((request, response) => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    if (request.url === "/.well-known/oauth-authorization-server")
      return json(response, 200, { issuer, token_endpoint: `${issuer}/token` });
    if (request.url === "/token") return void answerToken(request, response, modes[index]);
    json(response, 404, {});
  });
  return server;
}

function answerCall(request, response) {
  counts.calls += 1;
  request.resume();
  const token = (request.headers.authorization ?? "").slice("Bearer ".length);
  if (dice.chance(0.001) && tokens.delete(token)) counts.revoked += 1;
  if ((tokens.get(token) ?? 0) > Date.now()) return json(response, 200, {});
  json(response, 401, {}, { "www-authenticate": 'Bearer error="invalid_token"' });
}

async function listening(server, port = 0) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

const authorizationServers = Array.from({ length: issuers }, (_, index) => authorizationServer(index));
const mcp = createServer((request, response) =>
  request.url.startsWith("/.well-known/") ? json(response, 404, {}) : answerCall(request, response),
);
const ports = await Promise.all(authorizationServers.map((server) => listening(server)));
process.send({ ports, mcp: await listening(mcp) });

const cleanup = setInterval(() => {
  for (const [token, until] of tokens) if (until < Date.now()) tokens.delete(token);
}, 1_000);

process.on("message", async (message) => {
  if (message.register !== undefined) {
    const { id, secret, key } = message.register;
    const known = clients.get(id) ?? { secrets: [], keys: {} };
    clients.set(id, {
      secrets: secret === undefined ? known.secrets : [secret],
      keys: key === undefined ? known.keys : { [key.kid]: key },
    });
  }
  if (message.mode !== undefined) await setMode(message.issuer, message.mode);
  if (message.counts === true) process.send({ counts });
  if (message.end === true) {
    clearInterval(cleanup);
    for (const server of [...authorizationServers, mcp]) {
      server.close();
      server.closeAllConnections();
    }
    process.disconnect();
  }
});

/** Sets the mode of a server. In the mode `down` nothing listens on its port. */
async function setMode(index, mode) {
  const server = authorizationServers[index];
  modes[index] = mode;
  if (mode.kind === "down" && server.listening) {
    server.close();
    server.closeAllConnections();
  } else if (mode.kind !== "down" && !server.listening) {
    await listening(server, ports[index]).catch(() => {});
  }
}
