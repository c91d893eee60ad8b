// A 403 that requires more scopes causes a step-up as far as the config allows. With real servers.
import { expect, test } from "vitest";
import { rejectionOf } from "../support/rejection-of.js";
import { agentSecret, createTestManager, startWorld, type World, type WorldOptions } from "./harness.js";
import { connectClient } from "./tool-client.js";

const toolScopes = { rename: ["write"], erase: ["write", "admin"], haunt: ["ghost"] };

/** Starts a server whose tools need more scopes than the config requests at first. */
function scopedWorld({ mcp, ...options }: WorldOptions = {}): Promise<World> {
  return startWorld({
    scopes: ["read", "write", "admin"],
    ...options,
    mcp: { scopes: ["read"], toolScopes, pathScopes: { "/mcp/admin": ["admin"] }, ...mcp },
  });
}

async function steppingUp(world: World, stepUp?: readonly string[], more: object = {}) {
  const { tools } = world.config.servers;
  const config = {
    servers: {
      tools: { ...tools, grant: { ...tools.grant, scopes: ["read"] }, ...(stepUp && { stepUp }), ...more },
    },
  };
  const { manager } = await createTestManager({ config, env: world.env });
  return { manager, client: await connectClient(manager) };
}

const requestedScopes = (world: World) => world.issuer.tokenRequests.map(({ params }) => params["scope"]);

test("a tool that needs an allowed scope is called after one step-up request", async () => {
  const world = await scopedWorld();
  const { client } = await steppingUp(world, ["write"]);
  expect(await client.call("rename", "one")).toBe("one");
  expect(requestedScopes(world)).toEqual(["read", "read write"]);
  expect([await client.call("rename", "two"), await client.call("echo", "three")]).toEqual(["two", "three"]);
  expect(world.mcp.requests.filter(({ status }) => status === 403).length).toBe(1);
  expect(world.issuer.tokensIssued).toBe(2);
});

test("with an empty list of scopes, no scope is requested until a tool needs one that is allowed", async () => {
  const world = await scopedWorld({ mcp: { scopes: [] } });
  const { tools } = world.config.servers;
  const grant = { ...tools.grant, scopes: [] };
  const config = { servers: { tools: { ...tools, grant, stepUp: ["write"] } } };
  const { manager } = await createTestManager({ config, env: world.env });
  const client = await connectClient(manager);
  expect(await client.call("echo", "one")).toBe("one");
  expect(requestedScopes(world)).toEqual([undefined]);
  expect(await client.call("rename", "two")).toBe("two");
  expect(requestedScopes(world)).toEqual([undefined, "write"]);
  const error = await rejectionOf(client.call("erase", "three"));
  expect(error.code).toBe("insufficient_scope");
});

test("a scope that the config does not allow is not requested", async () => {
  const world = await scopedWorld();
  const { client } = await steppingUp(world, ["write"]);
  const error = await rejectionOf(client.call("erase", "one"));
  expect([error.code, error.retryable]).toEqual(["insufficient_scope", false]);
  expect(error.message).not.toContain("admin");
  expect(error.details).toEqual({ scope: ["admin"] });
  expect(requestedScopes(world)).toEqual(["read"]);
  expect(await client.call("echo", "two")).toBe("two");
});

test("a step-up that the authorization server refuses does not affect other calls", async () => {
  const clients = [{ id: "agent", secret: agentSecret, scopes: ["read"] }];
  const world = await scopedWorld({ clients });
  const { client } = await steppingUp(world, ["write"]);
  const error = await rejectionOf(client.call("rename", "one"));
  expect([error.code, error.oauthError]).toEqual(["token_request_rejected", "invalid_scope"]);
  const before = world.issuer.tokenRequests.length;
  expect(await client.call("echo", "two")).toBe("two");
  expect(world.issuer.tokenRequests.length).toBe(before);
});

test("a scope that the authorization server never grants ends in the server's 403 and not in a loop", async () => {
  const world = await scopedWorld();
  const { client, manager } = await steppingUp(world, ["ghost"]);
  await expect(client.call("haunt", "one")).rejects.toThrow();
  expect(world.mcp.requests.slice(-2).map(({ status }) => status)).toEqual([403, 403]);
  expect(requestedScopes(world)).toEqual(["read", "read ghost"]);
  const response = await manager.fetch(manager.url);
  await response.body?.cancel();
  expect(response.status).toBe(405);
});

test("twenty concurrent calls that need the same scope send one step-up request", async () => {
  const world = await scopedWorld();
  const { client } = await steppingUp(world, ["write"]);
  const texts = Array.from({ length: 20 }, (_, index) => String(index));
  expect(await Promise.all(texts.map((text) => client.call("rename", text)))).toEqual(texts);
  expect(requestedScopes(world)).toEqual(["read", "read write"]);
});

test("a second step-up keeps the scopes of the first one", async () => {
  const world = await scopedWorld();
  const { client, manager } = await steppingUp(world, ["write", "admin"]);
  expect(await client.call("rename", "one")).toBe("one");
  const response = await manager.fetch(`${world.mcp.origin}/mcp/admin`);
  await response.body?.cancel();
  expect(response.status).toBe(405);
  expect(await client.call("erase", "two")).toBe("two");
  expect(requestedScopes(world)).toEqual(["read", "read write", "read write admin"]);
});

test("getToken with scopes has its own cache per scope set", async () => {
  const world = await scopedWorld();
  const { manager } = await steppingUp(world);
  const [narrow, wide] = [await manager.getToken(), await manager.getToken({ scopes: ["write", "read"] })];
  expect([narrow.scopes, [...wide.scopes].sort()]).toEqual([["read"], ["read", "write"]]);
  expect(await manager.getAccessToken({ scopes: ["read", "write"] })).toBe(wide.accessToken);
  expect(await manager.getAccessToken()).toBe(narrow.accessToken);
  expect(world.issuer.tokensIssued).toBe(2);
});

test("a step-up keeps the DPoP key", async () => {
  const world = await scopedWorld({
    dpop: { nonces: true },
    mcp: { dpop: { required: true, nonces: true } },
  });
  const { client } = await steppingUp(world, ["write"], { dpop: true });
  expect(await client.call("rename", "one")).toBe("one");
  const [first, second] = world.issuer.issued;
  expect([first?.scope, second?.scope]).toEqual(["read", "read write"]);
  expect(first?.jkt).toMatch(/./);
  expect(second?.jkt).toBe(first?.jkt);
});
