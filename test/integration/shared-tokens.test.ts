import { describe, expect, test } from "vitest";
import type { McpAuthConfig, McpAuthEvents, McpAuthStore } from "../../src/index.js";
import { parseJsonObject } from "../../src/lib/json-object.js";
import { createMemoryStore, MemoryData } from "../../src/testing.js";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { sharedMemory } from "../support/shared-memory.js";
import { jwt } from "./canaries-stage.js";
import {
  createTestManager,
  createTestRuntime,
  type ScriptedIssuer,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
} from "./harness.js";
import { measureFakeSeconds } from "./measure-fake-seconds.js";

/** Starts an issuer that issues `t1`, `t2` and so on. */
async function countingIssuer(lifetime = 3_600): Promise<ScriptedIssuer> {
  let count = 0;
  return await startScriptedIssuer((_request, response) => {
    count += 1;
    sendToken(response, `t${count}`, lifetime);
  });
}

describe("tokens in a store", () => {
  test("twenty processes that start at the same time send one token request, and a later one sends none", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const managers = await Promise.all(
      Array.from(
        { length: 20 },
        async () => (await createTestManager(issuer, { store: memory.store() })).manager,
      ),
    );
    expect(new Set(await Promise.all(managers.map((manager) => manager.getAccessToken())))).toEqual(
      new Set(["t1"]),
    );
    const { manager, auth } = await createTestManager(issuer, { store: memory.store() });
    const renewed: unknown[] = [];
    auth.on("token:renewed", (event) => renewed.push(event));
    const token = await manager.getToken();
    expect(token).toMatchObject({
      accessToken: "t1",
      scopes: [],
      issuer: issuer.server.origin,
      resource: issuer.url,
    });
    expect(token.expiresAt - token.requestedAt).toBe(3_600_000);
    expect(issuer.tokenRequests().length).toBe(1);
    expect(renewed).toEqual([]);
  });

  test("stored tokens and their metadata are encrypted", async () => {
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "canary-token"));
    const memory = sharedMemory();
    const { manager } = await createTestManager(issuer, { store: memory.store() });
    await manager.getAccessToken();
    expect(memory.data.entries.size).toBeGreaterThan(0);
    const everything = JSON.stringify([...memory.data.entries]);
    for (const text of ["canary", issuer.server.origin, "agent"]) expect(everything).not.toContain(text);
  });

  test("a forced refresh requests a token, and a process that starts later uses it", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const { manager } = await createTestManager(issuer, { store: memory.store() });
    await manager.getAccessToken();
    expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t2");
    const { manager: another } = await createTestManager(issuer, { store: memory.store() });
    expect(await another.getAccessToken()).toBe("t2");
  });

  test("a refused token is replaced by a newer one from the store without a token request", async () => {
    let accepted = "t1";
    let count = 0;
    const issuer = await startScriptedIssuer(
      (_request, response) => {
        count += 1;
        sendToken(response, `t${count}`);
      },
      (request, response) => {
        const isGood = request.headers.authorization === `Bearer ${accepted}`;
        sendJson(response, {}, isGood ? 200 : 401);
      },
    );
    const memory = sharedMemory();
    const [one, other] = [
      (await createTestManager(issuer, { store: memory.store() })).manager,
      (await createTestManager(issuer, { store: memory.store() })).manager,
    ];
    expect((await one.fetch(issuer.url)).status).toBe(200);
    expect((await other.fetch(issuer.url)).status).toBe(200);
    accepted = "t2";
    expect((await one.fetch(issuer.url)).status).toBe(200);
    expect((await other.fetch(issuer.url)).status).toBe(200);
    expect(count).toBe(2);
    const { manager: third } = await createTestManager(issuer, { store: memory.store() });
    expect(await third.getAccessToken()).toBe("t2");
  });

  test.each([
    ["scopes", { scopes: ["other"] }],
    ["resource", { resource: "https://other.example" }],
    ["audience", { audience: "https://other.example" }],
    ["params", { params: { tenant: "other" } }],
    ["the value of a param's variable", { params: { tenant: { env: "OTHER" } } }],
    ["client", { id: "other" }],
  ] as const)("processes that differ in %s do not share a token", async (_name, change) => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const { manager } = await createTestManager(issuer, { store: memory.store() });
    await manager.getAccessToken();
    const { id, ...grant } = { id: "agent", ...change };
    const client = { issuer: issuer.server.origin, id, secret: { env: "SECRET" } };
    const config: McpAuthConfig<"tools"> = {
      servers: { tools: { url: issuer.url, grant: { client, ...grant } } },
    };
    for (const value of ["a", "a", "b"]) {
      const auth = await createTestRuntime({
        config,
        env: { ...issuer.env, OTHER: value },
        store: memory.store(),
      });
      await auth.resolve("tools").getAccessToken();
    }
    expect(issuer.tokenRequests().length).toBe(
      "params" in change && typeof change.params.tenant === "object" ? 3 : 2,
    );
  });

  const urn = "urn:ietf:params:oauth:token-type";
  const actor = (name: string) => ({ actor: { token: { env: name } } });
  const exchange = { type: "token_exchange", subject: { token: { env: "ANN" } } };
  const extension = (grantType: string) => ({ type: "extension", grantType, params: { account: "a" } });
  const assertion = (name: string) => ({ type: "jwt_bearer", assertion: { env: name } });
  const inParams = (name: string) => {
    const params = { subject_token: { env: name }, subject_token_type: `${urn}:jwt` };
    return { type: "token_exchange", params };
  };
  test.each<[string, object, object]>([
    ["use", { audience: "a" }, { audience: "a", use: "id_token" }],
    ["grantType", extension("urn:acme:one"), extension("urn:acme:other")],
    ["requestedType", exchange, { ...exchange, requestedType: "jwt" }],
    ["actor", { ...exchange, ...actor("ANN") }, { ...exchange, ...actor("BOB") }],
    ["assertion", assertion("ANN"), assertion("BOB")],
    ["a subject in params", inParams("ANN"), inParams("BOB")],
    ["scopes, none or those of the server", {}, { scopes: [] }],
    ["the token endpoint", { endpoint: "/token" }, { endpoint: "/token/of-another-tenant" }],
  ])("processes whose configs differ only in %s do not share a token", async (_name, one, other) => {
    let count = 0;
    const id_token = jwt("https://auth.example", { aud: "a" });
    const issue: Handler = (_request, response) => {
      count += 1;
      sendJson(response, { access_token: `t${count}`, token_type: "Bearer", expires_in: 3_600, id_token });
    };
    const issuer = await startScriptedIssuer(issue, issue);
    const memory = sharedMemory();
    const { origin } = issuer.server;
    const env = {
      ...issuer.env,
      ANN: jwt("https://idp.example", { sub: "ann" }),
      BOB: jwt("https://idp.example", { sub: "bob" }),
    };
    const configs: readonly { readonly endpoint?: string }[] = [one, one, other, other];
    for (const { endpoint, ...grant } of configs) {
      const client = {
        ...{ issuer: origin, id: "agent", secret: { env: "SECRET" } },
        ...(endpoint !== undefined && { metadata: { tokenEndpoint: `${origin}${endpoint}` } }),
      };
      const config = { servers: { tools: { url: issuer.url, grant: { client, ...grant } } } };
      // Built from parts.
      const auth = await createTestRuntime<string>({ config: config as never, env, store: memory.store() });
      await auth.resolve("tools").getAccessToken();
    }
    expect(count).toBe(2);
  });

  test("processes share a token despite another server name, a rotated secret or another order of scopes", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
    for (const [name, secret, scopes] of [
      ["a", "one", ["x", "y"]],
      ["b", "two", ["y", "x"]],
    ] as const) {
      const config: McpAuthConfig = { servers: { [name]: { url: issuer.url, grant: { client, scopes } } } };
      const auth = await createTestRuntime({ config, env: { SECRET: secret }, store: memory.store() });
      expect(await auth.resolve(name).getAccessToken()).toBe("t1");
    }
  });
});

