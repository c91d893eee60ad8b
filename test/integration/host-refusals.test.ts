// 401s that a host reports through the providers of the real SDKs. A host does not report which token a 401 was for,
// nor that a token was accepted.
import { describe, expect, test } from "vitest";
import { oauthProvider } from "../../src/hosts/mcp-sdk.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import {
  createTestManager,
  recordEvents,
  startWorld,
  viaAuthProviderV2,
  viaFetchV2,
  viaOauthProviderV1,
  type World,
} from "./harness.js";
import { createLiveManager, startRefusingProxy, unauthorized } from "./refusing-proxy.js";
import { connectClient } from "./tool-client.js";

const ten = Array.from({ length: 10 }, (_, index) => String(index));
const revoke = ({ mcp, issuer }: World): void => mcp.revoke(issuer.issued.at(-1)?.jti ?? "");
const requestedScopes = ({ issuer }: World) => issuer.tokenRequests.map(({ params }) => params["scope"]);

describe("authProvider of SDK v2", () => {
  test.each([9_000, 1_000])(
    "authProvider serves the call after each of two revocations %d ms apart",
    async (apart) => {
      const world = await startWorld();
      const { manager, advance } = await createLiveManager(world);
      const client = await viaAuthProviderV2(manager);
      for (const text of ["one", "two"]) {
        revoke(world);
        expect(await client.echo(text)).toBe(text);
        await advance(apart);
      }
      expect(world.issuer.tokenRequests).toHaveLength(3);
    },
  );

  test.each([9_000, 1_000])(
    "authProvider serves ten concurrent calls after each of two revocations %d ms apart, with one token request each",
    async (apart) => {
      const world = await startWorld();
      const { auth, manager, advance } = await createLiveManager(world);
      const heard = recordEvents(auth);
      const client = await viaAuthProviderV2(manager);
      for (const _ of ["one", "two"]) {
        revoke(world);
        expect(await Promise.all(ten.map((text) => client.echo(text)))).toEqual(ten);
        await advance(apart);
      }
      expect(world.issuer.tokenRequests).toHaveLength(3);
      expect(heard.filter(({ event }) => event === "token:warning")).toEqual([]);
    },
  );

  test("authProvider sends few token requests when a server refuses every token, and warns once", async () => {
    const world = await startRefusingProxy(
      ({ body }, response) => body.includes("tools/call") && unauthorized(response),
    );
    const { auth, manager, advance } = await createLiveManager(world);
    const heard = recordEvents(auth);
    const client = await viaAuthProviderV2(manager);
    const before = world.issuer.tokenRequests.length;
    for (let second = 0; second < 60; second += 1) {
      await expect(client.echo("x")).rejects.toThrow();
      await advance(1_000);
    }
    // At 0, 1, 3, 7, 15 and 31 s.
    expect(world.issuer.tokenRequests.length - before).toBe(6);
    const warned = heard.filter(({ event }) => event === "token:warning");
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatchObject({ code: "unauthorized", reason: "rejected" });
    expect(manager.status().lastError?.details).toMatchObject({ error: "invalid_token" });
  });

  test("authProvider sends no more token requests than the allowance when calls are refused every three seconds", async () => {
    const world = await startRefusingProxy(
      ({ body }, response) => body.includes("tools/call") && unauthorized(response),
    );
    const { manager, advance } = await createLiveManager(world);
    const client = await viaAuthProviderV2(manager);
    const before = world.issuer.tokenRequests.length;
    for (let second = 0; second < 60; second += 3) {
      await expect(client.echo("x")).rejects.toThrow();
      await advance(3_000);
    }
    expect(world.issuer.tokenRequests.length - before).toBeLessThanOrEqual(11);
  });

  test("authProvider reports an authorization server that returns the refused token again", async () => {
    const world = await startWorld();
    const { manager } = await createLiveManager(world, { fetch: sameTokenAgain() });
    const client = await viaAuthProviderV2(manager);
    // The client asks for an event stream in the background, and would report that refusal instead of the call's.
    await expect.poll(() => world.mcp.requests.map(({ status }) => status)).toContain(405);
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    const error = await rejectionOf(client.echo("x"));
    expect(error.code).toBe("unauthorized");
    expect(error.message).toContain(world.issuer.issuer);
  });
});

/** Creates a `fetch` that replaces every token response with the first one. */
function sameTokenAgain(): typeof fetch {
  let first: string | undefined;
  return async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== "POST") return response;
    first ??= await response.clone().text();
    return new Response(first, { status: 200, headers: { "content-type": "application/json" } });
  };
}

describe("oauthProvider of SDK v1 without scopes in the config", () => {
  /** Starts a world whose resource metadata lists `read`, which every token needs. */
  const scoped = () =>
    startWorld({
      scopes: ["read", "write"],
      mcp: { scopes: ["read"], toolScopes: { echo: [], rename: ["write"] } },
    });

  test("oauthProvider requests the scopes of the resource metadata after a revocation", async () => {
    const world = await scoped();
    const { manager } = await createTestManager(world);
    const client = await viaOauthProviderV1(manager);
    for (const text of ["one", "two"]) {
      revoke(world);
      expect(await client.echo(text)).toBe(text);
    }
    expect(new Set(requestedScopes(world))).toEqual(new Set(["read"]));
    expect(world.mcp.requests.filter(({ status }) => status === 403)).toEqual([]);
  });

  test("oauthProvider requests the scopes of the resource metadata in a process whose token came from a store", async () => {
    const world = await scoped();
    const memory = sharedMemory();
    const { manager: first } = await createTestManager(world, { store: memory.store() });
    await first.getToken();
    const { manager } = await createTestManager(world, { store: memory.store() });
    const client = await viaOauthProviderV1(manager);
    expect(await client.echo("before")).toBe("before");
    expect(requestedScopes(world)).toEqual(["read"]);
    revoke(world);
    expect(await client.echo("after")).toBe("after");
    expect(new Set(requestedScopes(world))).toEqual(new Set(["read"]));
  });

  test("oauthProvider requests the scopes that a challenge named", async () => {
    const world = await startRefusingProxy(
      ({ headers }, response) => {
        const [, claims = ""] = String(headers.authorization).split(".");
        const hasScope = Buffer.from(claims, "base64url").toString().includes('"scope":"read"');
        return !hasScope && unauthorized(response, 'Bearer error="invalid_token", scope="read"');
      },
      { scopes: ["read"] },
    );
    const { manager } = await createTestManager(world);
    expect(await (await viaFetchV2(manager)).echo("hi")).toBe("hi");
    expect(requestedScopes(world)).toEqual([undefined, undefined, "read"]);
    // SDK v1 does not pass on the scopes of a challenge.
    const params = await oauthProvider(manager).prepareTokenRequest();
    expect(params.get("scope")).toBe("read");
  });

  test("oauthProvider requests the scopes that an earlier step-up added", async () => {
    const world = await scoped();
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, stepUp: ["write"] } } };
    const { manager } = await createTestManager({ config, env: world.env });
    expect(await (await connectClient(manager)).call("rename", "x")).toBe("x");
    expect(requestedScopes(world)).toEqual(["read", "read write"]);
    const client = await viaOauthProviderV1(manager);
    revoke(world);
    expect(await client.echo("after")).toBe("after");
    expect(new Set(requestedScopes(world).slice(2))).toEqual(new Set(["read write"]));
  });
});
