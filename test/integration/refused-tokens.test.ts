// A server that refuses a new token may refuse only one tool, session or path. So a refusal limits token requests,
// never calls. The runtime's clock moves only when a test moves it; servers and requests are real.
import { describe, expect, test } from "vitest";
import { createTestManager, sendToken, startScriptedIssuer } from "./harness.js";
import {
  createLiveManager,
  initialize,
  message,
  startRefusingProxy,
  statusOf,
  toolCall,
  toolIn,
  unauthorized,
} from "./refusing-proxy.js";
import { connectClient } from "./tool-client.js";

/** Returns whether a request calls the tool `jira`, which passes on the 401 of its own backend. */
const jiraRefuses = (body: string): boolean => toolIn(body) === "jira";

describe("a tool that answers 401 to every token", () => {
  test("a tool that refuses every token causes six token requests in a minute, and another tool always works", async () => {
    const world = await startRefusingProxy(
      ({ body }, response) => jiraRefuses(body) && unauthorized(response),
      { mcp: { toolScopes: { ping: [], jira: [] } } },
    );
    const { manager, advance, clock } = await createLiveManager(world);
    const client = await connectClient(manager);
    const started = clock.now();
    const at: number[] = [];
    let requestsSoFar = world.issuer.tokenRequests.length;
    expect(requestsSoFar).toBe(1);
    for (let second = 0; second < 60; second += 1) {
      await expect(client.call("jira", "x")).rejects.toMatchObject({ code: "CLIENT_HTTP_NOT_IMPLEMENTED" });
      expect(await client.call("ping", String(second))).toBe(String(second));
      if (world.issuer.tokenRequests.length > requestsSoFar) at.push((clock.now() - started) / 1_000);
      requestsSoFar = world.issuer.tokenRequests.length;
      await advance(1_000);
    }
    expect(at).toEqual([0, 1, 3, 7, 15, 31]);
    expect(world.issuer.tokenRequests).toHaveLength(1 + 6);
    // Refused calls are still sent: the hold applies only to token requests.
    expect(world.front.requests.filter(({ body }) => jiraRefuses(body))).toHaveLength(60 + 6);
  });

  test("a refused tool works as soon as it accepts the token, and its hold ends", async () => {
    let broken = true;
    const world = await startRefusingProxy(
      ({ body }, response) => broken && jiraRefuses(body) && unauthorized(response),
      { mcp: { toolScopes: { ping: [], jira: [] } } },
    );
    const { manager, advance } = await createLiveManager(world);
    for (let second = 0; second < 10; second += 1) {
      expect(await statusOf(manager, toolCall("jira"))).toBe(401);
      await advance(1_000);
    }
    broken = false;
    const before = world.issuer.tokenRequests.length;
    expect(await statusOf(manager, toolCall("jira"))).toBe(200);
    world.mcp.revoke(world.issuer.issued.at(-1)?.jti ?? "");
    expect(await statusOf(manager, toolCall("jira"))).toBe(200);
    expect(world.issuer.tokenRequests).toHaveLength(before + 1);
  });

  test("a real revocation is noticed by the next call of another tool, with one token request", async () => {
    const world = await startRefusingProxy(
      ({ body }, response) => jiraRefuses(body) && unauthorized(response),
      { mcp: { toolScopes: { ping: [], jira: [] } } },
    );
    const { manager, advance } = await createLiveManager(world);
    for (let second = 0; second < 20; second += 1) {
      await statusOf(manager, toolCall("jira"));
      await advance(1_000);
    }
    world.mcp.revoke(world.issuer.issued.at(-1)?.jti ?? "");
    const before = world.issuer.tokenRequests.length;
    expect(await statusOf(manager, toolCall("ping"))).toBe(200);
    expect(world.issuer.tokenRequests).toHaveLength(before + 1);
  });

  test("twelve concurrent calls of a refused tool cause no more token requests than single calls", async () => {
    const world = await startRefusingProxy(
      ({ body }, response) => jiraRefuses(body) && unauthorized(response),
      { mcp: { toolScopes: { ping: [], jira: [] } } },
    );
    const { manager, advance } = await createLiveManager(world);
    await manager.getToken();
    for (let second = 0; second < 16; second += 1) {
      const calls = Array.from({ length: 24 }, (_, index) =>
        statusOf(manager, toolCall(index % 2 === 0 ? "jira" : "ping")),
      );
      const statuses = await Promise.all(calls);
      expect(statuses).toEqual(statuses.map((_, index) => (index % 2 === 0 ? 401 : 200)));
      await advance(1_000);
    }
    // At 0, 1, 3, 7 and 15 s.
    expect(world.issuer.tokenRequests).toHaveLength(1 + 5);
  });
});

describe("a session that the server no longer knows, answered with 401", () => {
  test("a session that the server answers with 401 causes six token requests in a minute, and a new session works each time", async () => {
    const world = await startRefusingProxy(
      ({ headers }, response) => headers["mcp-session-id"] === "old" && unauthorized(response),
    );
    const { manager, advance } = await createLiveManager(world);
    await manager.getToken();
    for (let second = 0; second < 60; second += 1) {
      expect(await statusOf(manager, toolCall("echo", { "mcp-session-id": "old" }))).toBe(401);
      expect(await statusOf(manager, initialize)).toBe(200);
      if (second % 10 === 0) expect(await (await connectClient(manager)).call("echo", "hi")).toBe("hi");
      await advance(1_000);
    }
    expect(world.issuer.tokenRequests).toHaveLength(1 + 6);
  });
});

