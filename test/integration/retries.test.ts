import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  agentSecret,
  createTestManager,
  createTestRuntime,
  recordEvents,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
  startWorld,
  type World,
} from "./harness.js";

const second = 1_000;

/** Creates a manager whose clock moves only when the test moves it. */
async function withClock(world: World, defaults: NonNullable<McpAuthConfig["defaults"]> = {}) {
  const live = liveClock();
  const config = { ...world.config, defaults };
  const { auth, manager } = await createTestManager(world, { config, clock: live.clock, fetch: live.fetch });
  return { auth, manager, heard: recordEvents(auth), clock: live.clock, advance: live.advance };
}

describe("temporary failures", () => {
  test.each([408, 429, 500, 502, 503, 504])(
    "a token request that gets %d is retried until it succeeds",
    async (status) => {
      const world = await startWorld();
      const { manager, heard, advance } = await withClock(world);
      world.issuer.failNext(2, status);
      const token = manager.getAccessToken();
      await advance(20 * second);
      expect(await token).toMatch(/^ey/);
      expect(world.issuer.tokenRequests.map((request) => request.status)).toEqual([status, status, 200]);
      expect(heard.map(({ event, code, attempt }) => [event, code, attempt])).toEqual([
        ["token:failed", "unavailable", 1],
        ["token:failed", "unavailable", 2],
        ["token:renewed", undefined, 3],
      ]);
    },
  );

  test("a token request that fails on the network is retried", async () => {
    const issuer = await startScriptedIssuer((_request, response) => {
      if (issuer.tokenRequests().length < 3) response.destroy();
      else sendToken(response, "t3");
    });
    const config = { ...issuer.config, defaults: { retry: { min: "1ms", max: "2ms" } } } as const;
    const { auth, manager } = await createTestManager(issuer, { config });
    const heard = recordEvents(auth);
    expect(await manager.getAccessToken()).toBe("t3");
    expect(heard.map(({ event }) => event)).toEqual(["token:failed", "token:failed", "token:renewed"]);
  });

  test("a token request that keeps getting 503 is `unavailable` after four attempts", async () => {
    const world = await startWorld();
    const { manager, advance, clock } = await withClock(world);
    world.issuer.failNext(100, 503);
    const call = rejectionOf(manager.getAccessToken());
    await advance(20 * second);
    expect(await call).toMatchObject({ code: "unavailable", server: "tools", retryable: true });
    expect(world.issuer.tokenRequests).toHaveLength(4);
    expect(clock.pending).toEqual([]);
  });

  test("a failed metadata request is retried, and metadata that was found is not requested again", async () => {
    const world = await startWorld();
    const live = liveClock();
    let failures = 2;
    const requestedPaths: string[] = [];
    const { manager } = await createTestManager(world, {
      clock: live.clock,
      fetch: async (input, init) => {
        requestedPaths.push(new URL(String(input)).pathname);
        // The second URL answers 404, so it is not requested again for this token.
        if (String(input).includes("openid-configuration")) return new Response("", { status: 404 });
        if (failures > 0 && String(input).includes("oauth-authorization-server")) {
          failures -= 1;
          return new Response("", { status: 503 });
        }
        return await live.fetch(input, init);
      },
    });
    const token = manager.getAccessToken();
    await live.advance(20 * second);
    expect(await token).toMatch(/^ey/);
    expect(requestedPaths.filter((path) => path.includes("oauth-authorization-server"))).toHaveLength(3);
    expect(requestedPaths.filter((path) => path.includes("openid-configuration"))).toHaveLength(1);
    expect(requestedPaths.filter((path) => path.includes("oauth-protected-resource"))).toHaveLength(1);
    expect(requestedPaths.filter((path) => path === "/token")).toHaveLength(1);
  });
});