describe("refused tokens with a store", () => {
  /** Starts a server that accepts only `accepted`, and an issuer that issues `t1`, `t2` and so on. */
  async function refusingServer(accepted: () => string) {
    let count = 0;
    return await startScriptedIssuer(
      (_request, response) => {
        count += 1;
        sendToken(response, `t${count}`);
      },
      (request, response) => {
        const isGood = request.headers.authorization === `Bearer ${accepted()}`;
        sendJson(response, {}, isGood ? 200 : 401);
      },
    );
  }

  test("a refused token is replaced in the store even if the call cannot be sent again", async () => {
    const issuer = await refusingServer(() => "t2");
    const memory = sharedMemory();
    const statuses: number[] = [];
    for (const _ of [1, 2]) {
      const { manager, auth } = await createTestManager(issuer, { store: memory.store() });
      const body = new Blob(["a body that is read once"]).stream();
      const response = await manager.fetch(issuer.url, {
        method: "POST",
        body,
        duplex: "half",
      } as RequestInit);
      statuses.push(response.status);
      await auth.stop();
    }
    expect([statuses, issuer.tokenRequests().length]).toEqual([[401, 200], 2]);
  });

  test("if the newer token from the store is refused too, the process requests its own", async () => {
    let accepted = "t1";
    const issuer = await refusingServer(() => accepted);
    const memory = sharedMemory();
    const [one, other] = [
      (await createTestManager(issuer, { store: memory.store() })).manager,
      (await createTestManager(issuer, { store: memory.store() })).manager,
    ];
    expect((await one.fetch(issuer.url)).status).toBe(200);
    await other.getAccessToken({ forceRefresh: true });
    accepted = "t3";
    expect((await one.fetch(issuer.url)).status).toBe(200);
    expect([await one.getAccessToken(), one.status().state]).toEqual(["t3", "fresh"]);
  });

  test("ten processes with refused tokens send no more token requests than one allowance", async () => {
    const issuer = await refusingServer(() => "none");
    const memory = sharedMemory();
    for (let process = 0; process < 10; process += 1) {
      const { manager } = await createTestManager(issuer, { store: memory.store() });
      for (const _ of [1, 2, 3]) expect((await manager.fetch(issuer.url)).status).toBe(401);
    }
    // The first token, and five replacements of refused ones.
    expect(issuer.tokenRequests().length).toBe(6);
  });
});

