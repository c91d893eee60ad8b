// What a host gets when there is no token, or the server refuses: never a 401, on which hosts start a login.
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { fakeClock } from "../support/fake-clock.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { sendToken, startScriptedIssuer, startScriptedServer, startWorld } from "./harness.js";
import { type Answer, ask, call, type Proxied, post, startProxied, tokenConfig } from "./proxied.js";
import { byPath, connectProxied } from "./proxied-clients.js";

const { id: _id, ...notification } = call;

/** All that is no request with an `id`: nobody would read a JSON-RPC error. */
async function silentRequests(url: string): Promise<readonly Answer[]> {
  return await Promise.all([
    post(url, notification),
    post(url, [call, { ...call, id: 2 }]),
    post(url, { jsonrpc: "2.0", id: 1, result: {} }),
    post(url, { ...call, id: null }),
    ask(url, { method: "POST", body: "{ this is no JSON" }),
    ask(url),
    ask(url, { method: "DELETE" }),
    ask(url, { method: "HEAD" }),
  ]);
}

/** Expects our error for a request with an `id`, and 503 without a body for everything else. */
async function expectFailure(url: string, data: object, retryAfter?: string): Promise<string> {
  for (const id of ["a string", 0, 17]) {
    const { status, headers, text } = await post(url, { ...call, id });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
    const { jsonrpc, error, ...rest } = JSON.parse(text);
    expect({ jsonrpc, ...rest }).toEqual({ jsonrpc: "2.0", id });
    expect(error).toMatchObject({ code: -31_001, data });
  }
  for (const { status, text, headers } of await silentRequests(url)) {
    expect({ status, text, retryAfter: headers["retry-after"] }).toEqual({
      status: 503,
      text: "",
      retryAfter,
    });
    expect(headers["www-authenticate"]).toBeUndefined();
  }
  return JSON.parse((await post(url, call)).text).error.message;
}

/** A proxy for a server that answers as a test says, with a token that does not change. */
async function answering(handler: Handler): Promise<Proxied> {
  const server = await startScriptedServer(handler);
  return await startProxied(tokenConfig(`${server.origin}/mcp`));
}

test("the metrics tell an MCP server that is down from an authorization server that is", async () => {
  const down = "http://127.0.0.1:1";
  const issuer = await startScriptedIssuer((_request, response) => sendJson(response, {}, 503));
  const { config, env } = tokenConfig(`${down}/mcp`);
  const { tools } = issuer.config.servers;
  // Attempts are repeated until the deadline.
  const mail = { ...tools, deadline: "1s" };
  const proxied = await startProxied({
    config: { ...issuer.config, servers: { ...config.servers, mail } },
    env: { ...env, ...issuer.env },
  });
  await post(proxied.url, call);
  await post(proxied.urlOf("mail"), call);
  const metrics = await proxied.metrics();
  const series = (server: string, at: string) =>
    `mcp_auth_proxy_requests_total{mcp_auth_server="${server}",outcome="unavailable",at="${at}"} 1`;
  expect(metrics).toContain(series("tools", "mcp_server"));
  expect(metrics).toContain(series("mail", "authorization_server"));
  expect(metrics).toMatch(/^mcp_auth_token_failing\{mcp_auth_server="mail",.*error_type="unavailable"\} 1$/m);
});

test("an id that JavaScript cannot hold exactly is answered as it was written", async () => {
  const proxied = await startProxied({ ...tokenConfig("http://127.0.0.1:1/mcp"), env: {} });
  for (const id of ["9007199254740993", "12345678901234567890", "1e400", "-1e400"]) {
    const body = `{"jsonrpc":"2.0","method":"ping","id":${id}}`;
    const headers = { "content-type": "application/json" };
    const { status, text } = await ask(proxied.url, { method: "POST", headers, body });
    expect([status, text]).toEqual([200, expect.stringContaining(`"id":${id},"error"`)]);
  }
  const { text } = await post(proxied.url, { ...call, id: 1.5 });
  expect(JSON.parse(text)).toMatchObject({ id: 1.5 });
});

