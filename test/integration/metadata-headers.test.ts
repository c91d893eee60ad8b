// Headers of the config are sent to the metadata URLs of the MCP server's own origin, and to no other origin.
import { expect, onTestFinished, test } from "vitest";
import { type Clock, createMcpAuth, type McpAuthConfig, type TokenEvent } from "../../src/index.js";
import { fakeClock } from "../support/fake-clock.js";
import { sendJson } from "../support/http-server.js";
import { startScriptedServer } from "./harness.js";

const key = "cf-access-client-id";

/** Starts an MCP server behind a login that its headers pass, as with Cloudflare Access, and creates a manager. */
async function guarded(
  server: object = {},
  challenge?: (origin: string, issuer: string) => string,
  options: { readonly clock?: Clock } = {},
) {
  const issuer = await startScriptedServer(({ url, method }, response) => {
    const { origin } = issuer;
    if (method === "POST")
      return sendJson(response, {
        access_token: `t${issuer.requests.length}`,
        token_type: "Bearer",
        expires_in: 600,
      });
    if (url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
    }
    return sendJson(response, metadata(), url === "/meta" ? 200 : 404);
  });
  const metadata = () => ({
    resource: mcp.origin,
    authorization_servers: [issuer.origin],
    scopes_supported: ["a"],
  });
  let refusals = challenge === undefined ? 0 : 1;
  const mcp = await startScriptedServer(({ url, headers }, response) => {
    if (headers[key] !== "agent")
      return void response.writeHead(302, { location: "https://login.example" }).end();
    if (url === "/mcp" && refusals > 0) {
      refusals -= 1;
      const named = challenge?.(mcp.origin, issuer.origin);
      return sendJson(response, {}, 401, { "www-authenticate": `Bearer resource_metadata="${named}"` });
    }
    if (url === "/mcp") return sendJson(response, {});
    const isThere = [
      "/.well-known/oauth-protected-resource",
      "/.well-known/oauth-protected-resource/x",
      "/meta",
    ];
    return sendJson(response, metadata(), isThere.includes(url) ? 200 : 404);
  });
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "S" } };
  const headers = { "CF-Access-Client-Id": { env: "CF_ID" } };
  const env: Record<string, string> = { S: "s", CF_ID: "agent" };
  const members = typeof server === "function" ? server(mcp.origin, issuer.origin) : server;
  // Built from parts.
  const config = {
    servers: { tools: { url: `${mcp.origin}/mcp`, grant: { client }, headers, ...members } },
  } as McpAuthConfig<"tools">;
  const auth = await createMcpAuth({ ...options, config, env });
  onTestFinished(() => auth.stop());
  const warnings: TokenEvent[] = [];
  auth.on("token:warning", (event) => void warnings.push(event));
  const requestsAt = (server: typeof mcp) =>
    server.requests.filter(({ method }) => method === "GET").map((each) => [each.url, each.headers[key]]);
  const scopes = () =>
    issuer.requests
      .filter(({ method }) => method === "POST")
      .map(({ body }) => new URLSearchParams(body).get("scope"));
  return { auth, manager: auth.resolve("tools"), mcp, issuer, requestsAt, scopes, warnings, env };
}

test("the headers of the config are sent to the server's well-known URLs and not to the authorization server", async () => {
  const { manager, mcp, issuer, requestsAt, scopes, warnings } = await guarded();
  await manager.getAccessToken();
  expect(scopes()).toEqual(["a"]);
  expect(warnings).toEqual([]);
  expect(requestsAt(mcp)).toEqual([
    ["/.well-known/oauth-protected-resource/mcp", "agent"],
    ["/.well-known/oauth-protected-resource", "agent"],
  ]);
  expect(issuer.requests.every(({ headers }) => headers[key] === undefined)).toBe(true);
});