test("a process in a cool-down uses the token that another process has obtained", async () => {
  let secret = "wrong";
  const issuer = await startScriptedIssuer((_request, response) => {
    if (secret === "wrong") return sendJson(response, { error: "invalid_client" }, 401);
    sendToken(response, "t1");
  });
  const memory = sharedMemory();
  const { manager: one } = await createTestManager(issuer, { store: memory.store() });
  const { manager: other } = await createTestManager(issuer, { store: memory.store() });
  await expect(one.getAccessToken()).rejects.toMatchObject({ code: "token_request_rejected" });
  expect(one.status().state).toBe("cooldown");
  secret = "right";
  await other.getAccessToken();
  expect(await one.getAccessToken()).toBe("t1");
});

describe("calls that wait for something that never answers", () => {
  const never = () => new Promise<never>(() => {});
  const defaults = { timeout: "100ms", deadline: "200ms" } as const;

  test("a call whose subject token function never answers rejects with timeout", async () => {
    const issuer = await countingIssuer();
    const { url, server } = issuer;
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const grant = { type: "token_exchange", client, subject: { token: { runtime: true } } } as const;
    const config: McpAuthConfig<"tools"> = { defaults, servers: { tools: { url, grant } } };
    const { manager } = await createTestManager({ ...issuer, config }, { store: sharedMemory().store() });
    const user = manager.for({ key: "ann", subjectToken: never });
    await expect(user.getAccessToken()).rejects.toMatchObject({ code: "timeout" });
  });

  test("a call whose store key never arrives rejects with timeout", async () => {
    const issuer = await countingIssuer();
    const store = sharedMemory().store({ encryptionKeys: never });
    const { manager } = await createTestManager(
      { ...issuer, config: { ...issuer.config, defaults } },
      { store },
    );
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: "timeout" });
  });

  test.each([["get"], ["withLock"]] as const)(
    "a call whose store never answers %s rejects with timeout",
    async (method) => {
      const issuer = await countingIssuer();
      const store = sharedMemory().store({ [method]: never });
      const { manager } = await createTestManager(
        { ...issuer, config: { ...issuer.config, defaults } },
        { store },
      );
      await expect(manager.getAccessToken()).rejects.toMatchObject({ code: "timeout" });
    },
  );

  test("a call returns its new token even if the store never answers the write or releases the lock", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const whole = memory.store();
    const store = memory.store({
      set: never,
      async withLock(key, ttl, run) {
        const outcome = await whole.withLock(key, ttl, run);
        // Never releases the lock.
        return outcome.acquired ? await never() : outcome;
      },
    });
    const time = liveClock();
    const { manager, auth } = await createTestManager(issuer, {
      store,
      clock: time.clock,
      fetch: time.fetch,
    });
    const call = manager.getAccessToken();
    expect(await measureFakeSeconds(time, () => call, time.quiet)).toBeLessThan(5);
    expect(await call).toBe("t1");
    expect(await measureFakeSeconds(time, () => auth.stop(), time.quiet)).toBeLessThan(5);
  });
});

