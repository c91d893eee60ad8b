import { expect } from "vitest";
import type { TokenEvent } from "../../src/index.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { type Fault, faults } from "./fault.js";
import { call, countRequests, post, withStepUp } from "./mcp-calls.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;

/** Makes the MCP server answer 401 to each request, with these headers. */
function refuse(world: FaultWorld, headers: Readonly<Record<string, string | string[]>> = {}): void {
  world.mcp.answer("mcp", (_request, response) => void response.writeHead(401, headers).end());
}

/** Answers 200 to tokens that are issued from now on, and 401 with this challenge to all others. */
function refuseOldTokens(world: FaultWorld, challenge: string | string[] | undefined): Handler {
  const accepted = new Set<string>();
  const revoked = new Set(world.issued);
  return (request, response) => {
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    for (const one of world.issued) if (!revoked.has(one)) accepted.add(one);
    if (accepted.has(token)) return sendJson(response, {});
    response.writeHead(401, challenge === undefined ? {} : { "www-authenticate": challenge }).end();
  };
}

/** The current token is revoked, and the 401 has this challenge. One more token request lets the call succeed. */
function revokedWith(name: string, challenge: (world: FaultWorld) => string | string[] | undefined): Fault {
  return {
    name,
    sees: "200",
    requests: "1 token request, 2 to the MCP server",
    recovery: "in the same call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", refuseOldTokens(world, challenge(world)));
      const count = countRequests(world);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  };
}

const toolCall = (name: string): RequestInit => ({
  method: "POST",
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } }),
});

/** Makes two calls each second for a minute. The first is always refused, the second never. */
async function callForAMinute(
  world: FaultWorld,
  refused: () => Promise<number | string>,
  other: () => Promise<number | string>,
): Promise<void> {
  const count = countRequests(world);
  for (let passed = 0; passed < minute; passed += second) {
    expect([await refused(), await other()]).toEqual([401, 200]);
    await world.clock.skip(second);
  }
  // One token request per hold: at 0, 1, 3, 7, 15 and 31 s.
  expect(count().token).toBe(6);
}

/** Makes the MCP server refuse one tool for a minute, and then accept it. */
async function refuseOneTool(world: FaultWorld): Promise<void> {
  world.mcp.answer("mcp", (request, response) =>
    sendJson(response, {}, request.body.includes('"jira"') ? 401 : 200),
  );
  await callForAMinute(
    world,
    () => call(world, toolCall("jira")),
    () => call(world, toolCall("ping")),
  );
  world.mcp.answer("mcp", undefined);
  expect(await call(world, toolCall("jira"))).toBe(200);
}

