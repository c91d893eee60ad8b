import { expect } from "vitest";
import { type Handler, sendJson } from "../support/http-server.js";
import { type Fault, faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;
const post = { method: "POST", body: "{}" } as const;

/** A call of the MCP server: its status, or the code of the error. */
async function call(world: FaultWorld, init: RequestInit = post, path = ""): Promise<number | string> {
  const manager = await world.manager();
  try {
    const response = await world.until(manager.fetch(`${manager.url}${path}`, init));
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    world.note(error);
    return error instanceof Error && "code" in error ? String(error.code) : "fetch failed";
  }
}

/** The MCP server answers 401 to everything, with these challenges. */
function refuse(world: FaultWorld, headers: Readonly<Record<string, string | string[]>> = {}): void {
  world.mcp.answer("mcp", (_request, response) => void response.writeHead(401, headers).end());
}

/** Requests to the MCP endpoint, and to the token endpoint, from here on. */
function counter(world: FaultWorld): () => { mcp: number; token: number } {
  const before = { mcp: world.mcp.calls, token: world.issuer.calls };
  return () => ({ mcp: world.mcp.calls - before.mcp, token: world.issuer.calls - before.token });
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

/** The server's answer is the caller's, the token stays as it is. */
function passedOn(name: string, status: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return {
    name,
    sees: String(status),
    requests: "1 to the server, no token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer(
        "mcp",
        (_request, response) => void response.writeHead(status, headers).end(world.canary),
      );
      const count = counter(world);
      expect(await call(world)).toBe(status);
      expect(count()).toEqual({ mcp: 1, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 0 });
    },
  };
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
    sees: "401 once, then `unauthorized`",
    requests: "12 token requests at the most in three minutes of calls, one a second",
    recovery: "60 s at the most",
    async run(world) {
      refuse(world, { "www-authenticate": "Bearer" });
      const count = counter(world);
      expect(await call(world)).toBe(401);
      const seen = new Set<number | string>();
      for (let passed = 0; passed < 3 * minute; passed += second) {
        seen.add(await call(world));
        await world.clock.skip(second);
      }
      expect(seen.has("unauthorized")).toBe(true);
      expect(count().token).toBeLessThanOrEqual(12);
      world.mcp.answer("mcp", undefined);
      await world.clock.skip(minute);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "401 for one path, while others are well",
    sees: "401 there, 200 elsewhere",
    requests: "2 token requests a call there at the most, none elsewhere",
    recovery: "none needed elsewhere",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (request.url.endsWith("/bad")) return void response.writeHead(401).end();
        sendJson(response, {});
      });
      expect(await call(world, post, "/bad")).toBe(401);
      const count = counter(world);
      expect(await call(world)).toBe(200);
      expect(count().token).toBeLessThanOrEqual(1);
      const again = counter(world);
      for (let calls = 0; calls < 10; calls += 1) expect(await call(world)).toBe(200);
      expect(again().token).toBe(0);
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
    sees: "`unavailable`",
    requests: "4 token requests",
    recovery: "1 s after the outage",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.revoke();
      world.issuer.answer("token", (_request, response) => sendJson(response, {}, 503));
      const count = counter(world);
      expect(await call(world)).toBe("unavailable");
      expect(count().token).toBe(4);
      world.issuer.answer("token", undefined);
      await world.clock.skip(1.1 * second);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "401 to a request whose body is a stream",
    sees: "401",
    requests: "1 to the server; a token request with the next call",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.revoke();
      const body = new Blob(["{}"]).stream();
      const count = counter(world);
      // A stream needs `duplex`, which the types of `RequestInit` do not know yet.
      expect(await call(world, { method: "POST", body, duplex: "half" } as RequestInit)).toBe(401);
      expect(count()).toEqual({ mcp: 1, token: 0 });
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 1 });
    },
  },
  {
    name: "403 for a scope that the config does not allow",
    sees: "`insufficient_scope`",
    requests: "no token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      const challenge = 'Bearer error="insufficient_scope", scope="admin:all"';
      world.mcp.answer(
        "mcp",
        (_request, response) => void response.writeHead(403, { "www-authenticate": challenge }).end(),
      );
      const count = counter(world);
      expect(await call(world)).toBe("insufficient_scope");
      expect(count()).toEqual({ mcp: 1, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "403 for one scope after the other, in a circle",
    sees: "403",
    requests: "3 token requests, 4 to the server",
    recovery: "the next call",
    async run(world) {
      const wanted = ["b", "c", "d", "b", "c", "d"];
      const { tools } = world.config.servers;
      const grant = { ...tools.grant, scopes: ["a"] };
      const config = { servers: { tools: { ...tools, grant, stepUp: ["b", "c", "d"] } } };
      const auth = await world.runtime<"tools">({ config });
      const manager = auth.resolve("tools");
      await world.until(manager.getAccessToken());
      let asked = 0;
      world.mcp.answer("mcp", (_request, response) => {
        const challenge = `Bearer error="insufficient_scope", scope="${wanted[asked % wanted.length]}"`;
        asked += 1;
        response.writeHead(403, { "www-authenticate": challenge }).end();
      });
      const count = counter(world);
      expect((await world.until(manager.fetch(manager.url, post))).status).toBe(403);
      expect(count()).toEqual({ mcp: 4, token: 3 });
      world.mcp.answer("mcp", undefined);
      expect((await world.until(manager.fetch(manager.url, post))).status).toBe(200);
    },
  },
  passedOn("403 without a challenge", 403),
  passedOn("500", 500),
  passedOn("503 with `Retry-After`", 503, { "retry-after": "7" }),
  passedOn("404", 404),
  {
    name: "307 to another origin",
    sees: "`egress_denied`",
    requests: "none to the other origin",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer(
        "mcp",
        (_request, response) =>
          void response.writeHead(307, { location: `${world.issuer.origin}/mcp` }).end(),
      );
      const before = world.issuer.requests.length;
      expect(await call(world)).toBe("egress_denied");
      expect(world.issuer.requests.length).toBe(before);
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "307 to another path of its own",
    sees: "200, with the token and the body",
    requests: "2 to the server",
    recovery: "in the same call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (request, response) => {
        if (!request.url.endsWith("/moved"))
          return void response.writeHead(307, { location: "/mcp/moved" }).end();
        sendJson(
          response,
          {},
          request.body === "{}" && request.headers.authorization !== undefined ? 200 : 400,
        );
      });
      const count = counter(world);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 0 });
    },
  },
  {
    name: "a redirect that leads in a circle",
    sees: "`egress_denied`",
    requests: "6 to the server",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer(
        "mcp",
        (_request, response) => void response.writeHead(307, { location: "/mcp" }).end(),
      );
      const count = counter(world);
      expect(await call(world)).toBe("egress_denied");
      expect(count()).toEqual({ mcp: 6, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "the connection is reset in the middle of an answer",
    sees: "what `fetch` says of it",
    requests: "1 to the server, no token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (_request, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{", () => response.socket?.resetAndDestroy());
      });
      const manager = await world.manager();
      const count = counter(world);
      const outcome = await world.until(
        manager
          .fetch(manager.url, post)
          .then((response) => response.text())
          .then(
            () => "it came",
            (error: unknown) => (error instanceof TypeError ? "fetch failed" : String(error)),
          ),
      );
      expect(outcome).toBe("fetch failed");
      expect(count()).toEqual({ mcp: 1, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "no answer, and the caller gives up",
    sees: "an `AbortError`, at once",
    requests: "1 to the server",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", () => {});
      const release = world.hold(world.mcp.origin);
      const manager = await world.manager();
      const caller = new AbortController();
      const answer = manager.fetch(manager.url, { ...post, signal: caller.signal }).then(
        () => "it came",
        (error: unknown) => (error instanceof Error ? error.name : String(error)),
      );
      await world.mcp.received(world.mcp.requests.length + 1);
      caller.abort();
      expect(await world.until(answer)).toBe("AbortError");
      release();
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
]);
