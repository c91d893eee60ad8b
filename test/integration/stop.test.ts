import { describe, expect, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  createTestManager,
  recordUnhandledRejections,
  sendToken,
  startScriptedIssuer,
  startWorld,
  viaFetchV2,
} from "./harness.js";

/** Creates a manager whose issuer holds token requests after `hold` until `open` is called. */
async function heldManager() {
  const gate = deferred();
  let held = false;
  const issuer = await startScriptedIssuer(async (_request, response) => {
    const number = issuer.tokenRequests().length;
    if (held) await gate.promise;
    sendToken(response, `t${number}`);
  });
  const clock = fakeClock(Date.now());
  const { auth, manager } = await createTestManager(issuer, { clock });
  return {
    auth,
    manager,
    clock,
    issuer,
    hold: () => {
      held = true;
    },
    open: gate.resolve,
  };
}

/** Returns whether a promise is already settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const first = await Promise.race([promise.catch(() => {}), Promise.resolve(pending)]);
  return first !== pending;
}

describe("stop()", () => {
  test("after stop(), all calls reject with `stopped`, even with a fresh token", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    await manager.getAccessToken();
    await auth.stop();
    const calls = [
      manager.getAccessToken(),
      manager.getToken(),
      manager.getToken({ forceRefresh: true }),
      manager.getHeaders(),
      manager.fetch(world.mcp.url),
    ];
    for (const error of await Promise.all(calls.map(rejectionOf))) {
      expect(error).toMatchObject({ code: "stopped", server: "tools", retryable: false });
    }
    expect(() => auth.resolve("tools")).toThrowError(expect.objectContaining({ code: "stopped" }));
    expect((await rejectionOf(auth.start())).code).toBe("stopped");
    expect(auth.status()).toMatchObject([{ server: "tools", state: "stopped" }]);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("after stop(), calls of a connected client reject", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    const client = await viaFetchV2(manager);
    await auth.stop();
    await expect(client.echo("x")).rejects.toThrow(/stopped/);
  });

  test("stop() cancels all timers", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { tools } = world.config.servers;
    const { clock, fetch, advance } = liveClock();
    const config = { servers: { tools: { ...tools, refresh: { schedule: "* * * * *" } } } };
    const { auth } = await createTestManager(world, { config, clock, fetch });
    await auth.start();
    await advance(1);
    expect(clock.pending.length).toBe(2);
    expect(clock.pending.every(({ unrefd }) => unrefd)).toBe(true);
    await auth.stop();
    expect(clock.pending).toEqual([]);
    expect(auth.status()[0]).not.toHaveProperty("nextRefreshAt");
    const requests = world.issuer.tokenRequests.length;
    await advance(600_000);
    expect(world.issuer.tokenRequests).toHaveLength(requests);
  });

  test("stop() waits for a token request within the grace period, and its callers get the token", async () => {
    const { auth, manager, issuer, hold, open } = await heldManager();
    hold();
    const calls = [manager.getAccessToken(), manager.getAccessToken()];
    await issuer.receivedTokenRequests(1);
    const stopping = auth.stop();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
    expect(await isSettled(stopping)).toBe(false);
    open();
    expect(await Promise.all(calls)).toEqual(["t1", "t1"]);
    await stopping;
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
  });

  test("stop() aborts a token request after five seconds, and its callers get `stopped`", async () => {
    const unhandled = recordUnhandledRejections();
    const { auth, manager, issuer, hold, clock } = await heldManager();
    hold();
    const calls = [
      rejectionOf(manager.getAccessToken()),
      rejectionOf(manager.getToken({ forceRefresh: true })),
    ];
    await issuer.receivedTokenRequests(1);
    const stopping = auth.stop();
    await clock.advance(4_999);
    expect(await isSettled(stopping)).toBe(false);
    await clock.advance(1);
    await stopping;
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "stopped", server: "tools" });
    }
    expect(clock.pending).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  test("stop() waits at most five seconds for a background renewal, without an unhandled rejection", async () => {
    const unhandled = recordUnhandledRejections();
    const { auth, manager, issuer, hold, clock } = await heldManager();
    expect(await manager.getAccessToken()).toBe("t1");
    hold();
    await clock.advance(3_300_000);
    // The token is stale: the call returns it and starts a renewal.
    expect(await manager.getAccessToken()).toBe("t1");
    await issuer.receivedTokenRequests(2);
    const stopping = auth.stop();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
    await clock.advance(5_000);
    await stopping;
    expect(clock.pending).toEqual([]);
    expect(unhandled).toEqual([]);
    expect(auth.status()).toMatchObject([{ state: "stopped" }]);
  });

  test("stop() ends the pause between two attempts of a token request", async () => {
    const issuer = await startScriptedIssuer((_request, response) => void response.writeHead(503).end());
    const clock = fakeClock(Date.now());
    const config = {
      ...issuer.config,
      defaults: { retry: { min: "8s", max: "8s" }, deadline: "1h" },
    } as const;
    const { auth, manager } = await createTestManager(issuer, { config, clock });
    const failed = new Promise((resolve) => auth.on("token:failed", resolve));
    const call = rejectionOf(manager.getAccessToken());
    await failed;
    await clock.settle();
    const stopping = auth.stop();
    // The pause is random and may end within the grace period. Then there is another attempt and a longer pause.
    await clock.advance(5_000);
    await stopping;
    expect((await call).code).toMatch(/^(stopped|unavailable)$/);
    expect(clock.pending).toEqual([]);
  });

  test("stop() can be called several times, concurrently and later", async () => {
    const { auth, manager, issuer, hold, open } = await heldManager();
    hold();
    const call = manager.getAccessToken();
    await issuer.receivedTokenRequests(1);
    const stops = [auth.stop(), auth.stop(), auth[Symbol.asyncDispose]()];
    open();
    expect(await call).toBe("t1");
    await Promise.all(stops);
    await auth.stop();
  });

  test("stop() before the first call resolves without sending a request", async () => {
    const world = await startWorld();
    const { auth, manager } = await createTestManager(world);
    await auth.stop();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
    expect([...world.issuer.tokenRequests, ...world.mcp.requests]).toEqual([]);
  });

  test("stop() during start() makes it return `stopped` for servers without a response", async () => {
    const { auth, issuer, hold, clock } = await heldManager();
    hold();
    const starting = auth.start();
    await issuer.receivedTokenRequests(1);
    const stopping = auth.stop();
    await clock.advance(5_000);
    await stopping;
    expect(await starting).toMatchObject([{ code: "stopped", server: "tools" }]);
  });

  test("after stop(), a token that a host saves starts nothing", async () => {
    const { oauthProvider } = await import("../../src/hosts/mcp-sdk.js");
    const { auth, manager, clock } = await heldManager();
    const provider = oauthProvider(manager);
    await manager.getAccessToken();
    await auth.stop();
    provider.saveTokens({ access_token: "late", token_type: "Bearer", expires_in: 60 });
    provider.invalidateCredentials();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
    expect(clock.pending).toEqual([]);
  });
});

test("`await using` stops the runtime at the end of the block", async () => {
  const world = await startWorld();
  let manager: ReturnType<Awaited<ReturnType<typeof createMcpAuth>>["resolve"]>;
  {
    await using auth = await createMcpAuth({ config: world.config, env: world.env });
    manager = auth.resolve("tools");
    await manager.getAccessToken();
    expect(manager.status().state).toBe("fresh");
  }
  expect(manager.status().state).toBe("stopped");
  expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
});