describe("in the middle of a session,", () => {
  test.each(["v1", "v2"] as const)(
    "ten concurrent calls of a host of SDK %s with a revoked token cause one token request",
    async (sdk) => {
      const world = await startWorld();
      const proxied = await startProxied(world);
      const host = await connectProxied(sdk, byPath(proxied));
      expect(await host.call("echo", "before")).toBe("before");
      world.mcp.revoke(world.mcp.requests.at(-1)?.jti ?? "");
      const texts = Array.from({ length: 10 }, (_, index) => `text ${index}`);
      expect(await Promise.all(texts.map((text) => host.call("echo", text)))).toEqual(texts);
      expect(world.issuer.tokensIssued).toBe(2);
    },
  );

  test("ten concurrent calls with an expired token cause one token request", async () => {
    const issuer = await startScriptedIssuer(
      (_request, response) => sendToken(response, `token-${issuer.tokenRequests().length}-of-two`, 60),
      ({ headers }, response) => sendJson(response, headers.authorization),
    );
    const clock = fakeClock(Date.now());
    const config = { defaults: { refresh: false }, ...issuer.config } as const;
    const { url } = await startProxied({ ...issuer, config, clock });
    expect((await post(url, call)).text).toBe('"Bearer token-1-of-two"');
    await clock.advance(61_000);
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(url, call)));
    expect(answers.map(({ text }) => text)).toEqual(Array(10).fill('"Bearer token-2-of-two"'));
    expect(issuer.tokenRequests()).toHaveLength(2);
  });
});

test("a refused token that cannot be replaced is answered with the reason why not", async () => {
  let isRefusing = false;
  const issuer = await startScriptedIssuer(
    (_request, response) => (isRefusing ? void response.destroy() : sendToken(response, "a-token")),
    (_request, response) =>
      sendJson(response, { jsonrpc: "2.0", id: "call-1", result: {} }, isRefusing ? 401 : 200),
  );
  const defaults = { retry: { attempts: 1 } } as const;
  const { url } = await startProxied({ ...issuer, config: { defaults, ...issuer.config } });
  expect((await post(url, call)).text).toContain("result");
  isRefusing = true;
  expect(JSON.parse((await post(url, call)).text).error).toMatchObject({
    message: expect.stringMatching(/^Server "tools": the token endpoint of .* could not be reached/),
    data: { code: "unavailable", retryable: true },
  });
});

describe("an authorization server that is away", () => {
  async function away(answer: (response: ServerResponse) => void) {
    let isAway = false;
    const issuer = await startScriptedIssuer(
      (_request, response) => (isAway ? answer(response) : sendToken(response, "a-token-of-a-minute", 60)),
      (_request, response) => sendJson(response, { jsonrpc: "2.0", id: "call-1", result: {} }),
    );
    const clock = fakeClock(Date.now());
    const defaults = { refresh: false, retry: { attempts: 1 } } as const;
    const proxied = await startProxied({ ...issuer, config: { defaults, ...issuer.config }, clock });
    expect((await post(proxied.url, call)).text).toContain("result");
    const setAway = (away: boolean): void => {
      isAway = away;
    };
    return { ...proxied, issuer, clock, setAway };
  }

  test("is our error with the time to wait, and calls go on after it", async () => {
    const { url, issuer, clock, setAway } = await away((response) =>
      response.writeHead(503, { "retry-after": "60" }).end(),
    );
    setAway(true);
    await clock.advance(61_000);
    const data = { code: "unavailable", server: "tools", retryable: true, retryAfter: 60_000 };
    await expectFailure(url, data, "60");
    expect(issuer.tokenRequests()).toHaveLength(2);
    setAway(false);
    await clock.advance(60_000);
    expect((await post(url, call)).text).toContain("result");
    expect((await ask(url)).status).toBe(200);
  });

  test("is our error while its connections break off, and it is not asked for each call", async () => {
    const { url, issuer, clock, setAway } = await away((response) => response.destroy());
    setAway(true);
    await clock.advance(61_000);
    await expectFailure(url, { code: "unavailable", retryable: true }, "1");
    expect(issuer.tokenRequests()).toHaveLength(2);
    setAway(false);
    await clock.advance(1_000);
    expect((await post(url, call)).text).toContain("result");
  });
});

