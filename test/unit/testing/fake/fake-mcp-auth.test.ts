import { inspect } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, test, vi } from "vitest";
import { McpAuthError } from "../../../../src/errors/error.js";
import { createMcpAuth } from "../../../../src/runtime/create-mcp-auth.js";
import { fakeMcpAuth } from "../../../../src/testing/fake/fake-mcp-auth.js";
import { fakeClock } from "../../../support/fake-clock.js";
import { startHttpServer } from "../../../support/http-server.js";
import { rejectionOf } from "../../../support/rejection-of.js";

const message = (): RequestInit => ({
  method: "POST",
  body: JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/list" }),
});

test("a fake issues predictable tokens and keeps each until it expires", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm", "billing"] });
  const crm = auth.resolve("crm");
  expect(await crm.getAccessToken()).toBe("fake-token-crm-1");
  expect(await crm.getAccessToken()).toBe("fake-token-crm-1");
  expect(await auth.resolve("billing").getHeaders()).toEqual({
    authorization: "Bearer fake-token-billing-1",
  });
  expect(crm.requests).toEqual([
    { at: expect.any(Number), scopes: [], reason: "demand", accessToken: "fake-token-crm-1" },
  ]);
});

test("a fake answers a call as a server without tools, and a function of the test answers instead of it", async () => {
  const seen: string[] = [];
  await using auth = await fakeMcpAuth({
    servers: {
      crm: {},
      billing: {
        url: "http://billing.localhost:8080/mcp",
        fetch(request: Request) {
          seen.push(`${request.method} ${request.url} ${request.headers.get("authorization")}`);
          return new Response("answered");
        },
      },
    },
  });
  const crm = auth.resolve("crm");
  const answer = await crm.fetch(crm.url, message());
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { jsonrpc: "2.0", id: 7, result: { tools: [] } },
  ]);
  const billing = auth.resolve("billing");
  expect(await (await billing.fetch(billing.url, message())).text()).toBe("answered");
  expect(seen).toEqual(["POST http://billing.localhost:8080/mcp Bearer fake-token-billing-1"]);
});

test("a server with a URL and no function gets the calls, and refuses only what the test says", async () => {
  await using server = await startHttpServer((_request, response) => void response.end("real"));
  await using auth = await fakeMcpAuth({ servers: { crm: { url: `${server.origin}/mcp` } } });
  const crm = auth.resolve("crm");
  expect(await (await crm.fetch(crm.url, message())).text()).toBe("real");
  crm.reject();
  expect(await (await crm.fetch(crm.url, message())).text()).toBe("real");
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer fake-token-crm-1",
    "Bearer fake-token-crm-2",
  ]);
});

test("a client of the MCP SDK can connect to a fake without options, and finds nothing there", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm"] });
  const crm = auth.resolve("crm");
  for (const mode of ["legacy", "auto"] as const) {
    const client = new Client({ name: "agent", version: "1.0.0" }, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(crm.url), { fetch: crm.fetch }));
    expect(client.getServerVersion()).toMatchObject({ name: "crm" });
    expect((await client.listTools()).tools).toEqual([]);
    expect((await client.callTool({ name: "echo" })).content).toEqual([]);
    expect((await client.listResources()).resources).toEqual([]);
    expect((await client.listPrompts()).prompts).toEqual([]);
    await client.close();
  }
  expect((await crm.fetch(crm.url)).status).toBe(405);
  const notification = { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", method: "a" }) };
  expect((await crm.fetch(crm.url, notification)).status).toBe(202);
});

test("servers of a fake that share an origin each get the calls with their own token", async () => {
  const server = (name: string) => ({
    url: `http://127.0.0.1:3000/${name}`,
    fetch: ({ url }: Request) =>
      url.endsWith("/moved") ? new Response(name) : Response.redirect("http://127.0.0.1:3000/moved", 307),
  });
  await using auth = await fakeMcpAuth({ servers: { crm: server("crm"), billing: server("billing") } });
  const [crm, billing] = [auth.resolve("crm"), auth.resolve("billing")];
  for (const manager of [crm, billing])
    expect(await (await manager.fetch(manager.url, message())).text()).toBe(manager.name);
  billing.reject();
  for (const manager of [crm, billing])
    expect(await (await manager.fetch(manager.url, message())).text()).toBe(manager.name);
  expect([crm.requests.length, billing.requests.length]).toEqual([1, 2]);
});