describe("Retry-After", () => {
  test("a token request waits for at least the seconds in Retry-After", async () => {
    const world = await startWorld();
    const { manager, advance } = await withClock(world);
    world.issuer.failNext(1, 503, { "retry-after": "7" });
    const token = manager.getAccessToken();
    await advance(7 * second - 1);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    // Up to a tenth longer, at most a second.
    await advance(701);
    expect(await token).toMatch(/^ey/);
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });

  test("a token request waits for the date in Retry-After by the server's clock", async () => {
    const world = await startWorld();
    const { manager, advance, clock } = await withClock(world);
    // The server's clock is an hour ahead.
    const serverTime = Math.ceil(clock.now() / second) * second + 3_600 * second;
    const date = new Date(serverTime).toUTCString();
    const until = new Date(serverTime + 5 * second).toUTCString();
    world.issuer.failNext(1, 429, { "retry-after": until, date });
    const token = manager.getAccessToken();
    await advance(5 * second - 1);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    await advance(501);
    expect(await token).toMatch(/^ey/);
  });

  test("a Retry-After beyond the deadline is `unavailable` immediately, for every manager of that issuer", async () => {
    const world = await startWorld();
    const elsewhere = await startWorld();
    const live = liveClock();
    const { tools } = world.config.servers;
    const auth = await createTestRuntime({
      config: { servers: { tools, other: tools, elsewhere: elsewhere.config.servers.tools } },
      env: { SECRET: agentSecret },
      clock: live.clock,
      fetch: live.fetch,
    });
    world.issuer.failNext(1, 503, { "retry-after": "120" });
    const first = await rejectionOf(auth.resolve("tools").getAccessToken());
    expect(first).toMatchObject({ code: "unavailable", retryable: true, retryAfter: 120 * second });
    expect(first.message).toContain("120 s");

    await live.advance(20 * second);
    const other = await rejectionOf(auth.resolve("other").getAccessToken());
    expect(other).toMatchObject({ code: "unavailable", server: "other" });
    // Other managers wait up to a second longer, so that they do not all send requests at the same time.
    expect(other.retryAfter).toBeGreaterThanOrEqual(100 * second);
    expect(other.retryAfter).toBeLessThanOrEqual(101 * second);
    expect((await rejectionOf(auth.resolve("tools").getAccessToken())).retryAfter).toBe(100 * second);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    // Another authorization server is not affected.
    expect(await auth.resolve("elsewhere").getAccessToken()).toMatch(/^ey/);

    await live.advance(100 * second);
    expect(await auth.resolve("other").getAccessToken()).toMatch(/^ey/);
    expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
    expect(world.issuer.tokenRequests).toHaveLength(3);
  });

  test("a Retry-After beyond the deadline does not affect a manager that has a token", async () => {
    const world = await startWorld();
    const live = liveClock();
    const { tools } = world.config.servers;
    const auth = await createTestRuntime({
      config: { servers: { tools, other: tools } },
      env: { SECRET: agentSecret },
      clock: live.clock,
      fetch: live.fetch,
    });
    const token = await auth.resolve("tools").getAccessToken();
    world.issuer.failNext(1, 503, { "retry-after": "120" });
    await rejectionOf(auth.resolve("other").getAccessToken());
    expect(await auth.resolve("tools").getAccessToken()).toBe(token);
  });
});

describe("permanent failures", () => {
  test.each([
    ["a wrong secret", { SECRET: "wrong" }, {}, "invalid_client"],
    [
      "a scope that the client is not allowed to request",
      { SECRET: agentSecret },
      { scopes: ["write"] },
      "invalid_scope",
    ],
  ])("%s causes only one token request", async (_, env, grant, oauthError) => {
    const world = await startWorld({
      clients: [{ id: "agent", secret: agentSecret, scopes: ["read"] }],
      scopes: ["read", "write"],
    });
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, grant: { ...tools.grant, ...grant } } } };
    const { manager } = await createTestManager({ config, env });
    expect(await rejectionOf(manager.getAccessToken())).toMatchObject({
      code: "token_request_rejected",
      oauthError,
      retryable: false,
    });
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("a resource that the authorization server refuses causes only one token request", async () => {
    const world = await startWorld({ resources: ["https://elsewhere.example/mcp"] });
    const { manager } = await createTestManager(world);
    expect(await rejectionOf(manager.getAccessToken())).toMatchObject({
      code: "token_request_rejected",
      oauthError: "invalid_target",
    });
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });
});

