import { describe, expect, test } from "vitest";
import type { McpAuthConfig, McpAuthEvents, McpAuthStore } from "../../src/index.js";
import { parseJsonObject } from "../../src/lib/json-object.js";
import { createMemoryStore, MemoryData } from "../../src/testing.js";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { sendJson } from "../support/http-server.js";
import { sharedMemory } from "../support/shared-memory.js";
import { liveClock, managerOf, type OwnIssuer, ownIssuer, ownServer, runtime, sendToken } from "./harness.js";
import { secondsNeeded } from "./seconds-needed.js";

/** Gives `t1`, `t2` and so on. */
async function counting(lifetime = 3_600): Promise<OwnIssuer> {
  let count = 0;
  return await ownIssuer((_request, response) => {
    count += 1;
    sendToken(response, `t${count}`, lifetime);
  });
}

describe("tokens in a store", () => {
  test("one request for processes that start at the same moment, and none for those that come later", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    const managers = await Promise.all(
      Array.from({ length: 20 }, async () => (await managerOf(issuer, { store: memory.store() })).manager),
    );
    expect(new Set(await Promise.all(managers.map((manager) => manager.getAccessToken())))).toEqual(
      new Set(["t1"]),
    );
    const { manager, auth } = await managerOf(issuer, { store: memory.store() });
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

  test("what is stored is sealed", async () => {
    const issuer = await ownIssuer((_request, response) => sendToken(response, "canary-token"));
    const memory = sharedMemory();
    const { manager } = await managerOf(issuer, { store: memory.store() });
    await manager.getAccessToken();
    expect(memory.data.entries.size).toBeGreaterThan(0);
    const everything = JSON.stringify([...memory.data.entries]);
    for (const text of ["canary", issuer.server.origin, "agent"]) expect(everything).not.toContain(text);
  });

  test("a forced refresh asks, and the others take what it brought once theirs is over", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    const { manager } = await managerOf(issuer, { store: memory.store() });
    await manager.getAccessToken();
    expect(await manager.getAccessToken({ forceRefresh: true })).toBe("t2");
    const { manager: another } = await managerOf(issuer, { store: memory.store() });
    expect(await another.getAccessToken()).toBe("t2");
  });

  test("a newer token that is in the store takes the place of one that the MCP server refuses", async () => {
    let accepted = "t1";
    let count = 0;
    const issuer = await ownIssuer(
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
      (await managerOf(issuer, { store: memory.store() })).manager,
      (await managerOf(issuer, { store: memory.store() })).manager,
    ];
    expect((await one.fetch(issuer.url)).status).toBe(200);
    expect((await other.fetch(issuer.url)).status).toBe(200);
    accepted = "t2";
    expect((await one.fetch(issuer.url)).status).toBe(200);
    expect((await other.fetch(issuer.url)).status).toBe(200);
    expect(count).toBe(2);
    const { manager: third } = await managerOf(issuer, { store: memory.store() });
    expect(await third.getAccessToken()).toBe("t2");
  });

  test.each([
    ["scopes", { scopes: ["other"] }],
    ["resource", { resource: "https://other.example" }],
    ["audience", { audience: "https://other.example" }],
    ["params", { params: { tenant: "other" } }],
    ["the value of a param", { params: { tenant: { env: "OTHER" } } }],
    ["client", { id: "other" }],
  ] as const)("another %s is another token", async (_name, change) => {
    const issuer = await counting();
    const memory = sharedMemory();
    const { manager } = await managerOf(issuer, { store: memory.store() });
    await manager.getAccessToken();
    const { id, ...grant } = { id: "agent", ...change };
    const client = { issuer: issuer.server.origin, id, secret: { env: "SECRET" } };
    const config: McpAuthConfig<"tools"> = {
      servers: { tools: { url: issuer.url, grant: { client, ...grant } } },
    };
    for (const value of ["a", "a", "b"]) {
      const auth = await runtime({ config, env: { ...issuer.env, OTHER: value }, store: memory.store() });
      await auth.resolve("tools").getAccessToken();
    }
    expect(issuer.tokenRequests().length).toBe(
      "params" in change && typeof change.params.tenant === "object" ? 3 : 2,
    );
  });

  test("the name in the config, a rotated secret and the order of scopes are no part of a token", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
    for (const [name, secret, scopes] of [
      ["a", "one", ["x", "y"]],
      ["b", "two", ["y", "x"]],
    ] as const) {
      const config: McpAuthConfig = { servers: { [name]: { url: issuer.url, grant: { client, scopes } } } };
      const auth = await runtime({ config, env: { SECRET: secret }, store: memory.store() });
      expect(await auth.resolve(name).getAccessToken()).toBe("t1");
    }
  });
});