test("a server with an https URL is answered by the function of the test", async () => {
  const fetch = (request: Request) => new Response(request.url);
  await using auth = await fakeMcpAuth({ servers: { crm: { url: "https://crm.example/mcp", fetch } } });
  const crm = auth.resolve("crm");
  expect(await (await crm.fetch(crm.url, message())).text()).toBe("https://crm.example/mcp");
});

test("after expire(), many calls share one request for a new token, and other servers keep theirs", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm", "billing"] });
  const [crm, billing] = [auth.resolve("crm"), auth.resolve("billing")];
  await Promise.all([crm.getAccessToken(), billing.getAccessToken(), crm.getAccessToken({ scopes: ["a"] })]);
  crm.expire();
  expect(crm.status().state).toBe("expired");
  const tokens = await Promise.all([1, 2, 3].map(() => crm.getAccessToken()));
  expect(new Set(tokens)).toEqual(new Set(["fake-token-crm-3"]));
  expect(await crm.getAccessToken({ scopes: ["a"] })).toBe("fake-token-crm-4");
  expect(await billing.getAccessToken()).toBe("fake-token-billing-1");
});

test("after reject(), a call is sent again with a new token", async () => {
  const seen: (string | null)[] = [];
  await using auth = await fakeMcpAuth({
    servers: {
      crm: {
        fetch(request: Request) {
          seen.push(request.headers.get("authorization"));
          return new Response("answered");
        },
      },
    },
  });
  const crm = auth.resolve("crm");
  const rejected: string[] = [];
  auth.on("token:rejected", ({ server }) => rejected.push(server));
  await crm.fetch(crm.url, message());
  crm.reject();
  expect((await crm.fetch(crm.url, message())).status).toBe(200);
  expect(seen).toEqual(["Bearer fake-token-crm-1", "Bearer fake-token-crm-2"]);
  expect(rejected).toEqual(["crm"]);
  expect(crm.requests.map(({ reason }) => reason)).toEqual(["demand", "rejected"]);
});

test.each([
  ["unavailable", true, "is not available now"],
  ["timeout", true, "did not answer within"],
  ["tls_failed", false, "could not open a trusted TLS connection"],
  ["token_request_rejected", false, "rejected the request (401, invalid_client)"],
  ["token_response_invalid", false, "access_token"],
  ["secret_unavailable", false, "FAKE_SECRET is not set"],
] as const)("fail(%j) fails token requests with that code until recover()", async (code, retryable, text) => {
  await using auth = await fakeMcpAuth({ servers: ["crm", "billing"] });
  const crm = auth.resolve("crm");
  crm.fail(code);
  const error = await rejectionOf(crm.getAccessToken());
  expect(error).toBeInstanceOf(McpAuthError);
  expect(error).toMatchObject({ code, retryable, server: "crm" });
  expect(String(error)).toContain('Server "crm": ');
  expect(String(error)).toContain(text);
  expect(crm.status().state).toBe("cooldown");
  const repeated = await rejectionOf(crm.getAccessToken());
  expect(repeated).toMatchObject({ code, retryAfter: expect.any(Number) });
  expect(await auth.resolve("billing").getAccessToken()).toBe("fake-token-billing-1");
  crm.recover();
  expect(crm.status()).toMatchObject({ state: "none", lastError: { code } });
  expect(await crm.getAccessToken()).toBe("fake-token-crm-1");
  expect(crm.status().lastError).toBeUndefined();
});

test("the timeout of a fake has the message of a real one", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm"] });
  const crm = auth.resolve("crm");
  crm.fail("timeout");
  const issuer = "http://auth.localhost/crm";
  const clock = fakeClock();
  const client = {
    issuer,
    id: "agent",
    secret: { env: "SECRET" },
    metadata: { tokenEndpoint: `${issuer}/token` },
  };
  await using real = await createMcpAuth({
    config: {
      servers: { crm: { url: crm.url, grant: { client }, resourceMetadata: false, retry: { attempts: 1 } } },
    },
    env: { SECRET: "a-secret" },
    clock,
    fetch: () => new Promise(() => {}),
  });
  const failing = rejectionOf(real.resolve("crm").getAccessToken());
  await clock.advance(10_000);
  expect(await rejectionOf(crm.getAccessToken())).toEqual(await failing);
});

