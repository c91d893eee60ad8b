// Tokens that are revoked while clients are connected and keep calling.
import { decodeJwt } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { fakeClock } from "../support/fake-clock.js";
import { startMcpServer } from "../support/mcp-server.js";
import {
  agentSecret,
  type ConnectedClient,
  createTestManager,
  recordEvents,
  sdkConnections,
  startWorld,
  viaAuthProviderV2,
  viaFetchV1,
  viaFetchV2,
  type World,
} from "./harness.js";

const fifty = Array.from({ length: 50 }, (_, index) => String(index));
const revokedAt = (world: World) => world.mcp.requests.length;

describe("a token that the MCP server has revoked", () => {
  test.each(sdkConnections)(
    "a revoked token is replaced, and the call through %s succeeds",
    async (_, connect) => {
      const world = await startWorld();
      const { manager } = await createTestManager(world);
      const client = await connect(manager);
      expect(await client.echo("before")).toBe("before");
      const [first] = world.issuer.issued;
      world.mcp.revoke(first?.jti ?? "");
      const from = revokedAt(world);

      expect(await client.echo("after")).toBe("after");
      expect(await client.echo("later")).toBe("later");

      expect(world.issuer.tokensIssued).toBe(2);
      const calls = world.mcp.requests.slice(from).filter(({ path }) => path === "/mcp");
      const second = world.issuer.issued[1]?.jti;
      expect(calls.map(({ jti, status }) => [jti, status])).toEqual([
        [first?.jti, 401],
        [second, 200],
        [second, 200],
      ]);
      // The manager has the new token too, even if the SDK requested it.
      expect(decodeJwt(await manager.getAccessToken()).jti).toBe(second);
      expect(world.issuer.tokensIssued).toBe(2);
    },
  );

  test.each(sdkConnections)(
    "a token that is revoked again and again is replaced each time through %s",
    async (name, connect) => {
      // authProvider does not learn which token a 401 was for, nor which tokens the server accepted. It decides by
      // time, so the clock moves here.
      let now = Date.now();
      const clock = {
        now: () => now,
        setTimeout: (callback: () => void, milliseconds: number) => {
          const timer = setTimeout(callback, milliseconds);
          return { unref: () => void timer.unref(), cancel: () => clearTimeout(timer) };
        },
      };
      const world = await startWorld();
      const { manager } = await createTestManager(world, { clock });
      const client = await connect(manager);
      for (let round = 1; round <= 4; round += 1) {
        expect(await client.echo(`${name} ${round}`)).toBe(`${name} ${round}`);
        world.mcp.revoke(world.issuer.issued.at(-1)?.jti ?? "");
        now += 31_000;
        expect(await client.echo("after")).toBe("after");
        expect(world.issuer.tokensIssued).toBe(round + 1);
      }
    },
  );

  test("a revoked token and its replacement cause events", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    const heard = recordEvents(auth);
    const client = await viaFetchV2(manager);
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    await client.echo("x");
    const issuer = world.issuer.issuer;
    expect(heard).toMatchObject([
      { event: "token:renewed", server: "tools", issuer, reason: "demand", attempt: 1 },
      { event: "token:rejected", server: "tools", issuer, reason: "rejected" },
      { event: "token:renewed", server: "tools", issuer, reason: "rejected", attempt: 1 },
    ]);
  });
});

// The clock stands still, so that the limits on token requests do not depend on the speed of the machine.
describe("fifty concurrent calls after a revocation", () => {
  test.each([
    ["fetch of SDK v2", viaFetchV2],
    ["fetch of SDK v1", viaFetchV1],
    ["authProvider of SDK v2", viaAuthProviderV2],
  ])(
    "fifty concurrent calls through %s after a revocation send one token request, and none fails",
    async (_, connect) => {
      const world = await startWorld();
      const { manager } = await createTestManager(world, { clock: fakeClock(Date.now()) });
      const client = await connect(manager);
      await client.echo("before");
      for (let round = 1; round <= 2; round += 1) {
        if (round === 2 && connect === viaAuthProviderV2) break;
        world.mcp.revoke(world.issuer.issued.at(-1)?.jti ?? "");
        expect(await Promise.all(fifty.map((text) => client.echo(text)))).toEqual(fifty);
        expect(world.issuer.tokenRequests).toHaveLength(1 + round);
      }
    },
  );

  test("fifty concurrent calls through five clients of one manager after a revocation send one token request", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world, { clock: fakeClock(Date.now()) });
    const clients: ConnectedClient[] = [];
    for (const connect of [viaFetchV2, viaFetchV1, viaAuthProviderV2, viaFetchV2, viaAuthProviderV2]) {
      clients.push(await connect(manager));
    }
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    const answers = await Promise.all(fifty.map((text, index) => clients[index % 5]?.echo(text)));
    expect(answers).toEqual(fifty);
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });

  test("fifty concurrent calls of fetch with a body after a revocation send one token request, and each body arrives", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world, { clock: fakeClock(Date.now()) });
    await manager.getToken();
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    const statuses = await Promise.all(
      fifty.map(async (id) => {
        const response = await manager.fetch(world.mcp.url, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
          body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list" }),
        });
        return [response.status, (await response.text()).includes('"echo"')];
      }),
    );
    expect(statuses).toEqual(fifty.map(() => [200, true]));
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });
});

