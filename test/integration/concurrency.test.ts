import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  createTestManager,
  createTestRuntime,
  recordEvents,
  recordUnhandledRejections,
  renewalReasons,
  sendToken,
  startScriptedIssuer,
  startWorld,
  viaAuthProviderV2,
  viaFetchV1,
  viaFetchV2,
} from "./harness.js";

const thousand = Array.from({ length: 1_000 }, (_, index) => index);

describe("1,000 concurrent first calls", () => {
  test("1,000 concurrent first calls of different methods send one token request", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    const heard = recordEvents(auth);
    const calls = thousand.map(async (index): Promise<string> => {
      if (index % 4 === 0) return await manager.getAccessToken();
      if (index % 4 === 1) return (await manager.getToken()).accessToken;
      if (index % 4 === 2)
        return ((await manager.getHeaders())["authorization"] ?? "").replace("Bearer ", "");
      const { signal } = new AbortController();
      return await manager.getAccessToken({ signal });
    });
    const tokens = new Set(await Promise.all(calls));
    expect(tokens.size).toBe(1);
    expect(world.issuer.tokenRequests).toHaveLength(1);
    expect(renewalReasons(heard)).toEqual(["demand"]);
    const metadata = world.mcp.requests.filter(({ path }) => path.startsWith("/.well-known/"));
    expect(metadata).toHaveLength(1);
  });

  test("1,000 concurrent first calls of fetch send one token request, and each gets a response", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world);
    const statuses = await Promise.all(
      thousand.map(async () => {
        const response = await manager.fetch(world.mcp.url);
        await response.body?.cancel();
        return response.status;
      }),
    );
    // The endpoint answers 405 to a GET with a valid token, and 401 otherwise.
    expect(new Set(statuses)).toEqual(new Set([405]));
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("1,000 concurrent first calls of several managers fetch the metadata of their common issuer once", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const lookups: string[] = [];
    const auth = await createTestRuntime({
      config: { servers: { a: tools, b: tools, c: tools } },
      env: world.env,
      fetch: (input, init) => {
        lookups.push(String(input));
        return fetch(input, init);
      },
    });
    await Promise.all(
      thousand.map((index) => auth.resolve((["a", "b", "c"] as const)[index % 3] ?? "a").getToken()),
    );
    expect(lookups.filter((url) => url.endsWith("/.well-known/oauth-authorization-server"))).toHaveLength(1);
    expect(world.issuer.tokenRequests).toHaveLength(3);
  });

  test("1,000 concurrent first calls with a wrong secret reject with the refusal of one token request", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world, { env: { SECRET: "wrong" } });
    const errors = await Promise.all(thousand.map(() => rejectionOf(manager.getAccessToken())));
    expect(new Set(errors.map(({ oauthError }) => oauthError))).toEqual(new Set(["invalid_client"]));
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });
});

describe("1,000 calls across an expiry", () => {
  test("1,000 concurrent calls after the expiry of a token send one more token request, and none fails", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { clock, fetch, advance } = liveClock();
    const config = { ...world.config, defaults: { refresh: false } } as const;
    const { auth, manager } = await createTestManager(world, { config, clock, fetch });
    const heard = recordEvents(auth);
    const first = await manager.getAccessToken();
    await advance(60_000);
    expect(manager.status().state).toBe("expired");
    const tokens = await Promise.all(thousand.map(() => manager.getAccessToken()));
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).not.toBe(first);
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(renewalReasons(heard)).toEqual(["demand", "demand"]);
  });

  test("1,000 calls over the time at which a token becomes stale send one more token request, in the background", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { clock, fetch, advance } = liveClock();
    const { auth, manager } = await createTestManager(world, { clock, fetch });
    const heard = recordEvents(auth);
    await manager.getAccessToken();
    const requestsBefore = world.issuer.tokenRequests.length;
    for (let step = 0; step < 100; step += 1) {
      await Promise.all(Array.from({ length: 10 }, () => manager.getAccessToken()));
      // A minute in total, ten seconds less than until the second token is renewed.
      await advance(600);
    }
    expect(requestsBefore).toBe(1);
    expect(renewalReasons(heard)).toEqual(["demand", "expiry"]);
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(heard.filter(({ event }) => event !== "token:renewed")).toEqual([]);
  });

  test("60 concurrent calls of SDK clients after an expiry send one more token request, and none fails", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { clock, fetch, advance } = liveClock();
    const { manager } = await createTestManager(world, { clock, fetch });
    const clients = [await viaFetchV2(manager), await viaFetchV1(manager), await viaAuthProviderV2(manager)];
    expect(world.issuer.tokenRequests).toHaveLength(1);
    await advance(31 * 60_000 + 60_000);
    // The token was not used for longer than `idle`, so it was not renewed and has expired.
    const before = world.issuer.tokenRequests.length;
    expect(manager.status().state).toBe("asleep");
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => clients[index % 3]?.echo(String(index))),
    );
    expect(answers).toEqual(Array.from({ length: 60 }, (_, index) => String(index)));
    expect(world.issuer.tokenRequests).toHaveLength(before + 1);
  });
});

