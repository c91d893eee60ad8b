import { expect } from "vitest";
import type { TokenEvent } from "../../src/index.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { type Fault, faults } from "./fault.js";
import { call, counter, growing, post } from "./mcp-calls.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;

/** The MCP server answers 401 to everything, with these challenges. */
function refuse(world: FaultWorld, headers: Readonly<Record<string, string | string[]>> = {}): void {
  world.mcp.answer("mcp", (_request, response) => void response.writeHead(401, headers).end());
}

/** A good answer to whoever brings a token that is good, else a 401 with this challenge. */
function challenged(world: FaultWorld, challenge: string | string[] | undefined): Handler {
  const good = new Set<string>();
  const revoked = new Set(world.issued);
  return (request, response) => {
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    for (const one of world.issued) if (!revoked.has(one)) good.add(one);
    if (good.has(token)) return sendJson(response, {});
    response.writeHead(401, challenge === undefined ? {} : { "www-authenticate": challenge }).end();
  };
}

/** The token in hand is revoked, and each 401 has this challenge: one more token, and the call succeeds. */
function revokedWith(name: string, challenge: (world: FaultWorld) => string | string[] | undefined): Fault {
  return {
    name,
    sees: "200",
    requests: "1 token request, 2 to the server",
    recovery: "in the same call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", challenged(world, challenge(world)));
      const count = counter(world);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  };
}

const toolCall = (name: string): RequestInit => ({
  method: "POST",
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } }),
});

/** A minute of calls, one a second of each: one is refused each time, the other never. */
async function inTurn(
  world: FaultWorld,
  refused: () => Promise<number | string>,
  other: () => Promise<number | string>,
): Promise<void> {
  const count = counter(world);
  for (let passed = 0; passed < minute; passed += second) {
    expect([await refused(), await other()]).toEqual([401, 200]);
    await world.clock.skip(second);
  }
  // One a hold: at 0, 1, 3, 7, 15 and 31 s.
  expect(count().token).toBe(6);
}

/** The same for one tool; then all is well again. */
async function refusedInTurn(world: FaultWorld): Promise<void> {
  world.mcp.answer("mcp", (request, response) =>
    sendJson(response, {}, request.body.includes('"jira"') ? 401 : 200),
  );
  await inTurn(
    world,
    () => call(world, toolCall("jira")),
    () => call(world, toolCall("ping")),
  );
  world.mcp.answer("mcp", undefined);
  expect(await call(world, toolCall("jira"))).toBe(200);
}