describe("a server that", () => {
  test("refuses every token is our error with the reason, and no text of the server", async () => {
    const { url } = await answering((_request, response) =>
      sendJson(response, "text of the server", 401, { "www-authenticate": 'Bearer error="invalid_token"' }),
    );
    const message = await expectFailure(url, { code: "unauthorized", server: "tools", retryable: false });
    expect(message).toMatch(/^Server "tools"[ :].*refused/);
    expect(message).not.toContain("text of the server");
  });

  test("wants a scope that the config does not allow is our error", async () => {
    const world = await startWorld({ mcp: { scopes: ["admin"] } });
    const { url } = await startProxied(world);
    await expectFailure(url, { code: "insufficient_scope", server: "tools", retryable: false });
  });

  test("forbids something for another reason answers the host itself", async () => {
    const { url } = await answering((_request, response) => sendJson(response, "not for you", 403));
    expect(await post(url, call)).toMatchObject({ status: 403, text: '"not for you"' });
  });

  test("is behind a proxy that asks for a login is our error", async () => {
    const { url } = await answering((_request, response) => {
      response.writeHead(407, { "proxy-authenticate": "Basic" }).end("log in");
    });
    const message = await expectFailure(url, { code: "unauthorized", server: "tools" });
    expect(message).toContain('Set "proxy" under "network"');
  });

  test.each([307, 308])("redirects within its reach with %i gets the same request there", async (status) => {
    const { url } = await answering(({ url: path, method, body, headers }, response) => {
      if (path === "/mcp") return void response.writeHead(status, { location: "/mcp/v2" }).end();
      sendJson(response, { path, method, body, authorization: headers.authorization });
    });
    const { text, headers } = await post(url, call);
    expect(JSON.parse(text)).toMatchObject({ path: "/mcp/v2", method: "POST", body: JSON.stringify(call) });
    expect(headers["location"]).toBeUndefined();
  });

  test("redirects to another origin gets nothing sent there, and the host gets our error", async () => {
    const other = await startScriptedServer((_request, response) => void response.end());
    const { url } = await answering((_request, response) => {
      response.writeHead(307, { location: `${other.origin}/mcp` }).end();
    });
    const message = await expectFailure(url, { code: "egress_denied", server: "tools" });
    expect(message).not.toContain(other.origin);
    expect(other.requests).toHaveLength(0);
  });

  test.each([400, 404, 405, 409, 429, 500, 503])(
    "answers with %i answers the host itself",
    async (status) => {
      const { url } = await answering((_request, response) =>
        sendJson(response, { error: "of the server" }, status, { "retry-after": "7" }),
      );
      const { headers, ...answer } = await post(url, call);
      expect(answer).toMatchObject({ status, text: '{"error":"of the server"}' });
      expect(headers["retry-after"]).toBe("7");
    },
  );

  test("refuses a token with a body that never ends holds up neither the call nor a connection", async () => {
    const server = await startScriptedServer((_request, response) => {
      response.writeHead(401, { "www-authenticate": "Bearer" }).write("never the end");
    });
    const { url } = await startProxied(tokenConfig(`${server.origin}/mcp`));
    const { text } = await post(url, call);
    expect(JSON.parse(text)).toMatchObject({ error: { data: { code: "unauthorized" } } });
    expect(server.requests.length).toBeGreaterThan(0);
    await expect.poll(() => server.connections).toBe(0);
  });
});

test("a server that the config does not have is our error with its name, or 404", async () => {
  const { url } = await answering((_request, response) => void response.end());
  const unknown = url.replace(/tools$/, "tool");
  const { status, text } = await post(unknown, call);
  expect(status).toBe(200);
  expect(JSON.parse(text).error).toMatchObject({
    message: expect.stringContaining('"tool"'),
    data: { code: "unknown_server" },
  });
  for (const answer of await silentRequests(unknown)) expect(answer).toMatchObject({ status: 404, text: "" });
});

test("a path or query that leads out of the server's URL is our error, and nothing is sent", async () => {
  let requests = 0;
  const { url } = await answering((_request, response) => {
    requests += 1;
    response.end();
  });
  const { text } = await post(`${url}/..%2f..%2fadmin`, call);
  expect(JSON.parse(text)).toMatchObject({ error: { data: { code: "egress_denied" } } });
  expect(requests).toBe(0);
});

test("a server whose variable is not set is our error, while the others work", async () => {
  const works = await startScriptedServer((_request, response) => void response.end("works"));
  const { config, env } = tokenConfig("${MISSING_URL}/mcp");
  const other = { ...config.servers.tools, url: `${works.origin}/mcp` };
  const secretless = { ...other, grant: { type: "static", token: { env: "MISSING_TOKEN" } } } as const;
  const servers = { tools: config.servers.tools, other, secretless } satisfies McpAuthConfig["servers"];
  const proxied = await startProxied({ config: { servers }, env });
  const broken = await post(proxied.url, call);
  expect(JSON.parse(broken.text).error).toMatchObject({
    message: expect.stringContaining("MISSING_URL"),
    data: { code: "config_invalid" },
  });
  expect(await ask(proxied.url)).toMatchObject({ status: 503, text: "" });
  const without = await post(proxied.urlOf("secretless"), call);
  expect(JSON.parse(without.text).error).toMatchObject({
    message: expect.stringContaining("MISSING_TOKEN"),
    data: { code: "secret_unavailable", server: "secretless" },
  });
  expect((await post(proxied.urlOf("other"), call)).text).toBe("works");
});
