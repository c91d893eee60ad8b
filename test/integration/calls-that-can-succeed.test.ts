// Regression tests: each call in this file once failed although it could have succeeded.
import { writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { oauthProvider } from "../../src/hosts/mcp-sdk.js";
import type { McpAuthConfig } from "../../src/index.js";
import { createMemoryStore } from "../../src/testing.js";
import { sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { folder } from "../unit/config/folder.js";
import {
  createTestManager,
  createTestRuntime,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
} from "./harness.js";

const form = (body: string) => new URLSearchParams(body);
const unsealed = () => Object.assign(createMemoryStore(), { encryptionKeys: false as const });

test("a 401 with insufficient_user_authentication causes no token request", async () => {
  const issuer = await startScriptedIssuer(
    (_request, response) => sendToken(response, "t"),
    (_request, response) => {
      response
        .writeHead(401, { "www-authenticate": 'Bearer error="insufficient_user_authentication"' })
        .end();
    },
  );
  const { manager } = await createTestManager(issuer);
  for (const _ of [1, 2]) expect((await manager.fetch(manager.url)).status).toBe(401);
  expect(issuer.tokenRequests()).toHaveLength(1);
});

test("a Retry-After of one token endpoint does not delay requests to another endpoint of the same issuer", async () => {
  const issuer = await startScriptedServer((request, response) => {
    if (request.url === "/busy") return void response.writeHead(429, { "retry-after": "120" }).end();
    sendToken(response, "t");
  });
  const { origin } = issuer;
  const server = (name: string) => {
    const metadata = { tokenEndpoint: `${origin}/${name}` };
    const client = { issuer: origin, id: "agent", secret: { env: "SECRET" }, metadata };
    return { url: `${origin}/mcp/${name}`, resourceMetadata: false as const, grant: { client } };
  };
  const config: McpAuthConfig<"busy" | "well"> = { servers: { busy: server("busy"), well: server("well") } };
  const auth = await createTestRuntime({ config, env: { SECRET: "s" } });
  await expect(auth.resolve("busy").getAccessToken()).rejects.toMatchObject({ code: "unavailable" });
  expect(await auth.resolve("well").getAccessToken()).toBe("t");
});

test("a challenge that leads to metadata of another resource is ignored when the config sets the resource", async () => {
  let revoked: string | undefined;
  const issuer = await startScriptedIssuer(
    (_request, response) => sendToken(response, `t${issuer.tokenRequests().length}`),
    (request, response) => {
      if (request.url === "/other-metadata")
        return sendJson(response, {
          resource: "https://o.example",
          authorization_servers: ["https://o.example"],
        });
      revoked ??= request.headers.authorization;
      if (request.headers.authorization !== revoked) return sendJson(response, {});
      const challenge = `Bearer resource_metadata="${issuer.server.origin}/other-metadata"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
    },
  );
  const { tools } = issuer.config.servers;
  const grant = { ...tools.grant, resource: "https://api.example" };
  const { manager } = await createTestManager({
    ...issuer,
    config: { servers: { tools: { ...tools, grant } } },
  });
  expect((await manager.fetch(manager.url)).status).toBe(200);
});

test("getHeaders applies the reach of the current config after each reload", async () => {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const root = await folder();
  const file = join(root, "mcp-auth.config.json");
  const { tools } = issuer.config.servers;
  const put = (reach: string) => writeFile(file, JSON.stringify({ servers: { tools: { ...tools, reach } } }));
  await put("path");
  const auth = await createTestRuntime({ config: file, env: issuer.env });
  const manager = auth.resolve("tools");
  const beside = { url: `${issuer.server.origin}/beside` };
  await expect(manager.getHeaders(beside)).rejects.toMatchObject({ code: "egress_denied" });
  await put("origin");
  await auth.reload();
  expect(await manager.getHeaders(beside)).toEqual({ authorization: "Bearer t" });
  await put("path");
  await auth.reload();
  await expect(manager.getHeaders(beside)).rejects.toMatchObject({ code: "egress_denied" });
});

test("a step-up keeps the scopes of the resource metadata, even if the token came from the store", async () => {
  const issuer = await startScriptedServer((request, response) => {
    const { origin } = issuer;
    const metadata = { issuer: origin, token_endpoint: `${origin}/token` };
    if (request.url === "/.well-known/oauth-authorization-server") return sendJson(response, metadata);
    if (request.url.startsWith("/.well-known/oauth-protected-resource"))
      return sendJson(response, {
        resource: `${origin}/mcp`,
        authorization_servers: [origin],
        scopes_supported: ["r"],
      });
    if (request.url === "/token")
      return sendToken(response, `of ${form(request.body).get("scope")}`.replaceAll(" ", "-"));
    if (request.body === "read" || request.headers.authorization?.endsWith("-w"))
      return sendJson(response, {});
    const challenge = 'Bearer error="insufficient_scope", scope="w"';
    response.writeHead(403, { "www-authenticate": challenge }).end();
  });
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const config: McpAuthConfig<"tools"> = {
    servers: { tools: { url: `${issuer.origin}/mcp`, stepUp: ["w"], grant: { client } } },
  };
  const store = unsealed();
  const world = { config, env: { SECRET: "s" } };
  await (await createTestManager(world, { store })).manager.getToken();
  const { manager } = await createTestManager(world, { store });
  for (const body of ["read", "write", "read"])
    expect((await manager.fetch(manager.url, { method: "POST", body })).status).toBe(200);
  const requestedScopes = issuer.requests
    .filter(({ url }) => url === "/token")
    .map(({ body }) => form(body).get("scope"));
  expect(requestedScopes).toEqual(["r", "r w"]);
});

test("a replaced secret ends the hold that the refusal of the old secret caused", async () => {
  const { clock, fetch } = liveClock();
  const isRight = (authorization = "") =>
    Buffer.from(authorization.slice(6), "base64").toString().endsWith(":right");
  let isRevoked = false;
  const issuer = await startScriptedIssuer(
    (request, response) => {
      if (isRevoked && !isRight(request.headers.authorization))
        return sendJson(response, { error: "invalid_client" }, 401);
      sendToken(response, `t${issuer.tokenRequests().length}`);
    },
    (request, response) => {
      sendJson(response, {}, isRevoked && request.headers.authorization === "Bearer t1" ? 401 : 200);
    },
  );
  const env: Record<string, string> = { SECRET: "wrong" };
  const { manager } = await createTestManager({ config: issuer.config, env }, { clock, fetch });
  expect((await manager.fetch(manager.url)).status).toBe(200);
  isRevoked = true;
  for (const _ of [1, 2]) expect((await manager.fetch(manager.url)).status).toBe(401);
  env["SECRET"] = "right";
  expect((await manager.fetch(manager.url)).status).toBe(200);
});

test("a token request of the SDK gets the scopes, resource, audience and params of the config", async () => {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const { tools } = issuer.config.servers;
  const requested = async (more: object): Promise<string> => {
    const server = { ...tools, stepUp: ["w"], grant: { ...tools.grant, scopes: ["r"], ...more } };
    const { manager } = await createTestManager({ ...issuer, config: { servers: { tools: server } } });
    const provider = oauthProvider(manager);
    const body = await provider.prepareTokenRequest("r w other");
    body.set("resource", "https://what-the-sdk-found.example/");
    await provider.addClientAuthentication(new Headers(), body, `${issuer.server.origin}/token`);
    return body.toString();
  };
  const common = "grant_type=client_credentials&scope=r+w";
  expect(await requested({ resource: false, audience: ["a", "b"], params: { tenant: "x" } })).toBe(
    `${common}&audience=a&audience=b&tenant=x`,
  );
  expect(await requested({ resource: "urn:own" })).toBe(`${common}&resource=urn%3Aown`);
  expect(await requested({})).toBe(
    `${common}&resource=${encodeURIComponent("https://what-the-sdk-found.example/")}`,
  );
});

test("the short timeout of one server does not abort the metadata request of another server", async () => {
  let isAsked = (): void => {};
  const requestArrived = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  let count = 0;
  const issuer = await startScriptedServer((request, response) => {
    const { origin } = issuer;
    if (request.url === "/token") return sendToken(response, "t");
    if (request.url !== "/.well-known/oauth-authorization-server") return sendJson(response, {}, 404);
    count += 1;
    isAsked();
    // The first request gets no response.
    if (count > 1) sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
  });
  const { clock } = liveClock();
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const server = (name: string, timeout: string) => ({
    ...{ url: `${issuer.origin}/${name}`, resourceMetadata: false as const, timeout },
    ...{ grant: { client }, retry: { attempts: 1 } },
  });
  const config: McpAuthConfig<"short" | "long"> = {
    servers: { short: server("short", "1s"), long: server("long", "10s") },
  };
  const auth = await createTestRuntime({ config, env: { SECRET: "s" }, clock });
  const short = auth.resolve("short").getAccessToken();
  await requestArrived;
  expect(await auth.resolve("long").getAccessToken()).toBe("t");
  await clock.advance(1_000);
  // The metadata that the other server has found serves this one too.
  expect(await short).toBe("t");
});

test("metadata with a forbidden token endpoint does not replace valid cached metadata", async () => {
  let endpoint: string | undefined;
  const issuer = await startScriptedServer((request, response) => {
    const { origin } = issuer;
    if (request.url === "/token") return sendToken(response, "t", 60);
    if (request.url !== "/.well-known/oauth-authorization-server") return sendJson(response, {}, 404);
    sendJson(response, { issuer: origin, token_endpoint: endpoint ?? `${origin}/token` });
  });
  const { clock, fetch, advance } = liveClock();
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const config: McpAuthConfig<"tools"> = {
    servers: { tools: { url: `${issuer.origin}/mcp`, grant: { client } } },
  };
  const { manager } = await createTestManager({ config, env: { SECRET: "s" } }, { clock, fetch });
  await manager.getAccessToken();
  endpoint = "http://elsewhere.example/token";
  await advance(2 * 3_600_000);
  expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t");
});

const failures: readonly (readonly [string, (response: ServerResponse) => void])[] = [
  ["refuses the credential", (response) => sendJson(response, { error: "invalid_client" }, 400)],
  ["is unavailable", (response) => void response.writeHead(503).end()],
];

test.each(failures)("fetch sends an unexpired token while the authorization server %s", async (_, answer) => {
  const { clock, fetch, advance } = liveClock();
  let isWorking = true;
  const issuer = await startScriptedIssuer(
    (_request, response): void => {
      if (isWorking) sendToken(response, "t", 60);
      else answer(response);
    },
    (_request, response): void => sendJson(response, {}),
  );
  const { tools } = issuer.config.servers;
  const config = { servers: { tools: { ...tools, refresh: false as const, retry: { attempts: 1 } } } };
  const { manager } = await createTestManager({ ...issuer, config }, { clock, fetch });
  expect((await manager.fetch(manager.url)).status).toBe(200);
  isWorking = false;
  // The token needs renewal from 54 s on and expires at 60 s.
  await advance(55_000);
  for (const _call of [1, 2]) expect((await manager.fetch(manager.url)).status).toBe(200);
  await advance(5_000);
  await expect(manager.fetch(manager.url)).rejects.toMatchObject({ server: "tools" });
});