test("an outage does not take away a token that is still usable, but an expired one cannot be replaced", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm"] });
  const crm = auth.resolve("crm");
  await crm.getAccessToken();
  crm.fail("unavailable");
  expect(await crm.getAccessToken()).toBe("fake-token-crm-1");
  crm.expire();
  expect(await rejectionOf(crm.getAccessToken())).toMatchObject({ code: "unavailable" });
  crm.recover();
  expect(await crm.getAccessToken()).toBe("fake-token-crm-2");
  expect(crm.requests.map(({ accessToken }) => accessToken)).toEqual([
    "fake-token-crm-1",
    undefined,
    "fake-token-crm-2",
  ]);
});

test('with fail("insufficient_scope"), calls are refused for want of a scope, and tokens arrive', async () => {
  await using auth = await fakeMcpAuth({ servers: { crm: { scopes: ["read"], stepUp: ["write"] } } });
  const crm = auth.resolve("crm");
  crm.fail("insufficient_scope");
  expect(await rejectionOf(crm.fetch(crm.url, message()))).toMatchObject({ code: "insufficient_scope" });
  expect(await crm.getAccessToken()).toBe("fake-token-crm-1");
  crm.recover();
  expect((await crm.fetch(crm.url, message())).status).toBe(200);
  expect(crm.requests[0]?.scopes).toEqual(["read"]);
});

test("a step-up requests a token with the scope that the server of the test asks for", async () => {
  await using auth = await fakeMcpAuth({
    servers: {
      crm: {
        scopes: ["read"],
        stepUp: ["write"],
        fetch: (request: Request) =>
          request.headers.get("authorization")?.endsWith("-1")
            ? new Response(null, {
                status: 403,
                headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="write"' },
              })
            : new Response("answered"),
      },
    },
  });
  const crm = auth.resolve("crm");
  expect((await crm.fetch(crm.url, message())).status).toBe(200);
  expect(crm.requests.map(({ scopes }) => scopes)).toEqual([["read"], ["read", "write"]]);
});

test("for() gives each user tokens, and the controls apply to all users", async () => {
  await using auth = await fakeMcpAuth({ servers: { crm: { users: true } } });
  const crm = auth.resolve("crm");
  const ann = crm.for({ key: "ann", subjectToken: "token of ann" });
  const bob = crm.for({ key: "bob", subjectToken: "token of bob" });
  expect(await ann.getAccessToken()).toBe("fake-token-crm-1");
  expect(await bob.getAccessToken()).toBe("fake-token-crm-2");
  crm.expire();
  expect(await ann.getAccessToken()).toBe("fake-token-crm-3");
  crm.fail("unavailable");
  crm.expire();
  expect(await rejectionOf(ann.getAccessToken())).toMatchObject({ code: "unavailable" });
  crm.recover();
  expect(await ann.getAccessToken()).toBe("fake-token-crm-4");
  expect(crm.requests.map(({ subjectToken }) => subjectToken)).toEqual([
    "token of ann",
    "token of bob",
    ...Array.from({ length: 3 }, () => "token of ann"),
  ]);
});

test("the controls work after forget(), for a user who signs in again and for others", async () => {
  await using auth = await fakeMcpAuth({ servers: { crm: { users: true } } });
  const crm = auth.resolve("crm");
  const ann = () => crm.for({ key: "ann", subjectToken: "token of ann" });
  const bob = crm.for({ key: "bob", subjectToken: "token of bob" });
  await Promise.all([ann().getAccessToken(), bob.getAccessToken()]);
  await crm.forget("ann");
  expect(await ann().getAccessToken()).toBe("fake-token-crm-3");
  crm.fail("unavailable");
  crm.expire();
  for (const user of [ann(), bob])
    expect(await rejectionOf(user.getAccessToken())).toMatchObject({ code: "unavailable" });
  await crm.forget("ann");
  crm.recover();
  expect(await bob.getAccessToken()).toBe("fake-token-crm-4");
});

test("the logger of a fake gets the events", async () => {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  await using auth = await fakeMcpAuth({ servers: ["crm"], logger });
  const crm = auth.resolve("crm");
  crm.fail("unavailable");
  await rejectionOf(crm.getAccessToken());
  const logged = Object.values(logger).flatMap(({ mock }) => mock.calls);
  expect(logged).toContainEqual([
    expect.objectContaining({ event: "token:failed", server: "crm", code: "unavailable" }),
    expect.any(String),
  ]);
});

