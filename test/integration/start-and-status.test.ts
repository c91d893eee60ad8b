import { channel } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { defineConfig, type Logger, type McpAuth, type TokenEvent } from "../../src/index.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  agentSecret,
  createTestManager,
  createTestRuntime,
  recordEvents,
  sendToken,
  startScriptedIssuer,
  startWorld,
} from "./harness.js";

const minute = 60_000;

/** Creates a runtime with three servers: one that works, one with a wrong secret, and one without a secret. */
async function threeServers() {
  const world = await startWorld();
  const { issuer } = world.issuer;
  const { url } = world.mcp;
  const server = (name: string) => ({
    url,
    grant: { client: { issuer, id: "agent", secret: { env: name } } },
  });
  const config = defineConfig({
    servers: { good: server("SECRET"), wrong: server("WRONG"), missing: server("MISSING") },
  });
  const auth = await createTestRuntime({ config, env: { SECRET: agentSecret, WRONG: "wrong" } });
  return { world, auth };
}

describe("start()", () => {
  test("start() gets a token for each server and returns the errors in the order of the config", async () => {
    const { world, auth } = await threeServers();
    const failures = await auth.start();
    expect(failures.map(({ server, code, oauthError }) => [server, code, oauthError])).toEqual([
      ["wrong", "token_request_rejected", "invalid_client"],
      ["missing", "secret_unavailable", undefined],
    ]);
    expect(failures[1]?.message).toContain("MISSING");
    expect(world.issuer.tokensIssued).toBe(1);
    expect(auth.status().map(({ server, state }) => `${server} ${state}`)).toEqual([
      "good fresh",
      "wrong cooldown",
      "missing cooldown",
    ]);
    // The token of start() is used.
    await auth.resolve("good").getAccessToken();
    expect(world.issuer.tokensIssued).toBe(1);
  });

  test("start() rejects with the error of a required server after all servers have settled", async () => {
    const { world, auth } = await threeServers();
    const error = await rejectionOf(auth.start({ require: ["good", "missing"] }));
    expect(error).toMatchObject({ code: "secret_unavailable", server: "missing" });
    expect(world.issuer.tokensIssued).toBe(1);
    expect(auth.status().map(({ state }) => state)).toEqual(["fresh", "cooldown", "cooldown"]);
  });

  test("start() resolves if all required servers have a token", async () => {
    const { auth } = await threeServers();
    const failures = await auth.start({ require: ["good"] });
    expect(failures.map(({ server }) => server)).toEqual(["wrong", "missing"]);
  });

  test("start() rejects an unknown name in `require` before anything is sent", async () => {
    const { world, auth } = await threeServers();
    // JavaScript code can pass any name.
    const require = ["good", "misisng"] as unknown as ["good"];
    const error = await rejectionOf(auth.start({ require }));
    expect(error).toMatchObject({ code: "unknown_server" });
    expect(error.message).toContain('Did you mean "missing"?');
    expect(world.issuer.tokenRequests).toEqual([]);
  });

  test("start() can be called several times and requests one token", async () => {
    const world = await startWorld();
    const { auth } = await createTestManager(world);
    expect(await Promise.all([auth.start(), auth.start()])).toEqual([[], []]);
    expect(await auth.start()).toEqual([]);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("start() requests no token for a server with `refresh: false` unless it is required", async () => {
    const world = await startWorld();
    const config = { ...world.config, defaults: { refresh: false } } as const;
    const { auth } = await createTestManager({ config, env: world.env });
    expect(await auth.start()).toEqual([]);
    expect(world.issuer.tokenRequests).toEqual([]);
    expect(await auth.start({ require: ["tools"] })).toEqual([]);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });
});

test("createMcpAuth sends nothing, reads no secret and sets no timer", async () => {
  const world = await startWorld();
  const { clock, fetch } = liveClock();
  const read: string[] = [];
  const env = new Proxy(world.env, {
    get(target, name) {
      read.push(String(name));
      return Reflect.get(target, name);
    },
  });
  const { auth } = await createTestManager({ config: world.config, env }, { clock, fetch });
  expect(read).not.toContain("SECRET");
  expect(clock.pending).toEqual([]);
  expect([...world.issuer.tokenRequests, ...world.mcp.requests]).toEqual([]);
  expect(auth.status()).toEqual([{ server: "tools", state: "none" }]);
});

describe("status()", () => {
  test("status() reports the states of a token from its first request to stop()", async () => {
    const world = await startWorld({ lifetime: 3_600 });
    const { clock, fetch, advance } = liveClock();
    const config = { ...world.config, defaults: { refresh: { jitter: 0 } } };
    const { auth, manager } = await createTestManager({ config, env: world.env }, { clock, fetch });
    const issuedAt = clock.now();
    const expiresAt = issuedAt + 60 * minute;
    expect(manager.status()).toEqual({ server: "tools", state: "none" });

    await manager.getAccessToken();
    expect(manager.status()).toEqual({
      server: "tools",
      state: "fresh",
      expiresAt,
      nextRefreshAt: issuedAt + 3_270_000,
    });
    expect(auth.status()).toEqual([manager.status()]);

    // There is no call for more than half an hour.
    await advance(3_270_000);
    expect(manager.status()).toEqual({ server: "tools", state: "asleep", expiresAt });
    await advance(5 * minute);
    expect(manager.status().state).toBe("asleep");

    world.issuer.failNext(1, 400);
    await rejectionOf(manager.getAccessToken());
    expect(manager.status()).toMatchObject({
      state: "cooldown",
      lastError: { code: "token_request_rejected" },
    });
    await advance(1_000);
    expect(manager.status().state).toBe("expired");
    await manager.getAccessToken();
    expect(manager.status()).toMatchObject({ state: "fresh" });
    expect(manager.status()).not.toHaveProperty("lastError");
    expect(Object.keys(manager.status()).sort()).toEqual(["expiresAt", "nextRefreshAt", "server", "state"]);

    await auth.stop();
    expect(manager.status().state).toBe("stopped");
  });

  test("status() reports a stale token, and a fresh one after the background renewal", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { clock, fetch, advance } = liveClock();
    const config = { ...world.config, defaults: { refresh: false } } as const;
    const { manager } = await createTestManager({ config, env: world.env }, { clock, fetch });
    await manager.getAccessToken();
    await advance(40_000);
    expect(manager.status()).toMatchObject({ state: "stale" });
    expect(manager.status()).not.toHaveProperty("nextRefreshAt");
    await manager.getAccessToken();
    await advance(0);
    expect(manager.status().state).toBe("fresh");
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });
});

describe("events", () => {
  test("events have the same payload for listeners and for diagnostics_channel", async () => {
    const world = await startWorld();
    const env: Record<string, string> = { SECRET: "wrong" };
    const { clock, fetch, advance } = liveClock();
    const { auth, manager } = await createTestManager({ config: world.config, env }, { clock, fetch });
    const heard = recordEvents(auth);
    const published: unknown[] = [];
    for (const name of ["token:renewed", "token:failed", "token:cooldown", "token:rejected"]) {
      const subscriber = (event: unknown) => void published.push(event);
      channel(`mcp-auth:${name}`).subscribe(subscriber);
      onTestFinished(() => void channel(`mcp-auth:${name}`).unsubscribe(subscriber));
    }
    await rejectionOf(manager.getAccessToken());
    env["SECRET"] = agentSecret;
    await advance(1_000);
    const now = clock.now();
    await manager.fetch(world.mcp.url);
    await advance(2_000);
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    await manager.fetch(world.mcp.url);
    await manager.getToken({ forceRefresh: true });

    const common = { server: "tools", issuer: world.issuer.issuer };
    const expiresAt = now + 3_600_000;
    const refused = {
      code: "token_request_rejected",
      oauthError: "invalid_client",
      message: expect.stringMatching(
        /^Server "tools": the token endpoint of .* rejected the request \(401, invalid_client\)/,
      ),
    };
    expect(heard).toEqual([
      {
        event: "token:failed",
        ...common,
        reason: "demand",
        attempt: 1,
        durationMs: 0,
        ...refused,
      },
      {
        event: "token:cooldown",
        ...common,
        reason: "demand",
        durationMs: 1_000,
        ...refused,
      },
      { event: "token:renewed", ...common, reason: "demand", attempt: 1, durationMs: 0, expiresAt },
      { event: "token:rejected", ...common, reason: "rejected", durationMs: 2_000, expiresAt },
      {
        event: "token:renewed",
        ...common,
        reason: "rejected",
        attempt: 1,
        durationMs: 0,
        expiresAt: expiresAt + 2_000,
      },
      {
        event: "token:renewed",
        ...common,
        reason: "forced",
        attempt: 1,
        durationMs: 0,
        expiresAt: expiresAt + 2_000,
      },
    ]);
    expect(published).toEqual(heard.map(({ event: _, ...payload }) => payload));
  });

  test("a listener of token:renewed that requests the token gets the new one", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    const found: Promise<unknown>[] = [];
    auth.on("token:renewed", ({ expiresAt }) => {
      const { state, expiresAt: shown } = manager.status();
      found.push(manager.getAccessToken().then((token) => [token, state, shown === expiresAt]));
    });
    const first = await manager.getAccessToken();
    const second = await manager.getAccessToken({ forceRefresh: true });
    expect(second).not.toBe(first);
    expect(await Promise.all(found)).toEqual([
      [first, "fresh", true],
      [second, "fresh", true],
    ]);
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });

  test("a token without a lifetime causes a token:warning event", async () => {
    const issuer = await startScriptedIssuer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"access_token":"opaque","token_type":"Bearer"}');
    });
    const { auth, manager } = await createTestManager(issuer);
    const heard = recordEvents(auth);
    const { expiresAt } = await manager.getToken();
    expect(heard.map(({ event }) => event)).toEqual(["token:warning", "token:renewed"]);
    expect(heard[0]).toMatchObject({ server: "tools", reason: "demand", expiresAt });
    expect(manager.status().expiresAt).toBe(expiresAt);
  });

  test("a listener that throws or changes the event does not affect other listeners or the call", async () => {
    const world = await startWorld();
    const logged: unknown[][] = [];
    const log = (...line: unknown[]) => void logged.push(line);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const { auth, manager } = await createTestManager(world, { logger });
    const heard: TokenEvent[] = [];
    auth.on("token:renewed", () => {
      throw new Error("canary of the listener");
    });
    auth.on("token:renewed", (event) => void heard.push(event));
    auth.on("token:renewed", (event) => {
      Object.assign(event, { server: "changed" });
    });
    auth.on("token:renewed", (event) => void heard.push(event));
    expect(await manager.getAccessToken()).toMatch(/^ey/);
    expect(heard.map(({ server }) => server)).toEqual(["tools", "tools"]);
    expect(logged.filter(([, message]) => message === "A listener threw.")).toHaveLength(2);
    expect(inspect(logged, { depth: 9 })).not.toContain("canary");
  });

  test("an async listener that rejects causes no unhandled rejection", async () => {
    const world = await startWorld();
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const { auth, manager } = await createTestManager(world);
    auth.on("token:renewed", async () => {
      throw new Error("later");
    });
    expect(await manager.getAccessToken()).toMatch(/^ey/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  test("a removed listener gets no more events, even if it removes itself", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    const heard: string[] = [];
    const removeFirst = auth.on("token:renewed", () => {
      heard.push("first");
      removeFirst();
      removeFirst();
    });
    auth.on("token:renewed", () => void heard.push("second"));
    await manager.getToken();
    await manager.getToken({ forceRefresh: true });
    expect(heard).toEqual(["first", "second", "second"]);
  });

  test("a logger that throws does not affect calls", async () => {
    const world = await startWorld();
    const fail = () => {
      throw new Error("disk full");
    };
    const logger: Logger = { debug: fail, info: fail, warn: fail, error: fail };
    const { manager } = await createTestManager(world, { logger });
    expect(await manager.getAccessToken()).toMatch(/^ey/);
  });
});