describe("an opaque token that is revoked at the authorization server (RFC 7009)", () => {
  test.each(sdkConnections)(
    "an opaque token that was revoked at the issuer is replaced, and the call through %s succeeds",
    async (_, connect) => {
      const introspectAs = { id: "mcp", secret: "mcp-secret" };
      const clients = [{ id: "agent", secret: agentSecret }, introspectAs];
      const world = await startWorld({ clients, tokens: "opaque", mcp: { introspectAs } });
      const { manager } = await createTestManager(world);
      const client = await connect(manager);
      expect(await client.echo("before")).toBe("before");
      const token = await manager.getAccessToken();
      expect(token.split(".")).toHaveLength(1);
      const revoked = await fetch(world.issuer.revocationEndpoint, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`agent:${agentSecret}`)}` },
        body: new URLSearchParams({ token }),
      });
      expect(revoked.status).toBe(200);
      const from = revokedAt(world);

      expect(await client.echo("after")).toBe("after");
      const next = await manager.getAccessToken();
      expect(next).not.toBe(token);
      expect(world.issuer.tokensIssued).toBe(2);
      const calls = world.mcp.requests.slice(from).filter(({ path }) => path === "/mcp");
      expect(calls.map(({ jti, status }) => [jti, status])).toEqual([
        [token, 401],
        [next, 200],
      ]);
    },
  );
});

describe("a server that refuses every token", () => {
  /** Starts a server whose metadata names an issuer whose tokens it refuses. */
  async function refusing() {
    const [world, other] = [await startWorld(), await startWorld()];
    const { issuer } = world;
    const mcp = await startMcpServer({ issuer: other.issuer.issuer, authorizationServers: [issuer.issuer] });
    onTestFinished(() => mcp.close());
    const { grant } = world.config.servers.tools;
    const { auth, manager } = await createTestManager(world, {
      config: { servers: { tools: { url: mcp.url, grant } } },
      // Stands still, so that the hold does not end during the test.
      clock: fakeClock(Date.now()),
    });
    return { issuer, mcp, manager, heard: recordEvents(auth) };
  }

  test("a server that refuses every token causes two token requests and then none during the hold, and calls get its 401", async () => {
    const { issuer, mcp, manager, heard } = await refusing();
    const response = await manager.fetch(mcp.url, { method: "POST" });
    expect(response.status).toBe(401);
    expect(await response.text()).toContain("invalid_token");
    expect(issuer.tokenRequests).toHaveLength(2);
    for (let call = 0; call < 5; call += 1) {
      expect((await manager.fetch(mcp.url, { method: "POST" })).status).toBe(401);
    }
    expect(issuer.tokenRequests).toHaveLength(2);
    expect(manager.status()).toMatchObject({ state: "fresh", lastError: { code: "unauthorized" } });
    expect(heard.map(({ event, reason, code }) => [event, reason, code])).toEqual([
      ["token:renewed", "demand", undefined],
      ["token:rejected", "rejected", undefined],
      ["token:renewed", "rejected", undefined],
      ["token:warning", "rejected", "unauthorized"],
    ]);
  });

  test("a server that refuses every token causes two token requests for fifty concurrent calls, and each gets its 401", async () => {
    const { issuer, mcp, manager } = await refusing();
    const statuses = await Promise.all(
      fifty.map(async () => (await manager.fetch(mcp.url, { method: "POST" })).status),
    );
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(issuer.tokenRequests).toHaveLength(2);
  });
});