describe("a token that the MCP server refuses", () => {
  /** A server that takes only `accepted`, and an issuer that gives `t1`, `t2` and so on. */
  async function refusing(accepted: () => string) {
    let count = 0;
    return await ownIssuer(
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

  test("is replaced, also where the call itself cannot be sent again", async () => {
    const issuer = await refusing(() => "t2");
    const memory = sharedMemory();
    const statuses: number[] = [];
    for (const _ of [1, 2]) {
      const { manager, auth } = await managerOf(issuer, { store: memory.store() });
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

  test("may be another process's too: then the call goes on with one of its own", async () => {
    let accepted = "t1";
    const issuer = await refusing(() => accepted);
    const memory = sharedMemory();
    const [one, other] = [
      (await managerOf(issuer, { store: memory.store() })).manager,
      (await managerOf(issuer, { store: memory.store() })).manager,
    ];
    expect((await one.fetch(issuer.url)).status).toBe(200);
    await other.getAccessToken({ forceRefresh: true });
    accepted = "t3";
    expect((await one.fetch(issuer.url)).status).toBe(200);
    expect([await one.getAccessToken(), one.status().state]).toEqual(["t3", "fresh"]);
  });

  test("costs all processes together no more requests than the allowance has", async () => {
    const issuer = await refusing(() => "none");
    const memory = sharedMemory();
    for (let process = 0; process < 10; process += 1) {
      const { manager } = await managerOf(issuer, { store: memory.store() });
      for (const _ of [1, 2, 3]) expect((await manager.fetch(issuer.url)).status).toBe(401);
    }
    // The first token, and five in place of refused ones.
    expect(issuer.tokenRequests().length).toBe(6);
  });
});

test("whoever is in a cool-down takes what another process has got", async () => {
  let secret = "wrong";
  const issuer = await ownIssuer((_request, response) => {
    if (secret === "wrong") return sendJson(response, { error: "invalid_client" }, 401);
    sendToken(response, "t1");
  });
  const memory = sharedMemory();
  const { manager: one } = await managerOf(issuer, { store: memory.store() });
  const { manager: other } = await managerOf(issuer, { store: memory.store() });
  await expect(one.getAccessToken()).rejects.toMatchObject({ code: "token_request_rejected" });
  expect(one.status().state).toBe("cooldown");
  secret = "right";
  await other.getAccessToken();
  expect(await one.getAccessToken()).toBe("t1");
});

describe("what never answers ends with the deadline", () => {
  const never = () => new Promise<never>(() => {});
  const defaults = { timeout: "100ms", deadline: "200ms" } as const;

  test("the subject token of a user", async () => {
    const issuer = await counting();
    const { url, server } = issuer;
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const grant = { type: "token_exchange", client, subject: { token: { runtime: true } } } as const;
    const config: McpAuthConfig<"tools"> = { defaults, servers: { tools: { url, grant } } };
    const { manager } = await managerOf({ ...issuer, config }, { store: sharedMemory().store() });
    const user = manager.for({ key: "ann", subjectToken: never });
    await expect(user.getAccessToken()).rejects.toMatchObject({ code: "timeout" });
  });

  test("the key of the store", async () => {
    const issuer = await counting();
    const store = sharedMemory().store({ encryptionKeys: never });
    const { manager } = await managerOf({ ...issuer, config: { ...issuer.config, defaults } }, { store });
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: "timeout" });
  });

  test.each([["get"], ["withLock"]] as const)("the store: %s", async (method) => {
    const issuer = await counting();
    const store = sharedMemory().store({ [method]: never });
    const { manager } = await managerOf({ ...issuer, config: { ...issuer.config, defaults } }, { store });
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: "timeout" });
  });

  test("but a token that is there is handed over, whatever becomes of the store", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    const whole = memory.store();
    const store = memory.store({
      set: never,
      async withLock(key, ttl, run) {
        const outcome = await whole.withLock(key, ttl, run);
        // The lock is never given back.
        return outcome.acquired ? await never() : outcome;
      },
    });
    const time = liveClock();
    const { manager, auth } = await managerOf(issuer, { store, clock: time.clock, fetch: time.fetch });
    const call = manager.getAccessToken();
    expect(await secondsNeeded(time, () => call)).toBeLessThan(5);
    expect(await call).toBe("t1");
    expect(await secondsNeeded(time, () => auth.stop())).toBeLessThan(5);
  });
});