describe("the cool-down", () => {
  test("the cool-down repeats the refusal without a request, for 1 s up to 60 s", async () => {
    const world = await startWorld();
    const live = liveClock();
    const { auth, manager } = await createTestManager(world, { env: { SECRET: "wrong" }, ...live });
    const heard = recordEvents(auth);
    const first = await rejectionOf(manager.getAccessToken());
    expect(first.retryAfter).toBeUndefined();
    await live.advance(400);
    const again = await rejectionOf(manager.getAccessToken());
    expect(again).toMatchObject({
      code: "token_request_rejected",
      oauthError: "invalid_client",
      server: "tools",
      message: first.message,
      retryAfter: 600,
    });
    expect(again).not.toBe(first);
    expect(manager.status()).toMatchObject({ state: "cooldown", lastError: { code: first.code } });
    expect(world.issuer.tokenRequests).toHaveLength(1);

    // Ten calls a second for ten minutes.
    for (let call = 0; call < 6_000; call += 1) {
      await rejectionOf(manager.getAccessToken());
      await live.advance(100);
    }
    const lengths = heard.flatMap(({ event, durationMs }) =>
      event === "token:cooldown" ? [durationMs] : [],
    );
    expect(lengths.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((length) => length * second));
    expect(world.issuer.tokenRequests).toHaveLength(lengths.length);
    expect(lengths.length).toBeLessThan(20);
  });

  test("forceRefresh ignores the cool-down, and its success ends it", async () => {
    const world = await startWorld();
    let secret = "wrong";
    // A resolver, because the value of a function is not known before the call. A changed variable ends the cool-down.
    const client = { issuer: world.issuer.issuer, id: "agent", secret: { resolver: "vault", ref: "agent" } };
    const config = { servers: { tools: { url: world.mcp.url, grant: { client } } } };
    const { manager } = await createTestManager({ config, env: {} }, { resolvers: { vault: () => secret } });
    await rejectionOf(manager.getAccessToken());
    const forced = await rejectionOf(manager.getAccessToken({ forceRefresh: true }));
    expect(forced.oauthError).toBe("invalid_client");
    expect(world.issuer.tokenRequests).toHaveLength(2);
    secret = agentSecret;
    expect((await rejectionOf(manager.getAccessToken())).oauthError).toBe("invalid_client");
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(await manager.getAccessToken({ forceRefresh: true })).toMatch(/^ey/);
    expect(await manager.getAccessToken()).toMatch(/^ey/);
    expect(world.issuer.tokenRequests).toHaveLength(3);
  });

  test("the cool-down of one server does not affect another server", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const { issuer } = world.issuer;
    const wrong = { issuer, id: "agent", secret: { env: "WRONG" } };
    const auth = await createTestRuntime({
      config: { servers: { tools, broken: { url: world.mcp.url, grant: { client: wrong } } } },
      env: { SECRET: agentSecret, WRONG: "wrong" },
    });
    await rejectionOf(auth.resolve("broken").getAccessToken());
    expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
  });
});

describe("forceRefresh", () => {
  test("1,000 concurrent calls with forceRefresh share one token request and get a new token", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    const heard = recordEvents(auth);
    const first = await manager.getAccessToken();
    const forced = await Promise.all(
      Array.from({ length: 1_000 }, () => manager.getAccessToken({ forceRefresh: true })),
    );
    expect(new Set(forced).size).toBe(1);
    expect(forced[0]).not.toBe(first);
    expect(await manager.getAccessToken()).toBe(forced[0]);
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(heard.map(({ event, reason }) => `${event} ${reason}`)).toEqual([
      "token:renewed demand",
      "token:renewed forced",
    ]);
  });

  test("a forceRefresh that fails rejects, and the manager keeps its token", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world);
    const token = await manager.getAccessToken();
    world.issuer.failNext(1, 400);
    expect((await rejectionOf(manager.getAccessToken({ forceRefresh: true }))).code).toBe(
      "token_request_rejected",
    );
    expect(await manager.getAccessToken()).toBe(token);
    expect(manager.status()).toMatchObject({ state: "fresh", lastError: { code: "token_request_rejected" } });
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });
});