faults("MCP server", [
  revokedWith("401 to a token that was revoked", () => 'Bearer error="invalid_token"'),
  revokedWith("401 without a challenge", () => undefined),
  revokedWith("401 with an empty challenge", () => ""),
  revokedWith(
    "401 whose challenge has a quote that never ends",
    ({ canary }) => `Bearer realm="${canary}, scope=a`,
  ),
  revokedWith("401 whose challenge is 10 kB", () => `Bearer realm="${"x".repeat(10_000)}"`),
  revokedWith("401 with another scheme (Basic) alone", ({ canary }) => `Basic realm="${canary}"`),
  revokedWith(
    "401 with several challenges in one header",
    () => 'Basic realm="x", Bearer error="invalid_token", DPoP algs="ES256"',
  ),
  revokedWith("401 with several challenges in several headers", () => [
    'Basic realm="x"',
    'Bearer error="invalid_token"',
  ]),
  revokedWith(
    "401 that names metadata at a private address",
    () => 'Bearer resource_metadata="http://169.254.169.254/x"',
  ),
  revokedWith(
    "401 that names metadata which is not there",
    ({ mcp }) => `Bearer resource_metadata="${mcp.origin}/gone"`,
  ),
  {
    name: "401 to 50 calls at once, because the token was revoked",
    sees: "200, each of them",
    requests: "1 token request",
    recovery: "in the same calls",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.revoke();
      const count = counter(world);
      const statuses = await Promise.all(Array.from({ length: 50 }, () => call(world)));
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(count().token).toBe(1);
    },
  },
  {
    name: "401 to every token, whatever is done",
    sees: "401, each time",
    requests: "2 in the first call, 9 token requests in three minutes of calls, one a second",
    recovery: "the next call",
    async run(world) {
      refuse(world, { "www-authenticate": "Bearer" });
      const count = counter(world);
      expect(await call(world)).toBe(401);
      expect(count().token).toBe(2);
      for (let passed = 0; passed < 3 * minute; passed += second) {
        expect(await call(world)).toBe(401);
        await world.clock.skip(second);
      }
      // The first, and one a hold: at 0, 1, 3, 7, 15, 31, 63 and 123 s.
      expect(count().token).toBe(9);
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
      expect(count().token).toBe(9);
    },
  },
  {
    name: "401 for one path, while others are well",
    sees: "401 there, 200 elsewhere",
    requests: "6 token requests in a minute of calls there, one a second; none elsewhere",
    recovery: "none needed elsewhere",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.url.endsWith("/bad")) return void response.writeHead(401).end();
        sendJson(response, {});
      });
      await inTurn(
        world,
        () => call(world, post, "/bad"),
        () => call(world),
      );
    },
  },
  {
    name: "401 for one tool, while others are well",
    sees: "401 there, 200 elsewhere",
    requests: "6 token requests in a minute of calls there, one a second; none elsewhere",
    recovery: "none needed elsewhere",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.body.includes('"jira"')) return void response.writeHead(401).end();
        sendJson(response, {});
      });
      await inTurn(
        world,
        () => call(world, toolCall("jira")),
        () => call(world, toolCall("ping")),
      );
    },
  },
  {
    name: "401 for a session that the server no longer knows",
    sees: "401 in that session, 200 to a client that initializes again",
    requests: "6 token requests in a minute of calls there, one a second; none elsewhere",
    recovery: "none needed elsewhere",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.headers["mcp-session-id"] === "old") return void response.writeHead(401).end();
        sendJson(response, {});
      });
      await inTurn(
        world,
        () => call(world, { ...toolCall("ping"), headers: { "mcp-session-id": "old" } }),
        () => call(world, { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"initialize"}' }),
      );
    },
  },
  {
    name: "401 to every token that was used once",
    sees: "200, six times; then 401, and 200 once in ten seconds",
    requests: "11 token requests in a minute of calls, one a second",
    recovery: "the next call",
    async run(world) {
      const used = new Set<string>();
      world.mcp.answer("mcp", (request, response) => {
        const { authorization = "" } = request.headers;
        if (used.has(authorization)) return void response.writeHead(401).end();
        used.add(authorization);
        sendJson(response, {});
      });
      const count = counter(world);
      const served: number[] = [];
      for (let at = 0; at < 60; at += 1) {
        if ((await call(world)) === 200) served.push(at);
        await world.clock.skip(second);
      }
      expect(served).toEqual([0, 1, 2, 3, 4, 5, 11, 21, 31, 41, 51]);
      expect(count().token).toBe(11);
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "401, and the authorization server returns the refused token again",
    sees: "401; 200 for other calls",
    requests: "6 token requests in a minute of calls there, one a second; none elsewhere",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      const [token] = world.issued;
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { access_token: token, token_type: "Bearer", expires_in: 3_600 }),
      );
      await refusedInTurn(world);
    },
  },
  {
    name: "401, and the authorization server refuses the replacement (`invalid_client`)",
    sees: "401; 200 for other calls",
    requests: "6 token requests in a minute of calls there, one a second; none elsewhere",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { error: "invalid_client" }, 401),
      );
      await refusedInTurn(world);
    },
  },
  {
    name: "401 to a token that is for another audience",
    sees: "401, and once a warning that says what to compare",
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
      const count = counter(world);
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
    name: "401 that names a scope which the config allows",
    sees: "200",
    requests: "2 token requests, the second with the scope; 3 to the server",
    recovery: "in the same call",
    async run(world) {
      const { auth, issuedFor } = await growing(world);
      const manager = auth.resolve("tools");
      world.mcp.answer("mcp", (request, response) => {
        if (issuedFor(request.headers.authorization).includes("b")) return sendJson(response, {});
        response.writeHead(401, { "www-authenticate": 'Bearer scope="b z"' }).end();
      });
      await world.until(manager.getAccessToken());
      const count = counter(world);
      expect((await world.until(manager.fetch(manager.url, post))).status).toBe(200);
      expect(count()).toEqual({ mcp: 3, token: 2 });
    },
  },
  {
    name: "403 that says `invalid_token`",
    sees: "200",
    requests: "1 token request, 2 to the server",
    recovery: "in the same call",
    async run(world) {
      expect(await call(world)).toBe(200);
      const [first] = world.issued;
      world.mcp.answer("mcp", (request, response) => {
        if (request.headers.authorization !== `Bearer ${first}`) return sendJson(response, {});
        response.writeHead(403, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
      });
      const count = counter(world);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  },
  {
    name: "401 to an old token, while a newer one is in place",
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
      const count = counter(world);
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
      const count = counter(world);
      expect(await call(world)).toBe(401);
      expect(await call(world, { method: "POST", body: "other" })).toBe(200);
      expect(count().token).toBe(4);
      world.issuer.answer("token", undefined);
      await world.clock.skip(1.1 * second);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "401 to a request whose body is a stream",
    sees: "401",
    requests: "1 to the server, and 1 token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.revoke();
      const body = new Blob(["{}"]).stream();
      const count = counter(world);
      // A stream needs `duplex`, which the types of `RequestInit` do not know yet.
      expect(await call(world, { method: "POST", body, duplex: "half" } as RequestInit)).toBe(401);
      await world.clock.settle();
      expect(count()).toEqual({ mcp: 1, token: 1 });
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  },
]);