describe("a store in code", () => {
  const { encryptionKeys, ...methods } = sharedMemory().store();

  test.each([
    ["without a method", { ...methods, get: undefined, encryptionKeys }, "no method `get`"],
    ["of which a copy was made that lost them", { encryptionKeys }, "no method `get`"],
    ["without keys", methods, "no `encryptionKeys`"],
    ["with keys and no function", { ...methods, encryptionKeys: ["key"] }, "no `encryptionKeys`"],
  ])("%s is refused at once", async (_name, given, message) => {
    // As somebody without types would.
    const store = given as object as McpAuthStore;
    const { config, env } = await counting();
    await expect(runtime({ config, env, store })).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining(message),
    });
  });
});

describe("a store that is of no use", () => {
  test("that fails: each asks by itself, no call fails, and it is said once", async () => {
    const issuer = await counting();
    const fails = () => Promise.reject(new Error("secret-of-the-library"));
    const store = sharedMemory().store({ get: fails, set: fails, withLock: fails });
    const { manager, auth } = await managerOf(issuer, { store });
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

  test("whose entry does not open: it is fetched anew, with an event, and the entry replaced", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    await (await managerOf(issuer, { store: memory.store() })).manager.getAccessToken();
    for (const [key, entry] of memory.data.entries) {
      if (key.startsWith("token.")) memory.data.entries.set(key, { ...entry, value: "damaged" });
    }
    const { manager, auth } = await managerOf(issuer, { store: memory.store() });
    const warnings: unknown[] = [];
    auth.on("token:warning", ({ code }) => warnings.push(code));
    expect(await manager.getAccessToken()).toBe("t2");
    expect(warnings).toEqual(["store_unavailable"]);
    expect(await (await managerOf(issuer, { store: memory.store() })).manager.getAccessToken()).toBe("t2");
  });

  test("of another key: nothing is taken from it", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    await (await managerOf(issuer, { store: memory.store() })).manager.getAccessToken();
    const { data } = memory;
    const other = sharedMemory();
    for (const [key, entry] of data.entries) other.data.entries.set(key, entry);
    expect(await (await managerOf(issuer, { store: other.store() })).manager.getAccessToken()).toBe("t2");
  });

  test("of a key that is none: it is said, and nothing is asked for", async () => {
    const issuer = await counting();
    const store = sharedMemory().store({ encryptionKeys: () => ["too short"] });
    const { manager } = await managerOf(issuer, { store });
    await expect(manager.getAccessToken()).rejects.toMatchObject({ code: "key_invalid" });
    const forced = manager.getAccessToken({ forceRefresh: true });
    await expect(forced).rejects.toMatchObject({ code: "key_invalid" });
    const throws = sharedMemory().store({
      encryptionKeys() {
        throw new Error("secret");
      },
    });
    const { manager: another } = await managerOf(issuer, { store: throws });
    await expect(another.getAccessToken()).rejects.toMatchObject({ code: "secret_unavailable" });
    expect(issuer.tokenRequests()).toEqual([]);
  });

  test("where somebody else holds the lock and brings nothing: it is waited for, and then asked", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    const store = memory.store();
    const taken = new Set<string>();
    const blocking = memory.store({
      async withLock(key, ttl, run) {
        // Somebody has it already.
        if (!taken.has(key)) memory.data.locked.add(key);
        taken.add(key);
        return await store.withLock(key, ttl, run);
      },
    });
    const time = liveClock();
    const { manager } = await managerOf(issuer, { store: blocking, clock: time.clock, fetch: time.fetch });
    const call = manager.getAccessToken();
    expect(await secondsNeeded(time, () => call)).toBeGreaterThan(1);
    expect(await call).toBe("t1");
  });

  test("a failing request frees the others, who try by themselves", async () => {
    const gate = deferred<void>();
    let count = 0;
    const issuer = await ownIssuer(async (_request, response) => {
      count += 1;
      if (count > 1) return sendToken(response, "good");
      await gate.promise;
      sendJson(response, { error: "invalid_client" }, 401);
    });
    const memory = sharedMemory();
    const [one, other] = [
      (await managerOf(issuer, { store: memory.store() })).manager,
      (await managerOf(issuer, { store: memory.store() })).manager,
    ];
    const first = one.getAccessToken().catch((error: unknown) => error);
    await issuer.asked(1);
    const second = other.getAccessToken();
    gate.resolve();
    expect(await first).toMatchObject({ code: "token_request_rejected" });
    expect(await second).toBe("good");
  });
});

