// `doctor` and an authorization server that has another issuer than the config, or has moved.
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { diagnose, runDoctor, stepOf } from "./doctor.js";
import { startServers } from "./doctor-servers.js";
import { agentSecret, startScriptedServer, startWorld } from "./harness.js";

const env = { SECRET: agentSecret };

/** An MCP server without metadata, and an issuer that answers all requests for its metadata in one way. */
async function withIssuer(answer: Parameters<typeof startScriptedServer>[0], path = "") {
  const world = await startWorld({ mcp: { publishMetadata: false } });
  const issuer = await startScriptedServer(answer);
  const client = { issuer: `${issuer.origin}${path}`, id: "agent", secret: { env: "SECRET" } };
  return { issuer, world, config: { servers: { tools: { url: world.mcp.url, grant: { client } } } }, env };
}

test("metadata that names another issuer is blamed, with that issuer as the server's words", async () => {
  const servers = await startServers({ metadata: () => ({ issuer: "https://new.example" }) });
  const { code, server, blamed } = await diagnose(servers);
  expect(blamed).toEqual([expect.stringMatching(/^fail issuer metadata: issuer_/)]);
  const { message, details } = stepOf(server.steps, "issuer metadata");
  expect(message).toContain("names another issuer");
  expect(details).toMatchObject({ issuer: "https://new.example" });
  expect(message + server.todo?.text).not.toContain("new.example");
  expect(stepOf(server.steps, "token")).toMatchObject({ verdict: "skip", message: "no metadata" });
  expect(servers.bodies("/token")).toEqual([]);
  expect(code).toBe(3);
  expect((await runDoctor(servers)).out).toContain(
    "the authorization server says issuer: https://new.example",
  );
});

test("resource metadata that lists another issuer is blamed, and no token is requested", async () => {
  const world = await startWorld({ mcp: { authorizationServers: ["https://new.example"] } });
  const { code, server, blamed } = await diagnose(world);
  expect(blamed).toEqual(["fail resource metadata: issuer_not_listed"]);
  expect(stepOf(server.steps, "resource metadata").details).toMatchObject({
    authorization_servers: ["https://new.example"],
  });
  expect(stepOf(server.steps, "token")).toMatchObject({
    verdict: "skip",
    message: "resource metadata contradicts the config",
  });
  expect(world.issuer.tokenRequests).toEqual([]);
  expect(code).toBe(3);
});

test.each([301, 302, 307, 308])(
  "an old issuer that redirects (%s) to the metadata at another host has moved, and nothing is sent there",
  async (status) => {
    const next = await startWorld();
    const old = await withIssuer((request, response) => {
      response.writeHead(status, { location: `${next.issuer.issuer}${request.url}` }).end();
    });
    const { code, server, blamed } = await diagnose(old);
    expect(blamed).toEqual(["fail issuer metadata: issuer_moved"]);
    expect(server.todo?.text).toContain("has probably moved");
    expect(JSON.stringify(stepOf(server.steps, "issuer metadata").details)).toContain(next.issuer.issuer);
    expect(next.issuer.tokenRequests).toEqual([]);
    expect(code).toBe(3);
  },
);

test("an old issuer that answers 410 has moved", async () => {
  const old = await withIssuer((_, response) => sendJson(response, {}, 410));
  const { server, blamed } = await diagnose(old);
  expect(blamed).toEqual(["fail issuer metadata: issuer_gone"]);
  expect(server.todo?.text).toContain("Ask its operator for the new issuer");
});

test("an old issuer that answers 404 has no metadata, and each URL that was tried is named", async () => {
  const old = await withIssuer((_, response) => sendJson(response, {}, 404), "/realms/agents");
  const { server, blamed } = await diagnose(old);
  expect(blamed).toEqual(["fail issuer metadata: issuer_path_wrong"]);
  expect(server.todo?.text).toContain("/.well-known/openid-configuration/realms/agents answered 404");
});

test("an issuer that is not available now is unreachable, and the exit code is 4", async () => {
  const old = await withIssuer((_, response) => sendJson(response, {}, 503));
  const { code, server } = await diagnose(old);
  expect(stepOf(server.steps, "issuer metadata")).toMatchObject({ verdict: "fail", code: "unavailable" });
  expect(code).toBe(4);
});

test("an issuer that fails once is asked again, as for a token", async () => {
  let failures = 1;
  const old = await withIssuer((request, response) => {
    if (failures-- > 0) return void response.writeHead(503).end();
    if (request.url === "/token") return sendJson(response, { error: "invalid_client" }, 401);
    return sendJson(response, { issuer: old.issuer.origin, token_endpoint: `${old.issuer.origin}/token` });
  });
  const { server } = await diagnose(old);
  expect(stepOf(server.steps, "issuer metadata").verdict).toBe("pass");
  expect(stepOf(server.steps, "token")).toMatchObject({ verdict: "fail", code: "token_request_rejected" });
});