test("the headers of the config are sent to the `resourceMetadata` URL at any origin, and no other resource metadata is requested", async () => {
  const { manager, mcp, issuer, requestsAt, scopes } = await guarded((_mcp: string, other: string) => {
    return { resourceMetadata: `${other}/meta` };
  });
  await manager.getAccessToken();
  expect(scopes()).toEqual(["a"]);
  expect(requestsAt(mcp)).toEqual([]);
  expect(requestsAt(issuer)).toContainEqual(["/meta", "agent"]);
  expect(requestsAt(issuer)).toContainEqual(["/.well-known/oauth-authorization-server", undefined]);
});

test.each<[what: string, path: string, header: string | undefined]>([
  [
    "with the headers, if it is a well-known URL of the server",
    "/.well-known/oauth-protected-resource/x",
    "agent",
  ],
  ["without the headers, if it is another URL of the server", "/meta", undefined],
])("the metadata URL of a challenge is requested %s", async (_, path, header) => {
  const { manager, mcp, requestsAt } = await guarded({}, (origin) => `${origin}${path}`);
  expect((await manager.fetch(manager.url)).status).toBe(200);
  expect(requestsAt(mcp)).toContainEqual([path, header]);
});

test("the metadata URL of a challenge is requested without the headers if it is at the issuer's origin", async () => {
  const { manager, issuer, requestsAt } = await guarded({}, (_mcp, origin) => `${origin}/meta`);
  expect((await manager.fetch(manager.url)).status).toBe(200);
  expect(requestsAt(issuer)).toContainEqual(["/meta", undefined]);
});

test.each([
  "https://elsewhere.example/.well-known/oauth-protected-resource",
  "/.well-known/oauth-protected-resource/x",
  "x",
  "",
])("a challenge with the metadata URL %j is handled like one without a metadata URL", async (named) => {
  const { manager, mcp, requestsAt, scopes } = await guarded({}, () => named);
  expect((await manager.fetch(manager.url)).status).toBe(200);
  expect(scopes()).toEqual(["a", "a"]);
  expect(requestsAt(mcp)).not.toContainEqual(["/.well-known/oauth-protected-resource/x", "agent"]);
});

test("if the secret of a header cannot be read, metadata is requested without headers, and a warning names the secret", async () => {
  const { manager, mcp, requestsAt, scopes, warnings, env } = await guarded();
  delete env["CF_ID"];
  await manager.getAccessToken();
  expect(scopes()).toEqual([null]);
  expect(requestsAt(mcp).every(([, header]) => header === undefined)).toBe(true);
  expect(warnings).toMatchObject([{ code: "secret_unavailable", message: expect.stringContaining("CF_ID") }]);
  env["CF_ID"] = "agent";
  await manager.getAccessToken({ forceRefresh: true });
  expect(scopes()).toEqual([null, "a"]);
});

test("the command of a header ends with the metadata timeout or the caller's signal", async () => {
  const exec = [process.execPath, "-e", "setInterval(() => {}, 1_000)"];
  const headers = { "CF-Access-Client-Id": { exec, timeout: "1h" } };
  const clock = fakeClock();
  // Only the headers take time here.
  const members = (_mcp: string, issuer: string) => {
    const client = {
      issuer,
      id: "agent",
      secret: { env: "S" },
      metadata: { tokenEndpoint: `${issuer}/token` },
    };
    return { headers, deadline: "1h", grant: { client } };
  };
  const { manager, warnings, scopes } = await guarded(members, undefined, { clock });
  const token = manager.getAccessToken();
  while (!clock.pending.some(({ delay }) => delay === 10_000)) await clock.settle();
  await clock.advance(10_000);
  await token;
  expect(scopes()).toEqual([null]);
  expect(warnings).toMatchObject([{ code: "unavailable" }]);
  const slow = await guarded({ headers, timeout: "1h", deadline: "1h" }, undefined, { clock });
  const caller = new AbortController();
  const call = slow.manager.getAccessToken({ signal: caller.signal });
  await slow.issuer.received(1);
  caller.abort();
  await expect(call).rejects.toMatchObject({ code: "aborted" });
  // The request goes on for other callers, so `stop()` waits for it.
  const stopped = slow.auth.stop();
  await clock.advance(5_000);
  await stopped;
});