test("a fake keeps the rules for names, URLs and stopped managers", async () => {
  const auth = await fakeMcpAuth({ servers: ["crm"] });
  const crm = auth.resolve("crm");
  expect(auth.resolveUrl(`${crm.url}/deeper`)).toBe(crm);
  expect(auth.resolve("crm")).toBe(crm);
  // @ts-expect-error: the type knows the names.
  expect(() => auth.resolve("cmr")).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect(await rejectionOf(crm.fetch("https://elsewhere.example"))).toMatchObject({ code: "egress_denied" });
  await auth.stop();
  expect(await rejectionOf(crm.getAccessToken())).toMatchObject({ code: "stopped" });
});

test("a reload keeps the tokens of a fake and its controls", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm"] });
  const crm = auth.resolve("crm");
  await crm.getAccessToken();
  await auth.reload();
  expect(await crm.getAccessToken()).toBe("fake-token-crm-1");
  crm.expire();
  expect(await crm.getAccessToken()).toBe("fake-token-crm-2");
});

test("a fake renews tokens in the background by the clock of the test", async () => {
  const clock = fakeClock();
  await using auth = await fakeMcpAuth({ servers: { crm: { lifetime: "10m" } }, clock });
  const crm = auth.resolve("crm");
  const first = crm.getAccessToken();
  await clock.settle();
  expect(await first).toBe("fake-token-crm-1");
  await clock.advance(9.5 * 60_000);
  expect(crm.requests.map(({ reason }) => reason)).toEqual(["demand", "expiry"]);
  expect(crm.requests[1]?.at).toBeLessThan(clock.now());
});

test("fake timers of the test runner move the clock of a fake", async () => {
  vi.useFakeTimers();
  try {
    await using auth = await fakeMcpAuth({ servers: { crm: { lifetime: "10m" } } });
    const crm = auth.resolve("crm");
    await crm.getAccessToken();
    await vi.advanceTimersByTimeAsync(9.5 * 60_000);
    expect(await crm.getAccessToken()).toBe("fake-token-crm-2");
    expect(crm.requests[1]?.reason).toBe("expiry");
  } finally {
    vi.useRealTimers();
  }
});

test("a fake refuses options that no config could have, and codes that it cannot produce", async () => {
  const codeOf = async (servers: Parameters<typeof fakeMcpAuth>[0]["servers"]) =>
    await rejectionOf(fakeMcpAuth({ servers }));
  expect(await codeOf({ crm: { lifetime: "soon" } })).toMatchObject({ code: "config_invalid" });
  expect(await codeOf(["no name"])).toMatchObject({ code: "config_invalid" });
  await using auth = await fakeMcpAuth({ servers: ["crm"] });
  // @ts-expect-error: no server can cause this code.
  expect(() => auth.resolve("crm").fail("stopped")).toThrow(
    expect.objectContaining({ code: "config_invalid", message: expect.stringContaining("unavailable") }),
  );
});

test.each([
  ["nothing", undefined, "The options of fakeMcpAuth() must be an object."],
  ["no servers", {}, "The option `servers` of fakeMcpAuth() must be a list of names, or an object."],
  ["a misspelled option", { servers: ["crm"], cloak: {} }, 'Did you mean "clock"?'],
  ["a misspelled option of a server", { servers: { crm: { lifetme: "1m" } } }, 'Did you mean "lifetime"?'],
  ["a lifetime in milliseconds", { servers: { crm: { lifetime: 90_000 } } }, 'a duration such as "90s"'],
  ["a text of scopes", { servers: { crm: { scopes: "read" } } }, "`scopes` must be a list of scopes"],
  ["a response", { servers: { crm: { fetch: new Response() } } }, "`fetch` must be a function"],
])("a fake refuses %s in its options", async (_, options, text) => {
  // JavaScript can pass any value.
  const error = await rejectionOf(fakeMcpAuth(options as Parameters<typeof fakeMcpAuth>[0]));
  expect(error).toMatchObject({ code: "config_invalid", message: expect.stringContaining(text) });
});

test("a fake shows no token under inspect or as JSON, except in its requests", async () => {
  await using auth = await fakeMcpAuth({ servers: ["crm"] });
  const token = await auth.resolve("crm").getToken();
  expect(inspect(token)).not.toContain("fake-token");
  expect(inspect(auth.status(), { depth: 9 })).not.toContain("fake-secret");
});