test("a logger gets every event and no secret", async () => {
  const world = await startWorld({ lifetime: 60 });
  const { tools } = world.config.servers;
  const config = { servers: { tools: { ...tools, headers: { "X-Key": { env: "KEY" } } } } };
  const logged: unknown[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void logged.push([level, message, fields]);
  const logger: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const env = { ...world.env, KEY: "canary-header" };
  const { clock, fetch, advance } = liveClock();
  const { manager } = await createTestManager({ config, env }, { logger, clock, fetch });
  await manager.fetch(world.mcp.url);
  world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
  await manager.fetch(world.mcp.url);
  world.issuer.failNext(1, 400);
  await rejectionOf(manager.getToken({ forceRefresh: true }));
  await advance(50_000);
  expect(logged.map((entry) => String(Array.isArray(entry) ? `${entry[0]} ${entry[1]}` : ""))).toEqual([
    "info token:issued",
    "debug token:renewed",
    "info token:rejected",
    "info token:issued",
    "debug token:renewed",
    "warn token:failed",
    "info token:issued",
    "debug token:renewed",
  ]);
  const shown = inspect(logged, { depth: 9, showHidden: true }) + JSON.stringify(logged);
  const sent = world.mcp.requests.flatMap(
    ({ headers }) => headers.authorization?.slice("Bearer ".length) ?? [],
  );
  expect(sent.length).toBeGreaterThan(0);
  for (const secret of [agentSecret, btoa(`agent:${agentSecret}`), "canary-header", ...sent]) {
    expect(shown).not.toContain(secret);
  }
});

describe("resolve() and resolveUrl()", () => {
  async function paths() {
    const grant = { client: { issuer: "https://auth.example", id: "agent" } };
    const config = defineConfig({
      servers: {
        root: { url: "https://mcp.example/", grant },
        billing: { url: "https://mcp.example/billing", grant },
        invoices: { url: "https://mcp.example/billing/invoices", grant },
        port: { url: "https://mcp.example:8443/billing", grant },
        other: { url: "https://other.example/mcp/", grant },
      },
    });
    return await createTestRuntime({ config, env: {} });
  }

  test("resolveUrl() returns the server with the longest matching path, at segment boundaries", async () => {
    const auth = await paths();
    const found = (url: string | URL) => auth.resolveUrl(url)?.name;
    expect(
      Object.fromEntries(
        [
          "https://mcp.example/billing",
          "https://mcp.example/billing/",
          "https://mcp.example/billing/x?y#z",
          "https://mcp.example/billing/invoices/7",
          "https://mcp.example/billings",
          "https://mcp.example/billing/../admin",
          "https://mcp.example/Billing",
          "https://MCP.example:443/billing",
          "https://mcp.example:8443/billing/1",
          "https://mcp.example:8443/",
          "http://mcp.example/billing",
          "https://other.example/mcp",
          "https://other.example/mcp/a",
          "https://unknown.example/",
          "not a url",
          "",
        ].map((url) => [url, found(url)]),
      ),
    ).toEqual({
      "https://mcp.example/billing": "billing",
      "https://mcp.example/billing/": "billing",
      "https://mcp.example/billing/x?y#z": "billing",
      "https://mcp.example/billing/invoices/7": "invoices",
      "https://mcp.example/billings": "root",
      "https://mcp.example/billing/../admin": "root",
      "https://mcp.example/Billing": "root",
      "https://MCP.example:443/billing": "billing",
      "https://mcp.example:8443/billing/1": "port",
      "https://mcp.example:8443/": undefined,
      "http://mcp.example/billing": undefined,
      "https://other.example/mcp": undefined,
      "https://other.example/mcp/a": "other",
      "https://unknown.example/": undefined,
      "not a url": undefined,
      "": undefined,
    });
    expect(found(new URL("https://mcp.example/billing"))).toBe("billing");
    expect(auth.resolveUrl("https://mcp.example/billing")).toBe(auth.resolve("billing"));
  });

  test("resolveUrl() returns the server with the same query values among servers with the same path", async () => {
    const grant = { client: { issuer: "https://auth.example", id: "agent" } };
    const at = (query: string) => ({ url: `https://mcp.example/mcp${query}`, grant });
    const config = {
      servers: { alice: at("?tenant=alice"), bob: at("?tenant=bob"), deep: at("?tenant=bob&x=1") },
    };
    const auth = await createTestRuntime({ config, env: {} });
    const found = (query: string) => auth.resolveUrl(`https://mcp.example/mcp${query}`)?.name;
    expect(["?tenant=bob", "?tenant=alice", "?x=1&tenant=bob", "?tenant=carol", ""].map(found)).toEqual([
      "bob",
      "alice",
      "deep",
      undefined,
      undefined,
    ]);
  });

  test("resolve() returns the same manager each time, and the runtime lists its server names", async () => {
    const auth = await paths();
    expect(auth.resolve("billing")).toBe(auth.resolve("billing"));
    expect(auth.resolve("billing").url).toBe("https://mcp.example/billing");
    expect(auth.servers).toEqual(["root", "billing", "invoices", "port", "other"]);
    expect([auth.has("billing"), auth.has("biling"), auth.has("toString"), auth.has("__proto__")]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(auth.name).toBe("mcp-auth-runtime");
    expect(auth.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("resolve() with an unknown name throws, suggests a similar name, and does not compile", async () => {
    const auth = await paths();
    // @ts-expect-error: the names are those of the config
    const resolve = () => auth.resolve("biling");
    expect(resolve).toThrowError(
      expect.objectContaining({
        code: "unknown_server",
        server: "biling",
        message: expect.stringContaining('Did you mean "billing"?'),
      }),
    );
    // @ts-expect-error: the names are those of the config
    expect(() => auth.resolve("zzzzzzzzzz")).toThrowError(/The config names: root, billing, invoices/);
    // @ts-expect-error: the names are those of the config
    const starting = auth.start({ require: ["rooot"] });
    expect((await rejectionOf(starting)).code).toBe("unknown_server");
    // If the names are not known at compile time, any string is allowed.
    const untyped: McpAuth = auth;
    const name: string = "billing";
    expect(untyped.resolve(name).name).toBe("billing");
    if (auth.has(name)) expect(auth.resolve(name).name).toBe("billing");
  });
});

test("fetch of a manager works without `this`", async () => {
  const world = await startWorld();
  const { manager } = await createTestManager(world);
  const { fetch } = manager;
  expect((await fetch(world.mcp.url)).status).toBe(405);
});

test("a custom fetch sends every request of a manager", async () => {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const urls: string[] = [];
  const { manager } = await createTestManager(issuer, {
    fetch: (input, init) => {
      urls.push(new URL(String(input)).pathname);
      return fetch(input, init);
    },
  });
  await manager.fetch(issuer.url);
  expect(urls.sort()).toEqual([
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/mcp",
    "/token",
  ]);
});
