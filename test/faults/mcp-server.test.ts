import { expect } from "vitest";
import { sendJson } from "../support/http-server.js";
import { type Fault, faults } from "./fault.js";
import { call, countRequests, post, withStepUp } from "./mcp-calls.js";

/** The caller gets the server's response, and the token stays in use. */
function passedOn(name: string, status: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return {
    name,
    sees: String(status),
    requests: "1 to the MCP server, no token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer(
        "mcp",
        (_request, response) => void response.writeHead(status, headers).end(world.canary),
      );
      const count = countRequests(world);
      expect(await call(world)).toBe(status);
      expect(count()).toEqual({ mcp: 1, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 0 });
    },
  };
}

faults("MCP server", [
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
      const count = countRequests(world);
      expect(await call(world)).toBe("insufficient_scope");
      expect(count()).toEqual({ mcp: 1, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "403 that asks for another scope each time",
    sees: "403",
    requests: "3 token requests, 4 to the MCP server",
    recovery: "the next call",
    async run(world) {
      const wanted = ["b", "c", "d", "b", "c", "d"];
      const { auth } = await withStepUp(world);
      const manager = auth.resolve("tools");
      await world.until(manager.getAccessToken());
      let challenges = 0;
      world.mcp.answer("mcp", (_request, response) => {
        const challenge = `Bearer error="insufficient_scope", scope="${wanted[challenges % wanted.length]}"`;
        challenges += 1;
        response.writeHead(403, { "www-authenticate": challenge }).end();
      });
      const count = countRequests(world);
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
    name: "307 to another path on its own origin",
    sees: "200, with the token and the body",
    requests: "2 to the MCP server",
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
      const count = countRequests(world);
      expect(await call(world)).toBe(200);
      expect(count()).toEqual({ mcp: 2, token: 0 });
    },
  },
  {
    name: "a redirect loop",
    sees: "`egress_denied`",
    requests: "6 to the MCP server",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer(
        "mcp",
        (_request, response) => void response.writeHead(307, { location: "/mcp" }).end(),
      );
      const count = countRequests(world);
      expect(await call(world)).toBe("egress_denied");
      expect(count()).toEqual({ mcp: 6, token: 0 });
      world.mcp.answer("mcp", undefined);
      expect(await call(world)).toBe(200);
    },
  },
  {
    name: "the connection is reset in the middle of a response",
    sees: "the error of `fetch`",
    requests: "1 to the MCP server, no token request",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", (_request, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{", () => response.socket?.resetAndDestroy());
      });
      const manager = await world.manager();
      const count = countRequests(world);
      const outcome = await world.until(
        manager
          .fetch(manager.url, post)
          .then((response) => response.text())
          .then(
            () => "a response",
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
    name: "no response, and the caller aborts",
    sees: "an `AbortError`, at once",
    requests: "1 to the MCP server",
    recovery: "the next call",
    async run(world) {
      expect(await call(world)).toBe(200);
      world.mcp.answer("mcp", () => {});
      const release = world.hold(world.mcp.origin);
      const manager = await world.manager();
      const caller = new AbortController();
      const answer = manager.fetch(manager.url, { ...post, signal: caller.signal }).then(
        () => "a response",
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