describe("a stored token", () => {
  test.each([
    ["ahead", 600_000],
    ["behind", -600_000],
  ])("lasts as long where the clock is ten minutes %s", async (_name, shift) => {
    const issuer = await counting(300);
    const data = new MemoryData();
    const clock = fakeClock();
    const store = () => ({ ...createMemoryStore({ data, clock }), encryptionKeys: false as const });
    const other = { now: () => clock.now() + shift, setTimeout: clock.setTimeout };
    const { manager: one } = await managerOf(issuer, { store: store(), clock });
    const { manager: two } = await managerOf(issuer, { store: store(), clock: other });
    await one.getAccessToken();
    const token = await two.getToken();
    expect([token.accessToken, token.expiresAt - other.now()]).toEqual(["t1", 300_000]);
    expect([two.status().state, issuer.tokenRequests().length]).toEqual(["fresh", 1]);
    clock.jump(290_000);
    expect([two.status().state, await two.getAccessToken()]).toEqual(["expired", "t2"]);
  });

  test("is believed no longer than it lives, whatever the store says is left", async () => {
    const issuer = await counting(300);
    const memory = sharedMemory();
    await (await managerOf(issuer, { store: memory.store() })).manager.getAccessToken();
    for (const [key, entry] of memory.data.entries) {
      memory.data.entries.set(key, { ...entry, expiresAt: entry.expiresAt + 3_600_000 });
    }
    const { manager } = await managerOf(issuer, { store: memory.store() });
    const { accessToken, expiresAt } = await manager.getToken();
    expect([accessToken, expiresAt <= Date.now() + 300_000]).toEqual(["t1", true]);
  });

  test.each([
    ["of another version of the package is ignored, and replaced", { v: 0 }, "t2"],
    ["of another version, and later, too", { v: 2 }, "t2"],
    ["that lacks something too", { expiresAt: undefined }, "t2"],
    ["of a type that is not known too", { tokenType: "MAC" }, "t2"],
    ["with something more to it is understood", { more: true }, "t1"],
  ])("%s", async (_name, change, expected) => {
    const issuer = await counting();
    const memory = sharedMemory();
    const store = () => memory.store({ encryptionKeys: false });
    await (await managerOf(issuer, { store: store() })).manager.getAccessToken();
    const [key, entry] = [...memory.data.entries].find(([name]) => name.startsWith("token.")) ?? [];
    if (key === undefined || entry === undefined) throw new Error("Nothing is stored.");
    const value = JSON.stringify({ ...parseJsonObject(entry.value), ...change });
    memory.data.entries.set(key, { ...entry, value });
    expect(await (await managerOf(issuer, { store: store() })).manager.getAccessToken()).toBe(expected);
    expect(parseJsonObject(memory.data.entries.get(key)?.value ?? "")).toMatchObject({
      ...{ v: 1, accessToken: expected },
    });
  });
});

describe("metadata in a store", () => {
  test("a warm start makes no discovery request, nor any other", async () => {
    const issuer = await counting();
    const memory = sharedMemory();
    await (await managerOf(issuer, { store: memory.store() })).manager.getAccessToken();
    const before = issuer.server.requests.length;
    await (await managerOf(issuer, { store: memory.store() })).manager.getAccessToken();
    expect(issuer.server.requests.length).toBe(before);
    const { manager } = await managerOf(issuer, { store: memory.store() });
    await manager.getAccessToken({ forceRefresh: true });
    expect(issuer.server.requests.slice(before).map(({ url }) => url)).toEqual(["/token"]);
  });

  test("what is stored and has moved is asked for again", async () => {
    const paths = ["/token"];
    const server = await ownServer((request, response) => {
      if (request.url === "/.well-known/oauth-authorization-server") {
        return sendJson(response, { issuer: server.origin, token_endpoint: server.origin + paths[0] });
      }
      return request.url === paths[0] ? sendToken(response, "t") : sendJson(response, {}, 404);
    });
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const config = { servers: { tools: { url: `${server.origin}/mcp`, grant: { client } } } };
    const memory = sharedMemory();
    const world = { config, env: { SECRET: "s" } };
    await (await managerOf(world, { store: memory.store() })).manager.getAccessToken();
    paths[0] = "/moved";
    for (const _ of [1, 2]) {
      const { manager } = await managerOf(world, { store: memory.store() });
      await manager.getAccessToken({ forceRefresh: true });
    }
    const asked = server.requests.filter(({ url }) => url.endsWith("server") || url === "/token");
    expect(asked.length).toBe(4);
  });
});