describe("a caller that aborts", () => {
  /** Starts an authorization server that answers when `open` is called. */
  async function slowServer() {
    const gate = deferred();
    const issuer = await startScriptedIssuer(async (_request, response) => {
      await gate.promise;
      sendToken(response, "t1");
    });
    const { manager } = await createTestManager(issuer);
    const tokenRequests = () => issuer.tokenRequests().length;
    return {
      manager,
      open: gate.resolve,
      tokenRequests,
      requestArrived: () => issuer.receivedTokenRequests(1),
      server: issuer.server,
    };
  }

  test("a call with an already aborted signal rejects with aborted, and nothing is sent", async () => {
    const { manager, server } = await slowServer();
    const options = { signal: AbortSignal.abort(new Error("canary")) };
    const calls = [manager.getAccessToken(options), manager.getToken(options), manager.getHeaders(options)];
    for (const error of await Promise.all(calls.map(rejectionOf))) {
      expect(error).toMatchObject({ code: "aborted", server: "tools" });
    }
    const sent = manager.fetch(manager.url, options);
    expect((await rejectionOf(sent)).code).toBe("aborted");
    expect(server.requests).toEqual([]);
  });

  test("a caller that aborts during a token request gets aborted immediately, and other callers get its token", async () => {
    const unhandled = recordUnhandledRejections();
    const { manager, open, tokenRequests, requestArrived } = await slowServer();
    const [first, second] = [new AbortController(), new AbortController()];
    const aborted = [
      rejectionOf(manager.getAccessToken({ signal: first.signal })),
      rejectionOf(manager.getToken({ signal: second.signal })),
      rejectionOf(manager.fetch(manager.url, { signal: second.signal })),
    ];
    const patient = [
      manager.getAccessToken(),
      manager.getAccessToken({ signal: new AbortController().signal }),
    ];
    await requestArrived();
    first.abort();
    second.abort(new DOMException("canary-reason", "TimeoutError"));
    for (const error of await Promise.all(aborted)) {
      expect(error).toMatchObject({ code: "aborted", server: "tools", retryable: false });
      expect(JSON.stringify(error)).not.toContain("canary");
    }
    open();
    expect(await Promise.all(patient)).toEqual(["t1", "t1"]);
    expect(tokenRequests()).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  test("the only caller aborts, the token request still finishes, and the next caller gets its token", async () => {
    const unhandled = recordUnhandledRejections();
    const { manager, open, tokenRequests, requestArrived } = await slowServer();
    const controller = new AbortController();
    const only = rejectionOf(manager.getAccessToken({ signal: controller.signal }));
    await requestArrived();
    controller.abort();
    expect((await only).code).toBe("aborted");
    const next = manager.getAccessToken();
    open();
    expect(await next).toBe("t1");
    expect(tokenRequests()).toBe(1);
    expect(unhandled).toEqual([]);
  });

  test("a caller that aborts a failing token request causes no unhandled rejection", async () => {
    const unhandled = recordUnhandledRejections();
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world, { env: { SECRET: "wrong" } });
    const failed = new Promise((resolve) => auth.on("token:cooldown", resolve));
    const controller = new AbortController();
    const only = rejectionOf(manager.getAccessToken({ signal: controller.signal }));
    controller.abort();
    expect((await only).code).toBe("aborted");
    await failed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("a caller that aborts after it has its token changes nothing, and its signal has no listener left", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world);
    const controller = new AbortController();
    await manager.getAccessToken({ signal: controller.signal });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    controller.abort();
    expect(manager.status().state).toBe("fresh");
  });

  test("a caller that aborts during the request to the MCP server gets an AbortError, as with fetch", async () => {
    const seen = deferred();
    const issuer = await startScriptedIssuer(
      (_request, response) => sendToken(response, "t"),
      () => seen.resolve(),
    );
    const { manager } = await createTestManager(issuer);
    const controller = new AbortController();
    const call = manager.fetch(issuer.url, { signal: controller.signal });
    await seen.promise;
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });
});
