import { afterEach, describe, expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { createAuthorizedFetch } from "../../../src/http/authorized-fetch.js";
import type { Reach } from "../../../src/http/reach.js";
import { Token } from "../../../src/tokens/token.js";
import { type Handler, type HttpServer, startHttpServer } from "../../support/http-server.js";

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  servers.push(server);
  return server;
}

function tokenNamed(accessToken: string): Token {
  return new Token({
    accessToken,
    tokenType: "Bearer",
    requestedAt: 0,
    expiresAt: 1,
    scopes: [],
    issuer: undefined,
    resource: "r",
  });
}

/**
 * Creates an authorized fetch with these tokens. Each refusal moves on to the next one, which may also be an error code.
 */
function client(
  origin: string,
  options: { tokens?: string[]; reach?: Reach; path?: string; headers?: object; meanwhile?: string } = {},
) {
  const { tokens = ["t1", "t2", "t3"], reach = "origin", path = "/mcp", headers = {} } = options;
  let current = 0;
  const rejected: string[] = [];
  const failed: string[] = [];
  const again: number[] = [];
  const fetch = createAuthorizedFetch({
    name: "crm",
    url: new URL(path, origin),
    reach,
    fetch: (input, init) => globalThis.fetch(input, init),
    token: async (signal) => {
      const given = tokens[current];
      if (given === "stopped") throw new McpAuthError(given, given);
      if (signal?.aborted) throw new McpAuthError("aborted", "aborted");
      return tokenNamed(tokens[Math.min(current, tokens.length - 1)] ?? "");
    },
    headers: async () => ({ ...headers }),
    noteAccepted: () => {},
    noteChallenge: () => {},
    async replace({ token: refused, signal }) {
      rejected.push(refused.accessToken);
      current += 1;
      const next = tokens[current];
      if (signal?.aborted) throw new McpAuthError("aborted", "aborted");
      if (next === "stopped" || next === "aborted") throw new McpAuthError(next, next);
      if (next === undefined) return { kind: "none" };
      if (next === refused.accessToken) return { kind: "same" };
      return {
        kind: "resend",
        token: tokenNamed(next),
        replacement: {
          failed: () => {
            failed.push(next);
            return options.meanwhile === undefined ? undefined : tokenNamed(options.meanwhile);
          },
        },
      };
    },
    replaceForOthers: (call) => {
      rejected.push(call.token.accessToken);
      current += 1;
    },
    explainRefusal: async ({ response }) => void again.push(response.status),
  });
  return { fetch, rejected, failed, again };
}

const authorizations = (server: HttpServer) =>
  server.requests.map((request) => request.headers.authorization);