describe("stores that are passed in code", () => {
  const { encryptionKeys, ...methods } = sharedMemory().store();

  test.each([
    ["without a method", { ...methods, get: undefined, encryptionKeys }, "no method `get`"],
    ["without any method, as in a copy by spread,", { encryptionKeys }, "no method `get`"],
    ["without encryption keys", methods, "no `encryptionKeys`"],
    [
      "with encryption keys instead of a function",
      { ...methods, encryptionKeys: ["key"] },
      "no `encryptionKeys`",
    ],
  ])("a store %s is config_invalid", async (_name, given, message) => {
    // JavaScript code can pass anything.
    const store = given as object as McpAuthStore;
    const { config, env } = await countingIssuer();
    await expect(createTestRuntime({ config, env, store })).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining(message),
    });
  });
});

describe("unusable stores", () => {
  test("with a failing store, processes request their own tokens, no call fails, and there is one event", async () => {
    const issuer = await countingIssuer();
    const fails = () => Promise.reject(new Error("secret-of-the-library"));
    const store = sharedMemory().store({ get: fails, set: fails, withLock: fails });
    const { manager, auth } = await createTestManager(issuer, { store });
    const events: McpAuthEvents["store:down"][] = [];
    auth.on("store:down", (event) => events.push(event));
    expect(await manager.getAccessToken()).toBe("t1");
    expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t2");
    expect(events).toEqual([
      {
        server: "tools",
        issuer: issuer.server.origin,
        reason: "demand",
        attempt: 1,
        durationMs: expect.any(Number),
        code: "store_unavailable",
        message: expect.stringContaining("The store of the config cannot be used"),
      },
    ]);
  });

  test("a store entry that cannot be decrypted causes a warning and is replaced by a new token", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    await (await createTestManager(issuer, { store: memory.store() })).manager.getAccessToken();
    for (const [key, entry] of memory.data.entries) {
      if (key.startsWith("token.")) memory.data.entries.set(key, { ...entry, value: "damaged" });
    }
    const { manager, auth } = await createTestManager(issuer, { store: memory.store() });
    const warnings: unknown[] = [];
    auth.on("token:warning", ({ code }) => warnings.push(code));
    expect(await manager.getAccessToken()).toBe("t2");
    expect(warnings).toEqual(["store_unavailable"]);
    expect(await (await createTestManager(issuer, { store: memory.store() })).manager.getAccessToken()).toBe(
      "t2",
    );
  });

  test("store entries of another key are not used", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    await (await createTestManager(issuer, { store: memory.store() })).manager.getAccessToken();
    const { data } = memory;
    const other = sharedMemory();
    for (const [key, entry] of data.entries) other.data.entries.set(key, entry);
    expect(await (await createTestManager(issuer, { store: other.store() })).manager.getAccessToken()).toBe(
      "t2",
    );
  });

  test("an invalid store key is key_invalid, a throwing key function secret_unavailable, and no token is requested", async () => {
    const issuer = await countingIssuer();
    const store = sharedMemory().store({ encryptionKeys: () => ["too short"] });
    const { manager } = await createTestManager(issuer, { store });
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: "key_invalid" });
    const forced = manager.getAccessToken({ forceRefresh: true });
    await expect(forced).rejects.toMatchObject({ code: "key_invalid" });
    const throws = sharedMemory().store({
      encryptionKeys() {
        throw new Error("secret");
      },
    });
    const { manager: another } = await createTestManager(issuer, { store: throws });
    await expect(another.getAccessToken()).rejects.toMatchObject({ code: "secret_unavailable" });
    expect(issuer.tokenRequests()).toEqual([]);
  });

  test("a process waits for the lock of another process and requests a token if none is stored", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const store = memory.store();
    const taken = new Set<string>();
    const blocking = memory.store({
      async withLock(key, ttl, run) {
        // Another process holds the lock.
        if (!taken.has(key)) memory.data.locked.add(key);
        taken.add(key);
        return await store.withLock(key, ttl, run);
      },
    });
    const time = liveClock();
    const { manager } = await createTestManager(issuer, {
      store: blocking,
      clock: time.clock,
      fetch: time.fetch,
    });
    const call = manager.getAccessToken();
    expect(await measureFakeSeconds(time, () => call, time.quiet)).toBeGreaterThan(1);
    expect(await call).toBe("t1");
  });

  test("a failed token request releases the lock, and other processes send their own request", async () => {
    const gate = deferred<void>();
    let count = 0;
    const issuer = await startScriptedIssuer(async (_request, response) => {
      count += 1;
      if (count > 1) return sendToken(response, "good");
      await gate.promise;
      sendJson(response, { error: "invalid_client" }, 401);
    });
    const memory = sharedMemory();
    const [one, other] = [
      (await createTestManager(issuer, { store: memory.store() })).manager,
      (await createTestManager(issuer, { store: memory.store() })).manager,
    ];
    const first = one.getAccessToken().catch((error: unknown) => error);
    await issuer.receivedTokenRequests(1);
    const second = other.getAccessToken();
    gate.resolve();
    expect(await first).toMatchObject({ code: "token_request_rejected" });
    expect(await second).toBe("good");
  });
});