describe("kinds of requests", () => {
  test("refusals of 600 kinds of requests in a minute cause no more token requests than the allowance", async () => {
    const world = await startRefusingProxy((_request, response) => unauthorized(response));
    const { manager, advance } = await createLiveManager(world);
    await manager.getToken();
    const started = world.issuer.tokenRequests.length;
    // Each call is of another kind, so each refusal is the first of its kind and only the allowance limits it.
    for (let second = 0; second < 60; second += 1) {
      const calls = Array.from({ length: 10 }, (_, index) => `tool-${second * 10 + index}`);
      for (const name of calls) expect(await statusOf(manager, toolCall(name))).toBe(401);
      await advance(1_000);
    }
    expect(world.issuer.tokenRequests.length - started).toBe(11 - 1);
  });

  test("the kind of a request is its method and name, so a refused tool or resource does not affect others", async () => {
    const refused = new Set(["jira", "file:///a"]);
    const world = await startRefusingProxy(({ body }, response) => {
      const { params = {} } = JSON.parse(body || "{}");
      return refused.has(params.name ?? params.uri) && unauthorized(response);
    });
    const { manager, advance } = await createLiveManager(world);
    const others = [
      toolCall("echo"),
      message("tools/list"),
      message("ping"),
      message("resources/read", { uri: "file:///b" }),
    ];
    for (let turn = 0; turn < 6; turn += 1) {
      expect(await statusOf(manager, toolCall("jira"))).toBe(401);
      expect(await statusOf(manager, message("resources/read", { uri: "file:///a" }))).toBe(401);
      for (const other of others) expect(await statusOf(manager, other)).toBe(200);
      await advance(1_000);
    }
  });
});

describe("a 403", () => {
  const challenged = (challenge: string | undefined) =>
    startRefusingProxy(({ headers }, response) => {
      if (headers.authorization !== first) return false;
      response.writeHead(403, challenge === undefined ? {} : { "www-authenticate": challenge }).end();
      return true;
    });
  let first: string | undefined;

  test.each(['Bearer error="invalid_token"', 'Basic realm="x", Bearer error="invalid_token", scope="a"'])(
    "a 403 with the challenge %s is followed by one new token",
    async (challenge) => {
      const world = await challenged(challenge);
      const { manager } = await createTestManager(world);
      first = `Bearer ${await manager.getAccessToken()}`;
      expect(await statusOf(manager, toolCall("echo"))).toBe(200);
      expect(await statusOf(manager, toolCall("echo"))).toBe(200);
      expect(world.issuer.tokenRequests).toHaveLength(2);
    },
  );

  test.each([
    undefined,
    "Bearer",
    'Bearer error="invalid_request"',
    'Bearer error="insufficient_user_authentication", acr_values="high"',
    'Basic realm="invalid_token"',
    'Bearer error_description="invalid_token"',
  ])("a 403 with the challenge %s is returned without a token request", async (challenge) => {
    const world = await challenged(challenge);
    const { manager } = await createTestManager(world);
    first = `Bearer ${await manager.getAccessToken()}`;
    expect(await statusOf(manager, toolCall("echo"))).toBe(403);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });
});

describe("a server that accepts each token once", () => {
  test("a server that accepts each token once gets served until the allowance ends, and then one call in ten seconds", async () => {
    const seen = new Set<string>();
    const world = await startRefusingProxy(({ headers: { authorization = "" } }, response) => {
      if (seen.has(authorization)) return unauthorized(response);
      seen.add(authorization);
      return false;
    });
    const { manager, advance } = await createLiveManager(world);
    const served: number[] = [];
    for (let second = 0; second < 60; second += 1) {
      if ((await statusOf(manager, toolCall("echo"))) === 200) served.push(second);
      await advance(1_000);
    }
    expect(served).toEqual([0, 1, 2, 3, 4, 5, 11, 21, 31, 41, 51]);
    expect(world.issuer.tokenRequests).toHaveLength(11);
  });
});

describe("`forceRefresh`", () => {
  test("`forceRefresh` ignores the hold and does not use the allowance", async () => {
    const world = await startRefusingProxy((_request, response) => unauthorized(response));
    const { manager } = await createLiveManager(world);
    await statusOf(manager, toolCall("echo"));
    const before = world.issuer.tokenRequests.length;
    for (let time = 0; time < 8; time += 1) await manager.getAccessToken({ forceRefresh: true });
    expect(world.issuer.tokenRequests).toHaveLength(before + 8);
    expect(await statusOf(manager, toolCall("echo"))).toBe(401);
    expect(world.issuer.tokenRequests).toHaveLength(before + 8);
  });
});

test("a restarted process begins with a full allowance and requests its own token", async () => {
  const world = await startRefusingProxy(
    ({ body }, response) => jiraRefuses(body) && unauthorized(response),
    { mcp: { toolScopes: { ping: [], jira: [] } } },
  );
  for (let start = 1; start <= 3; start += 1) {
    const { auth, manager } = await createLiveManager(world);
    expect(await statusOf(manager, toolCall("jira"))).toBe(401);
    expect(await statusOf(manager, toolCall("ping"))).toBe(200);
    expect(world.issuer.tokenRequests).toHaveLength(2 * start);
    await auth.stop();
  }
});

test("renewal ahead of expiry continues after a refusal", async () => {
  let count = 0;
  const issuer = await startScriptedIssuer(
    (_request, response) => {
      count += 1;
      sendToken(response, `t${count}`, 100);
    },
    (_request, response) => void unauthorized(response),
  );
  const { manager, advance } = await createLiveManager(issuer);
  await statusOf(manager);
  expect(count).toBe(2);
  await advance(80_000);
  expect([count, manager.status().state]).toEqual([3, "fresh"]);
  await advance(80_000);
  expect([count, manager.status().state]).toEqual([4, "fresh"]);
});