describe("createAuthorizedFetch", () => {
  test("an authorized fetch replaces the caller's Authorization with the token", async () => {
    const server = await start((_request, response) => void response.end("ok"));
    const { fetch } = client(server.origin);
    const response = await fetch(`${server.origin}/mcp`, {
      headers: { Authorization: "Bearer mine", "X-Own": "1" },
    });
    expect(await response.text()).toBe("ok");
    expect(authorizations(server)).toEqual(["Bearer t1"]);
    expect(server.requests[0]?.headers["x-own"]).toBe("1");
  });

  test("an authorized fetch sends the headers of the config instead of the caller's headers of the same name", async () => {
    const server = await start((_request, response) => void response.end());
    const { fetch } = client(server.origin, { headers: { "x-api-key": "k", "x-own": "config" } });
    await fetch(`${server.origin}/mcp`, { headers: { "X-Own": "caller" } });
    expect(server.requests[0]?.headers).toMatchObject({ "x-api-key": "k", "x-own": "config" });
  });

  test("after a 401 the token is replaced, and the same body is sent again", async () => {
    const server = await start((request, response) => {
      response.statusCode = request.headers.authorization === "Bearer t1" ? 401 : 200;
      response.end(request.body);
    });
    const { fetch, rejected } = client(server.origin);
    const response = await fetch(`${server.origin}/mcp`, { method: "POST", body: '{"id":1}' });
    expect([response.status, await response.text()]).toEqual([200, '{"id":1}']);
    expect(rejected).toEqual(["t1"]);
    expect(server.requests.map(({ method, body }) => [method, body])).toEqual([
      ["POST", '{"id":1}'],
      ["POST", '{"id":1}'],
    ]);
  });

  test("a Request object is sent with its body, which is a stream and is not sent again", async () => {
    const server = await start((request, response) => {
      response.statusCode = 401;
      response.end(request.body);
    });
    const { fetch, rejected } = client(server.origin);
    const request = new Request(`${server.origin}/mcp`, {
      method: "POST",
      body: "a body",
      headers: { "content-type": "text/x" },
    });
    const response = await fetch(request);
    expect([response.status, await response.text()]).toEqual([401, "a body"]);
    expect(server.requests.map(({ headers }) => headers["content-type"])).toEqual(["text/x"]);
    expect(rejected).toEqual(["t1"]);
  });

  test("a Request object without a body is sent again with its settings", async () => {
    const server = await start((request, response) => {
      response.statusCode = request.headers.authorization === "Bearer t1" ? 401 : 200;
      response.end(request.method);
    });
    const { fetch } = client(server.origin);
    const response = await fetch(
      new Request(`${server.origin}/mcp`, { method: "DELETE", headers: { "x-own": "1" } }),
    );
    expect([response.status, await response.text()]).toEqual([200, "DELETE"]);
    expect(server.requests.map(({ headers }) => headers["x-own"])).toEqual(["1", "1"]);
  });

  test("the connection of a 401 is freed if the caller aborts", async () => {
    let free = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    const server = await start((_request, response) => {
      response.on("close", free);
      response.statusCode = 401;
      response.write("and so on");
    });
    const { fetch } = client(server.origin, { tokens: ["t1", "aborted"] });
    await expect(fetch(`${server.origin}/mcp`)).rejects.toMatchObject({ code: "aborted" });
    await freed;
  });

  test("a 401 is returned if there is no other token", async () => {
    const server = await start((_request, response) => {
      response.statusCode = 401;
      response.end("no");
    });
    const { fetch, again } = client(server.origin, { tokens: ["t1"] });
    const response = await fetch(`${server.origin}/mcp`);
    expect([response.status, await response.text()]).toEqual([401, "no"]);
    expect(again).toEqual([]);
  });

  test("a second 401 is returned unchanged", async () => {
    const server = await start((_request, response) => {
      response.statusCode = 401;
      response.end("no");
    });
    const { fetch, rejected, failed, again } = client(server.origin);
    const response = await fetch(`${server.origin}/mcp`);
    expect([response.status, await response.text()]).toEqual([401, "no"]);
    expect([rejected, failed, again]).toEqual([["t1"], ["t2"], [401]]);
    expect(server.requests).toHaveLength(2);
  });

  test("a request whose new token is refused is sent again with a token that arrived in the meantime", async () => {
    const server = await start((request, response) => {
      response.writeHead(request.headers.authorization === "Bearer t9" ? 200 : 401).end();
    });
    const { fetch, failed, again } = client(server.origin, { meanwhile: "t9" });
    expect((await fetch(`${server.origin}/mcp`)).status).toBe(200);
    expect(authorizations(server)).toEqual(["Bearer t1", "Bearer t2", "Bearer t9"]);
    expect([failed, again]).toEqual([["t2"], []]);
  });

  test("a 401 is returned if the new token is the same as the refused one", async () => {
    const server = await start((_request, response) => {
      response.statusCode = 401;
      response.end("no");
    });
    const { fetch } = client(server.origin, { tokens: ["only", "only"] });
    const response = await fetch(`${server.origin}/mcp`);
    expect([response.status, await response.text()]).toEqual([401, "no"]);
    expect(server.requests).toHaveLength(1);
  });

  test("a 401 is returned if the runtime was stopped in the meantime", async () => {
    const server = await start((_request, response) => {
      response.statusCode = 401;
      response.end("no");
    });
    const { fetch } = client(server.origin, { tokens: ["t1", "stopped"] });
    expect(await (await fetch(`${server.origin}/mcp`)).text()).toBe("no");
  });

  test("a 401 is returned if the body is a stream that was consumed", async () => {
    const server = await start((_request, response) => {
      response.statusCode = 401;
      response.end();
    });
    const { fetch, rejected } = client(server.origin);
    const body = new Blob(["streamed"]).stream();
    // `duplex` is required with a stream and missing from the types of Node 20.
    const response = await fetch(`${server.origin}/mcp`, {
      method: "POST",
      body,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(401);
    expect(rejected).toEqual(["t1"]);
    expect(server.requests).toHaveLength(1);
  });

  test("a 403 without a challenge is returned unchanged and replaces no token", async () => {
    const server = await start((_request, response) => {
      response.statusCode = 403;
      response.end();
    });
    const { fetch, rejected } = client(server.origin);
    expect((await fetch(`${server.origin}/mcp`)).status).toBe(403);
    expect(rejected).toEqual([]);
  });

  test("a URL of another origin is rejected with egress_denied, and nothing is sent", async () => {
    const server = await start((_request, response) => void response.end());
    const other = await start((_request, response) => void response.end());
    const { fetch } = client(server.origin);
    for (const url of [`${other.origin}/mcp`, "https://127.0.0.1/mcp", "data:text/plain,x"]) {
      await expect(fetch(url)).rejects.toMatchObject({ code: "egress_denied", server: "crm" });
    }
    expect(server.requests.length + other.requests.length).toBe(0);
  });

  test.each([
    ["/mcp", "sent"],
    ["/mcp/", "sent"],
    ["/mcp/messages?x=1", "sent"],
    ["/mcp2", "rejected"],
    ["/", "rejected"],
    ["/mcp/../admin", "rejected"],
    ["/mcp/%2e%2e/admin", "rejected"],
    ["/mcp/a%2fb/v1..2", "sent"],
    ["/mcp/..%2fadmin", "rejected"],
    ["/mcp/..%5cadmin", "rejected"],
    ["/mcp/..;/admin", "rejected"],
    ["/mcp/%252e%252e/admin", "rejected"],
    ["/mcp/..%00/admin", "rejected"],
    ["/mcp/..%c0%af../admin", "rejected"],
  ])('with reach "path", a request to %s is %s', async (path, outcome) => {
    const server = await start((_request, response) => void response.end());
    const { fetch } = client(server.origin, { reach: "path" });
    const sent = fetch(server.origin + path).then(
      () => true,
      (error: unknown) => (error as McpAuthError).code, // The rejection is asserted on below, whatever it is.
    );
    expect(await sent).toBe(outcome === "sent" ? true : "egress_denied");
    expect(server.requests).toHaveLength(outcome === "sent" ? 1 : 0);
  });

  test.each([301, 302, 303, 307, 308])(
    "a %s redirect within reach is followed as the Fetch standard says",
    async (status) => {
      const server = await start((request, response) => {
        if (request.url === "/mcp") response.writeHead(status, { location: "/elsewhere" });
        response.end("arrived");
      });
      const { fetch } = client(server.origin);
      const response = await fetch(`${server.origin}/mcp`, {
        method: "POST",
        body: "b",
        headers: { "content-type": "text/x" },
      });
      expect(await response.text()).toBe("arrived");
      const kept = status === 307 || status === 308;
      const second = server.requests[1];
      expect([second?.method, second?.body, second?.headers["content-type"]]).toEqual(
        kept ? ["POST", "b", "text/x"] : ["GET", "", undefined],
      );
      expect(second?.headers.authorization).toBe("Bearer t1");
    },
  );

  test("a redirect to another origin is rejected before anything is sent there", async () => {
    const other = await start((_request, response) => void response.end());
    const server = await start((_request, response) => {
      response.writeHead(307, { location: `${other.origin}/mcp` });
      response.end();
    });
    const { fetch } = client(server.origin, { headers: { "x-api-key": "k" } });
    await expect(fetch(`${server.origin}/mcp`, { method: "POST", body: "b" })).rejects.toMatchObject({
      code: "egress_denied",
      server: "crm",
      message: expect.stringContaining(
        `Server "crm" redirects outside of ${server.origin}, where its token may go`,
      ),
      details: { location: `${other.origin}/mcp` },
    });
    expect(authorizations(server)).toEqual(["Bearer t1"]);
    expect(other.requests).toHaveLength(0);
  });

  test("a redirect loop ends after five redirects", async () => {
    const server = await start((_request, response) => {
      response.writeHead(302, { location: "/mcp" });
      response.end();
    });
    const { fetch } = client(server.origin);
    await expect(fetch(`${server.origin}/mcp`)).rejects.toMatchObject({
      code: "egress_denied",
      server: "crm",
      message: 'Server "crm" redirected more than 5 times.',
      details: { location: "/mcp" },
    });
    expect(server.requests).toHaveLength(6);
  });

  test('a caller with redirect: "manual" gets the redirect, and redirect: "error" rejects', async () => {
    const server = await start((_request, response) => {
      response.writeHead(302, { location: "/elsewhere" });
      response.end();
    });
    const { fetch } = client(server.origin);
    const response = await fetch(`${server.origin}/mcp`, { redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([302, "/elsewhere"]);
    await expect(fetch(`${server.origin}/mcp`, { redirect: "error" })).rejects.toThrow(
      new TypeError("fetch failed: unexpected redirect"),
    );
    expect(server.requests.map(({ url }) => url)).toEqual(["/mcp", "/mcp"]);
  });

  test("the caller's signal ends the wait for the token and the request", async () => {
    const server = await start(() => {});
    const { fetch } = client(server.origin);
    await expect(fetch(`${server.origin}/mcp`, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    });
    const controller = new AbortController();
    const sent = fetch(`${server.origin}/mcp`, { signal: controller.signal });
    await server.received(1);
    controller.abort();
    await expect(sent).rejects.toMatchObject({ name: "AbortError" });
  });

  test("the connection of a refusal whose body never ends is freed", async () => {
    let free = () => {};
    const freed = new Promise<void>((resolve) => {
      free = resolve;
    });
    const server = await start((request, response) => {
      if (request.headers.authorization !== "Bearer t1") return void response.end("done");
      response.on("close", free);
      response.statusCode = 401;
      response.write("and so on");
    });
    const { fetch } = client(server.origin);
    expect(await (await fetch(`${server.origin}/mcp`)).text()).toBe("done");
    await freed;
  });
});