describe("failing background renewals", () => {
  test("while background renewals fail, the token is returned until it expires, and then calls reject", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { auth, manager, heard, advance } = await withClock(world, { retry: { attempts: 1 } });
    const token = await manager.getAccessToken();
    world.issuer.failNext(10_000, 503);
    for (let elapsed = 0; elapsed < 59; elapsed += 1) {
      await advance(second);
      expect(await manager.getAccessToken()).toBe(token);
    }
    const tries = heard.filter(({ event }) => event === "token:failed");
    expect(tries.length).toBeGreaterThanOrEqual(4);
    expect(tries.length).toBeLessThanOrEqual(40);
    expect(heard.filter(({ event }) => event === "token:renewed")).toHaveLength(1);
    await advance(2 * second);
    expect(await rejectionOf(manager.getAccessToken())).toMatchObject({ code: "unavailable" });
    expect(auth.status()).toMatchObject([{ state: "cooldown", lastError: { code: "unavailable" } }]);
  });

  test("a background renewal that fails with `invalid_client` rejects calls once the token is unusable", async () => {
    const world = await startWorld({ lifetime: 60 });
    const live = liveClock();
    const env: Record<string, string> = { SECRET: agentSecret };
    const { manager } = await createTestManager(world, { env, ...live });
    const token = await manager.getAccessToken();
    env["SECRET"] = "wrong";
    await live.advance(50 * second);
    expect(await manager.getAccessToken()).toBe(token);
    await live.advance(5 * second);
    expect((await rejectionOf(manager.getAccessToken())).oauthError).toBe("invalid_client");
  });

  test("a background renewal after two failed ones gets a token without a waiting call", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { manager, heard, advance } = await withClock(world, { retry: { attempts: 1 } });
    const token = await manager.getAccessToken();
    world.issuer.failNext(2, 503);
    await advance(50 * second);
    expect(heard.map(({ event, reason }) => `${event} ${reason}`)).toEqual([
      "token:renewed demand",
      "token:failed expiry",
      "token:failed expiry",
      "token:renewed expiry",
    ]);
    expect(await manager.getAccessToken()).not.toBe(token);
  });
});

test("tokens that live 5, 60, 3,600 and 86,400 seconds are renewed at the right time", async () => {
  for (const [lifetime, from, to, unusable] of [
    [5, 3_000, 3_250, 4_500],
    [60, 36_000, 39_000, 54_000],
    [3_600, 3_210_000, 3_270_000, 3_570_000],
    [86_400, 81_186_000, 82_050_000, 86_370_000],
  ] as const) {
    const issuer = await startScriptedIssuer((_request, response) => {
      sendToken(response, `t${issuer.tokenRequests().length}`, lifetime);
    });
    const live = liveClock();
    const config = { ...issuer.config, defaults: { refresh: { idle: "100h" } } } as const;
    const { manager } = await createTestManager(issuer, { config, ...live });
    await manager.getAccessToken();
    await live.advance(from - 1);
    expect(manager.status()).toMatchObject({ state: "fresh" });
    expect(issuer.tokenRequests()).toHaveLength(1);
    await live.advance(to - from + 1);
    expect(issuer.tokenRequests()).toHaveLength(2);

    const withoutRefresh = await createTestManager(issuer, {
      config: { ...config, defaults: { refresh: false } },
      ...live,
    });
    const first = await withoutRefresh.manager.getAccessToken();
    await live.advance(unusable - 1);
    expect(withoutRefresh.manager.status().state).toBe("stale");
    expect(await withoutRefresh.manager.getAccessToken()).toBe(first);
  }
});

test("a token endpoint that has moved is found through new metadata after a 404", async () => {
  let path = "/old";
  const server = await startScriptedServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer, token_endpoint: `${issuer}${path}` });
    }
    return request.url === path ? sendToken(response, `t-${path}`, 60) : sendJson(response, {}, 404);
  });
  const client = { issuer: server.origin, id: "agent" };
  const config = { servers: { tools: { url: `${server.origin}/mcp`, grant: { client } } } };
  const { manager } = await createTestManager({ config, env: {} });
  expect(await manager.getAccessToken()).toBe("t-/old");
  path = "/new";
  expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t-/new");
});