faults("MCP server", [
  revokedWith("401 for a revoked token", () => 'Bearer error="invalid_token"'),
  revokedWith("401 without a challenge", () => undefined),
  revokedWith("401 with an empty challenge", () => ""),
  revokedWith(
    "401 with a challenge that has an unclosed quote",
    ({ canary }) => `Bearer realm="${canary}, scope=a`,
  ),
  revokedWith("401 with a challenge of 10 kB", () => `Bearer realm="${"x".repeat(10_000)}"`),
  revokedWith("401 with only another scheme (Basic)", ({ canary }) => `Basic realm="${canary}"`),
  revokedWith(
    "401 with several challenges in one header",
    () => 'Basic realm="x", Bearer error="invalid_token", DPoP algs="ES256"',
  ),
  revokedWith("401 with several challenges in several headers", () => [
    'Basic realm="x"',
    'Bearer error="invalid_token"',
  ]),
  revokedWith(
    "401 with metadata at a private address",
    () => 'Bearer resource_metadata="http://169.254.169.254/x"',
  ),
  revokedWith(
    "401 with metadata that does not exist",
    ({ mcp }) => `Bearer resource_metadata="${mcp.origin}/gone"`,
  ),
  {
    name: "401 for 50 concurrent calls after the token was revoked",
    sees: "200, in each call",
    requests: "1 token request",
    recovery: "in the same calls",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.revoke();
      const count = countRequests(world);
      const statuses = await Promise.all(Array.from({ length: 50 }, () => call(world)));
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(count().token).toBe(1);
    },
  },
  {
    name: "401 for every token",
    sees: "401, in each call",
    requests: "2 token requests in the first call, 9 in three minutes with one call per second",
    recovery: "the next call",
    async run(world) {
      refuse(world, { "www-authenticate": "Bearer" });
      const count = countRequests(world);
      expect(await call(world)).toBe(401);
      expect(count().token).toBe(2);
      for (let passed = 0; passed < 3 * minute; passed += second) {
        expect(await call(world)).toBe(401);
        await world.clock.skip(second);
      }
      // The first request, and one per hold: at 0, 1, 3, 7, 15, 31, 63 and 123 s.
      expect(count().token).toBe(9);
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
      expect(count().token).toBe(9);
    },
  },
  {
    name: "401 for one path, while other paths work",
    sees: "401 there, 200 for other calls",
    requests: "6 token requests in a minute with one such call per second; none for other calls",
    recovery: "none needed for other calls",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.url.endsWith("/bad")) return void response.writeHead(401).end();
        sendJson(response, {});
      });
      await callForAMinute(
        world,
        () => call(world, post, "/bad"),
        () => call(world),
      );
    },
  },
  {
    name: "401 for one tool, while other tools work",
    sees: "401 there, 200 for other calls",
    requests: "6 token requests in a minute with one such call per second; none for other calls",
    recovery: "none needed for other calls",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.body.includes('"jira"')) return void response.writeHead(401).end();
        sendJson(response, {});
      });
      await callForAMinute(
        world,
        () => call(world, toolCall("jira")),
        () => call(world, toolCall("ping")),
      );
    },
  },
  {
    name: "401 for a session that the MCP server no longer knows",
    sees: "401 in that session, 200 to a client that initializes again",
    requests: "6 token requests in a minute with one such call per second; none for other calls",
    recovery: "none needed for other calls",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.headers["mcp-session-id"] === "old") return void response.writeHead(401).end();
        sendJson(response, {});
      });
      await callForAMinute(
        world,
        () => call(world, { ...toolCall("ping"), headers: { "mcp-session-id": "old" } }),
        () => call(world, { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"initialize"}' }),
      );
    },
  },
  {
    name: "401 for every token after its first use",
    sees: "200 in the first six calls; then 401, and 200 once every ten seconds",
    requests: "11 token requests in a minute with one call per second",
    recovery: "the next call",
    async run(world) {
      const used = new Set<string>();
      world.mcp.answer("mcp", (request, response) => {
        const { authorization = "" } = request.headers;
        if (used.has(authorization)) return void response.writeHead(401).end();
        used.add(authorization);
        sendJson(response, {});
      });
      const count = countRequests(world);
      const succeeded: number[] = [];
      for (let at = 0; at < 60; at += 1) {
        if ((await call(world)) === 200) succeeded.push(at);
        await world.clock.skip(second);
      }
      expect(succeeded).toEqual([0, 1, 2, 3, 4, 5, 11, 21, 31, 41, 51]);
      expect(count().token).toBe(11);
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "401, and the authorization server returns the refused token again",
    sees: "401; 200 for other calls",
    requests: "6 token requests in a minute with one such call per second; none for other calls",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      const [token] = world.issued;
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { access_token: token, token_type: "Bearer", expires_in: 3_600 }),
      );
      await refuseOneTool(world);
    },
  },
  {
    name: "401, and the authorization server refuses the replacement (`invalid_client`)",
    sees: "401; 200 for other calls",
    requests: "6 token requests in a minute with one such call per second; none for other calls",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { error: "invalid_client" }, 401),
      );
      await refuseOneTool(world);
    },
  },
  {
    name: "401 for a token with another audience",
    sees: "401, and one warning that says what to compare",
    requests: "2 token requests",
    recovery: "the next call",
    async run(world) {
      const { tools } = world.config.servers;
      const grant = { ...tools.grant, resource: "https://other.example/mcp" };
      const auth = await world.runtime<"tools">({ config: { servers: { tools: { ...tools, grant } } } });
      const warned: TokenEvent[] = [];
      auth.on("token:warning", (event) => void warned.push(event));
      refuse(world, { "www-authenticate": `Bearer error_description="${world.canary}"` });
      const manager = auth.resolve("tools");
      const count = countRequests(world);
      const status = async (): Promise<number> =>
        (await world.until(manager.fetch(manager.url, post))).status;
      expect([await status(), await status(), count().token]).toEqual([401, 401, 2]);
      await world.clock.settle();
      expect(warned.map(({ code }) => code)).toEqual(["unauthorized"]);
      expect(warned[0]?.message).toContain("resource https://other.example/mcp");
      world.mcp.answer("mcp", undefined);
      expect(await status()).toBe(200);
    },
  },
  {
    name: "401 that names a scope that the config allows",
    sees: "200",
    requests: "2 token requests, the second with the scope; 3 to the MCP server",
    recovery: "in the same call",
    async run(world) {
      const { auth, issuedFor } = await withStepUp(world);
      const manager = auth.resolve("tools");
      world.mcp.answer("mcp", (request, response) => {
        if (issuedFor(request.headers.authorization).includes("b")) return sendJson(response, {});
        response.writeHead(401, { "www-authenticate": 'Bearer scope="b z"' }).end();
      });
      await world.until(manager.getAccessToken());
      const count = countRequests(world);
      expect((await world.until(manager.fetch(manager.url, post))).status).toBe(200);
      expect(count()).toEqual({ mcp: 3, token: 2 });
    },
  },
  {
    name: "403 with `invalid_token`",
    sees: "200",
    requests: "1 token request, 2 to the MCP server",
    recovery: "in the same call",
    async run(world) {
      expect(await call(world)).toBe(200);
      const [first] = world.issued;
      world.mcp.answer("mcp", (request, response) => {
        if (request.headers.authorization !== `Bearer ${first}`) return sendJson(response, {});
        response.writeHead(403, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
      });
      const count = countRequests(world);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  },
  {
    name: "a late 401 for an old token, when a newer one is in use",
    sees: "200",
    requests: "no token request",
    recovery: "in the same call",
    async run(world) {
      const manager = await world.manager();
      const old = await world.until(manager.getAccessToken());
      let late: (() => void) | undefined;
      world.mcp.answer("mcp", (request, response) => {
        const isOld = request.headers.authorization === `Bearer ${old}`;
        if (!isOld) return sendJson(response, {});
        late = () => void response.writeHead(401).end();
      });
      const release = world.hold(world.mcp.origin);
      const answer = manager.fetch(manager.url, post);
      await world.mcp.received(world.mcp.requests.length + 1);
      await world.until(manager.getAccessToken({ forceRefresh: true }));
      const count = countRequests(world);
      late?.();
      release();
      expect((await world.until(answer)).status).toBe(200);
      expect(count().token).toBe(0);
    },
  },
  {
    name: "401 while the authorization server is down",
    sees: "401; 200 for other calls",
    requests: "4 token requests",
    recovery: "1 s after the outage",
    async run(world) {
      expect(await call(world)).toBe(200);
      const [first] = world.issued;
      world.mcp.answer("mcp", (request, response) => {
        const isGood = request.body === "{}" && request.headers.authorization !== `Bearer ${first}`;
        sendJson(response, {}, isGood || request.body === "other" ? 200 : 401);
      });
      world.issuer.answer("token", (_request, response) => sendJson(response, {}, 503));
      const count = countRequests(world);
      expect(await call(world)).toBe(401);
      expect(await call(world, { method: "POST", body: "other" })).toBe(200);
      expect(count().token).toBe(4);
      world.issuer.answer("token", undefined);
      await world.clock.skip(1.1 * second);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "401 for a request whose body is a stream",
    sees: "401",
    requests: "1 to the MCP server, and 1 token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.revoke();
      const body = new Blob(["{}"]).stream();
      const count = countRequests(world);
      // A stream needs `duplex`, which the types of `RequestInit` do not know yet.
      expect(await call(world, { method: "POST", body, duplex: "half" } as RequestInit)).toBe(401);
      await world.clock.settle();
      expect(count()).toEqual({ mcp: 1, token: 1 });
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  },
]);