describe("the lifetime and format of stored tokens", () => {
  test.each([
    ["ahead", 600_000],
    ["behind", -600_000],
  ])(
    "a stored token has its full lifetime in a process whose clock is ten minutes %s",
    async (_name, shift) => {
      const issuer = await countingIssuer(300);
      const data = new MemoryData();
      const clock = fakeClock();
      const store = () => ({ ...createMemoryStore({ data, clock }), encryptionKeys: false as const });
      const other = { now: () => clock.now() + shift, setTimeout: clock.setTimeout };
      const { manager: one } = await createTestManager(issuer, { store: store(), clock });
      const { manager: two } = await createTestManager(issuer, { store: store(), clock: other });
      await one.getAccessToken();
      const token = await two.getToken();
      expect([token.accessToken, token.expiresAt - other.now()]).toEqual(["t1", 300_000]);
      expect([two.status().state, issuer.tokenRequests().length]).toEqual(["fresh", 1]);
      clock.jump(290_000);
      expect([two.status().state, await two.getAccessToken()]).toEqual(["expired", "t2"]);
    },
  );

  test("a stored token is not used beyond its lifetime, even if its store entry expires later", async () => {
    const issuer = await countingIssuer(300);
    const memory = sharedMemory();
    await (await createTestManager(issuer, { store: memory.store() })).manager.getAccessToken();
    for (const [key, entry] of memory.data.entries) {
      memory.data.entries.set(key, { ...entry, expiresAt: entry.expiresAt + 3_600_000 });
    }
    const { manager } = await createTestManager(issuer, { store: memory.store() });
    const { accessToken, expiresAt } = await manager.getToken();
    expect([accessToken, expiresAt <= Date.now() + 300_000]).toEqual(["t1", true]);
  });

  test.each([
    ["of an earlier version is replaced", { v: 0 }, "t2"],
    ["of a later version is replaced", { v: 2 }, "t2"],
    ["without an expiry is replaced", { expiresAt: undefined }, "t2"],
    ["with an unknown token type is replaced", { tokenType: "MAC" }, "t2"],
    ["with an unknown member is used", { more: true }, "t1"],
  ])("a stored token %s", async (_name, change, expected) => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    const store = () => memory.store({ encryptionKeys: false });
    await (await createTestManager(issuer, { store: store() })).manager.getAccessToken();
    const [key, entry] = [...memory.data.entries].find(([name]) => name.startsWith("token.")) ?? [];
    if (key === undefined || entry === undefined) throw new Error("The store has no token.");
    const value = JSON.stringify({ ...parseJsonObject(entry.value), ...change });
    memory.data.entries.set(key, { ...entry, value });
    expect(await (await createTestManager(issuer, { store: store() })).manager.getAccessToken()).toBe(
      expected,
    );
    expect(parseJsonObject(memory.data.entries.get(key)?.value ?? "")).toMatchObject({
      ...{ v: 1, accessToken: expected },
    });
  });
});

