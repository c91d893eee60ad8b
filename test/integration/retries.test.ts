import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { failure } from "../support/failure.js";
import { sendJson } from "../support/http-server.js";
import {
  agentSecret,
  listen,
  liveClock,
  managerOf,
  ownIssuer,
  ownServer,
  runtime,
  sendToken,
  startWorld,
  type World,
} from "./harness.js";

const second = 1_000;

/** A manager whose time moves only when told. */
async function timed(world: World, defaults: NonNullable<McpAuthConfig["defaults"]> = {}) {
  const live = liveClock();
  const config = { ...world.config, defaults };
  const { auth, manager } = await managerOf(world, { config, clock: live.clock, fetch: live.fetch });
  return { auth, manager, heard: listen(auth), clock: live.clock, advance: live.advance };
}

describe("a failure that may pass", () => {
  test.each([408, 429, 500, 502, 503, 504])("%d is tried again until it has", async (status) => {
    const world = await startWorld();
    const { manager, heard, advance } = await timed(world);
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
  });

  test("of the network is tried again", async () => {
    const issuer = await ownIssuer((_request, response) => {
      if (issuer.tokenRequests().length < 3) response.destroy();
      else sendToken(response, "t3");
    });
    const config = { ...issuer.config, defaults: { retry: { min: "1ms", max: "2ms" } } } as const;
    const { auth, manager } = await managerOf(issuer, { config });
    const heard = listen(auth);
    expect(await manager.getAccessToken()).toBe("t3");
    expect(heard.map(({ event }) => event)).toEqual(["token:failed", "token:failed", "token:renewed"]);
  });

  test("that does not pass is `unavailable` after four attempts", async () => {
    const world = await startWorld();
    const { manager, advance, clock } = await timed(world);
    world.issuer.failNext(100, 503);
    const call = failure(manager.getAccessToken());
    await advance(20 * second);
    expect(await call).toMatchObject({ code: "unavailable", server: "tools", retryable: true });
    expect(world.issuer.tokenRequests).toHaveLength(4);
    expect(clock.pending).toEqual([]);
  });

  test("of metadata is tried again, and metadata that is there is not asked for again", async () => {
    const world = await startWorld();
    const live = liveClock();
    let failures = 2;
    const asked: string[] = [];
    const { manager } = await managerOf(world, {
      clock: live.clock,
      fetch: async (input, init) => {
        asked.push(new URL(String(input)).pathname);
        // The second location says that it has nothing, and is not asked again for this token.
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
    expect(asked.filter((path) => path.includes("oauth-authorization-server"))).toHaveLength(3);
    expect(asked.filter((path) => path.includes("openid-configuration"))).toHaveLength(1);
    expect(asked.filter((path) => path.includes("oauth-protected-resource"))).toHaveLength(1);
    expect(asked.filter((path) => path === "/token")).toHaveLength(1);
  });
});

describe("Retry-After", () => {
  test("in seconds is waited for, and not less", async () => {
    const world = await startWorld();
    const { manager, advance } = await timed(world);
    world.issuer.failNext(1, 503, { "retry-after": "7" });
    const token = manager.getAccessToken();
    await advance(7 * second - 1);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    // And up to a tenth longer, a second at most.
    await advance(701);
    expect(await token).toMatch(/^ey/);
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });

  test("as a date is waited for, by the clock of the server", async () => {
    const world = await startWorld();
    const { manager, advance, clock } = await timed(world);
    // An hour ahead of ours.
    const there = Math.ceil(clock.now() / second) * second + 3_600 * second;
    const date = new Date(there).toUTCString();
    const until = new Date(there + 5 * second).toUTCString();
    world.issuer.failNext(1, 429, { "retry-after": until, date });
    const token = manager.getAccessToken();
    await advance(5 * second - 1);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    await advance(501);
    expect(await token).toMatch(/^ey/);
  });

  test("beyond the deadline is `unavailable` at once, for every manager of that issuer", async () => {
    const world = await startWorld();
    const elsewhere = await startWorld();
    const live = liveClock();
    const { tools } = world.config.servers;
    const auth = await runtime({
      config: { servers: { tools, other: tools, elsewhere: elsewhere.config.servers.tools } },
      env: { SECRET: agentSecret },
      clock: live.clock,
      fetch: live.fetch,
    });
    world.issuer.failNext(1, 503, { "retry-after": "120" });
    const first = await failure(auth.resolve("tools").getAccessToken());
    expect(first).toMatchObject({ code: "unavailable", retryable: true, retryAfter: 120 * second });
    expect(first.message).toContain("120 s");

    await live.advance(20 * second);
    const other = await failure(auth.resolve("other").getAccessToken());
    expect(other).toMatchObject({ code: "unavailable", server: "other" });
    // Those who were not told themselves come back later, up to a second, and not all at once.
    expect(other.retryAfter).toBeGreaterThanOrEqual(100 * second);
    expect(other.retryAfter).toBeLessThanOrEqual(101 * second);
    expect((await failure(auth.resolve("tools").getAccessToken())).retryAfter).toBe(100 * second);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    // Another authorization server is none of this one's business.
    expect(await auth.resolve("elsewhere").getAccessToken()).toMatch(/^ey/);

    await live.advance(100 * second);
    expect(await auth.resolve("other").getAccessToken()).toMatch(/^ey/);
    expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
    expect(world.issuer.tokenRequests).toHaveLength(3);
  });

  test("does not take the token from those who have one", async () => {
    const world = await startWorld();
    const live = liveClock();
    const { tools } = world.config.servers;
    const auth = await runtime({
      config: { servers: { tools, other: tools } },
      env: { SECRET: agentSecret },
      clock: live.clock,
      fetch: live.fetch,
    });
    const token = await auth.resolve("tools").getAccessToken();
    world.issuer.failNext(1, 503, { "retry-after": "120" });
    await failure(auth.resolve("other").getAccessToken());
    expect(await auth.resolve("tools").getAccessToken()).toBe(token);
  });
});

describe("what no other attempt would change", () => {
  test.each([
    ["a wrong secret", { SECRET: "wrong" }, {}, "invalid_client"],
    [
      "a scope that the client must not have",
      { SECRET: agentSecret },
      { scopes: ["write"] },
      "invalid_scope",
    ],
  ])("%s is asked for once", async (_, env, grant, oauthError) => {
    const world = await startWorld({
      clients: [{ id: "agent", secret: agentSecret, scopes: ["read"] }],
      scopes: ["read", "write"],
    });
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, grant: { ...tools.grant, ...grant } } } };
    const { manager } = await managerOf({ config, env });
    expect(await failure(manager.getAccessToken())).toMatchObject({
      code: "token_request_rejected",
      oauthError,
      retryable: false,
    });
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("a server that refuses nobody's business but the resource is asked once", async () => {
    const world = await startWorld({ resources: ["https://elsewhere.example/mcp"] });
    const { manager } = await managerOf(world);
    expect(await failure(manager.getAccessToken())).toMatchObject({
      code: "token_request_rejected",
      oauthError: "invalid_target",
    });
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });
});

describe("the cool-down", () => {
  test("repeats the refusal without a request, from 1 s up to 60 s", async () => {
    const world = await startWorld();
    const live = liveClock();
    const { auth, manager } = await managerOf(world, { env: { SECRET: "wrong" }, ...live });
    const heard = listen(auth);
    const first = await failure(manager.getAccessToken());
    expect(first.retryAfter).toBeUndefined();
    await live.advance(400);
    const again = await failure(manager.getAccessToken());
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

    // Somebody who asks ten times a second for ten minutes.
    for (let call = 0; call < 6_000; call += 1) {
      await failure(manager.getAccessToken());
      await live.advance(100);
    }
    const lengths = heard.flatMap(({ event, durationMs }) =>
      event === "token:cooldown" ? [durationMs] : [],
    );
    expect(lengths.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((length) => length * second));
    expect(world.issuer.tokenRequests).toHaveLength(lengths.length);
    expect(lengths.length).toBeLessThan(20);
  });

  test("is passed by forceRefresh, and ended by its success", async () => {
    const world = await startWorld();
    let secret = "wrong";
    // What a function would give is not known before it is called; a variable that is mended ends the cool-down itself.
    const client = { issuer: world.issuer.issuer, id: "agent", secret: { resolver: "vault", ref: "agent" } };
    const config = { servers: { tools: { url: world.mcp.url, grant: { client } } } };
    const { manager } = await managerOf({ config, env: {} }, { resolvers: { vault: () => secret } });
    await failure(manager.getAccessToken());
    const forced = await failure(manager.getAccessToken({ forceRefresh: true }));
    expect(forced.oauthError).toBe("invalid_client");
    expect(world.issuer.tokenRequests).toHaveLength(2);
    secret = agentSecret;
    expect((await failure(manager.getAccessToken())).oauthError).toBe("invalid_client");
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(await manager.getAccessToken({ forceRefresh: true })).toMatch(/^ey/);
    expect(await manager.getAccessToken()).toMatch(/^ey/);
    expect(world.issuer.tokenRequests).toHaveLength(3);
  });

  test("of one server is none of another's", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const { issuer } = world.issuer;
    const wrong = { issuer, id: "agent", secret: { env: "WRONG" } };
    const auth = await runtime({
      config: { servers: { tools, broken: { url: world.mcp.url, grant: { client: wrong } } } },
      env: { SECRET: agentSecret, WRONG: "wrong" },
    });
    await failure(auth.resolve("broken").getAccessToken());
    expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
  });
});

describe("forceRefresh", () => {
  test("brings a new token; 1,000 at once share one request", async () => {
    const world = await startWorld();
    const { auth, manager } = await managerOf(world);
    const heard = listen(auth);
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

  test("that fails throws, and keeps the token that is there", async () => {
    const world = await startWorld();
    const { manager } = await managerOf(world);
    const token = await manager.getAccessToken();
    world.issuer.failNext(1, 400);
    expect((await failure(manager.getAccessToken({ forceRefresh: true }))).code).toBe(
      "token_request_rejected",
    );
    expect(await manager.getAccessToken()).toBe(token);
    expect(manager.status()).toMatchObject({ state: "fresh", lastError: { code: "token_request_rejected" } });
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });
});

describe("a renewal in the background that fails", () => {
  test("is an event; the token is handed out until it expires, and then the failure", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { auth, manager, heard, advance } = await timed(world, { retry: { attempts: 1 } });
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
    expect(await failure(manager.getAccessToken())).toMatchObject({ code: "unavailable" });
    expect(auth.status()).toMatchObject([{ state: "cooldown", lastError: { code: "unavailable" } }]);
  });

  test("with `invalid_client` is not hidden once the token cannot be used", async () => {
    const world = await startWorld({ lifetime: 60 });
    const live = liveClock();
    const env: Record<string, string> = { SECRET: agentSecret };
    const { manager } = await managerOf(world, { env, ...live });
    const token = await manager.getAccessToken();
    env["SECRET"] = "wrong";
    await live.advance(50 * second);
    expect(await manager.getAccessToken()).toBe(token);
    await live.advance(5 * second);
    expect((await failure(manager.getAccessToken())).oauthError).toBe("invalid_client");
  });

  test("and passes: the next brings a token without a call that waits", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { manager, heard, advance } = await timed(world, { retry: { attempts: 1 } });
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

test("a token of lifetimes 5, 60, 3,600 and 86,400 seconds is renewed when it should be", async () => {
  for (const [lifetime, from, to, unusable] of [
    [5, 3_000, 3_250, 4_500],
    [60, 36_000, 39_000, 54_000],
    [3_600, 3_210_000, 3_270_000, 3_570_000],
    [86_400, 81_186_000, 82_050_000, 86_370_000],
  ] as const) {
    const issuer = await ownIssuer((_request, response) => {
      sendToken(response, `t${issuer.tokenRequests().length}`, lifetime);
    });
    const live = liveClock();
    const config = { ...issuer.config, defaults: { refresh: { idle: "100h" } } } as const;
    const { manager } = await managerOf(issuer, { config, ...live });
    await manager.getAccessToken();
    await live.advance(from - 1);
    expect(manager.status()).toMatchObject({ state: "fresh" });
    expect(issuer.tokenRequests()).toHaveLength(1);
    await live.advance(to - from + 1);
    expect(issuer.tokenRequests()).toHaveLength(2);

    const resting = await managerOf(issuer, { config: { ...config, defaults: { refresh: false } }, ...live });
    const first = await resting.manager.getAccessToken();
    await live.advance(unusable - 1);
    expect(resting.manager.status().state).toBe("stale");
    expect(await resting.manager.getAccessToken()).toBe(first);
  }
});

test("an endpoint that has moved is found again: 404, metadata afresh, and the token", async () => {
  let path = "/old";
  const server = await ownServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer, token_endpoint: `${issuer}${path}` });
    }
    return request.url === path ? sendToken(response, `t-${path}`, 60) : sendJson(response, {}, 404);
  });
  const client = { issuer: server.origin, id: "agent" };
  const config = { servers: { tools: { url: `${server.origin}/mcp`, grant: { client } } } };
  const { manager } = await managerOf({ config, env: {} });
  expect(await manager.getAccessToken()).toBe("t-/old");
  path = "/new";
  expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t-/new");
});