describe("metadata in a store", () => {
  test("a process with stored token and metadata sends no request on startup", async () => {
    const issuer = await countingIssuer();
    const memory = sharedMemory();
    await (await createTestManager(issuer, { store: memory.store() })).manager.getAccessToken();
    const before = issuer.server.requests.length;
    await (await createTestManager(issuer, { store: memory.store() })).manager.getAccessToken();
    expect(issuer.server.requests.length).toBe(before);
    const { manager } = await createTestManager(issuer, { store: memory.store() });
    await manager.getAccessToken({ forceRefresh: true });
    expect(issuer.server.requests.slice(before).map(({ url }) => url)).toEqual(["/token"]);
  });

  test("a token endpoint that has moved is found through new metadata, which replaces the stored metadata", async () => {
    const paths = ["/token"];
    const server = await startScriptedServer((request, response) => {
      if (request.url === "/.well-known/oauth-authorization-server") {
        return sendJson(response, { issuer: server.origin, token_endpoint: server.origin + paths[0] });
      }
      return request.url === paths[0] ? sendToken(response, "t") : sendJson(response, {}, 404);
    });
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const config = { servers: { tools: { url: `${server.origin}/mcp`, grant: { client } } } };
    const memory = sharedMemory();
    const world = { config, env: { SECRET: "s" } };
    await (await createTestManager(world, { store: memory.store() })).manager.getAccessToken();
    paths[0] = "/moved";
    for (const _ of [1, 2]) {
      const { manager } = await createTestManager(world, { store: memory.store() });
      await manager.getAccessToken({ forceRefresh: true });
    }
    const lookups = server.requests.filter(({ url }) => url.endsWith("server") || url === "/token");
    expect(lookups.length).toBe(4);
  });
});
