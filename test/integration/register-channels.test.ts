// Programs that do not call the global fetch but a copy of undici (the dependency `undici`) or `node:http`.
import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import { get } from "node:http";
import { Client, request as send, fetch as undiciFetch } from "undici";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createMcpAuth, type FetchFunction, type McpAuth } from "../../src/index.js";
import { register } from "../../src/register/api.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { recordWarnings } from "../support/record-warnings.js";
import { recordEvents, startScriptedServer, startWorld } from "./harness.js";
import { type AnyTokenServer, createRegisteredRuntime, startAnyTokenServer } from "./registered-runtime.js";

/** Starts a simple world whose manager already has a token. */
async function worldWithToken(rest?: Handler): Promise<AnyTokenServer & { auth: McpAuth }> {
  const world = await startAnyTokenServer(rest);
  const auth = await createRegisteredRuntime(world);
  await auth.resolve("tools").getToken();
  return { ...world, auth };
}

describe("requests through a copy of undici", () => {
  test.each<[what: string, call: (url: string) => Promise<unknown>]>([
    ["fetch", (url) => undiciFetch(url, { method: "POST", body: "call" })],
    ["request", async (url) => await (await send(url, { method: "POST", body: "call" })).body.text()],
    [
      "a client",
      async (url) => {
        const client = new Client(new URL(url).origin);
        onTestFinished(() => client.close());
        await (await client.request({ method: "GET", path: "/mcp" })).body.text();
      },
    ],
  ])("a request through undici's %s gets the current token", async (_what, call) => {
    const world = await worldWithToken();
    await call(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
  });

  test("a request through undici without a current token is sent without one, and the next request has a token", async () => {
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime(world);
    const renewed = new Promise((resolve) => auth.on("token:renewed", resolve));
    await undiciFetch(world.url);
    await renewed;
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual([null, "Bearer token-1"]);
    expect(world.tokenRequests()).toHaveLength(1);
  });

  test("a request through undici to another path of a server's origin prefetches the token once", async () => {
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime(world);
    const renewed = new Promise((resolve) => auth.on("token:renewed", resolve));
    await undiciFetch(`${world.server.origin}/status`);
    await renewed;
    await undiciFetch(`${world.server.origin}/status`);
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual([null, null, "Bearer token-1"]);
    expect(world.tokenRequests()).toHaveLength(1);
  });

  test("a request through undici that gets a 401 is not sent again, and the next request has a new token", async () => {
    const world = await worldWithToken((request, response) =>
      request.headers.authorization === "Bearer token-1"
        ? sendJson(response, {}, 401)
        : sendJson(response, { ok: true }),
    );
    const renewed = new Promise((resolve) => world.auth.on("token:renewed", resolve));
    expect((await undiciFetch(world.url)).status).toBe(401);
    await renewed;
    expect((await undiciFetch(world.url)).status).toBe(200);
    expect(world.authorizations()).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  test("requests through undici have a new token after each of two refusals in quick succession", async () => {
    const refused = new Set<unknown>(["Bearer token-1"]);
    const world = await worldWithToken((request, response) =>
      refused.has(request.headers.authorization)
        ? sendJson(response, {}, 401)
        : sendJson(response, { ok: true }),
    );
    const statusAndNext = async () => {
      const renewed = new Promise((resolve) => world.auth.on("token:renewed", resolve));
      const { status } = await undiciFetch(world.url);
      await renewed;
      return [status, (await undiciFetch(world.url)).status];
    };
    expect(await statusAndNext()).toEqual([401, 200]);
    refused.add("Bearer token-2");
    expect(await statusAndNext()).toEqual([401, 200]);
    expect(world.tokenRequests()).toHaveLength(3);
  });

  test("the Authorization header of requests through undici is replaced, with one warning", async () => {
    const warned = recordWarnings();
    const world = await worldWithToken();
    for (let call = 0; call < 2; call += 1) {
      await undiciFetch(world.url, { headers: { Authorization: "Bearer own", "x-own": "1" } });
    }
    expect(world.authorizations()).toEqual(["Bearer token-1", "Bearer token-1"]);
    expect(world.server.requests.at(-1)?.headers).toMatchObject({ "x-own": "1" });
    expect(warned).toEqual([expect.stringMatching(/^Server "tools": .*Authorization.*Remove it/)]);
  });

  test("requests through undici get no DPoP token, with one warning", async () => {
    const warned = recordWarnings();
    const world = await startWorld({ mcp: { dpop: {} } });
    const { tools } = world.config.servers;
    const auth = await createRegisteredRuntime({
      config: { servers: { tools: { ...tools, dpop: true } } },
      env: world.env,
    });
    await auth.resolve("tools").getToken();
    for (let call = 0; call < 2; call += 1) expect((await undiciFetch(world.mcp.url)).status).toBe(401);
    expect(world.mcp.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(warned).toEqual([expect.stringMatching(/^Server "tools": .*bound.*proxy/)]);
  });

  test("a request through undici that is redirected to another origin carries no token there", async () => {
    const other = await startScriptedServer((_request, response) => sendJson(response, {}));
    const world = await worldWithToken((_request, response) => {
      response.writeHead(307, { location: `${other.origin}/mcp` }).end();
    });
    await undiciFetch(world.url, { method: "POST", body: "call" });
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("a request through undici to another URL gets no token, in any spelling", async () => {
    const other = await startScriptedServer((_request, response) => sendJson(response, {}));
    const world = await worldWithToken();
    const client = new Client(world.server.origin);
    onTestFinished(() => client.close());
    const paths = ["/mcps", "/", "//mcp", "/x/../mcp", "/mcp/../admin", "/mcp/..%2fadmin", "/%6dcp"];
    for (const path of paths) await (await client.request({ method: "GET", path })).body.text();
    await undiciFetch(`${other.origin}/mcp`);
    expect(world.authorizations()).toEqual(paths.map(() => null));
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("requests through undici are sent without a token if none can be obtained, with one warning", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime({ config: world.config, env: {} });
    const failed = new Promise((resolve) => auth.on("token:failed", resolve));
    await undiciFetch(world.url);
    await failed;
    await vi.waitFor(() => expect(warned).toHaveLength(1));
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual([null, null]);
    expect(warned).toEqual([expect.stringContaining("SECRET")]);
  });

  test("requests through undici get no token after stop() and after the registration is undone", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    const auth = await createMcpAuth({ config: world.config, env: world.env });
    const unregister = register(auth);
    await auth.resolve("tools").getToken();
    await auth.stop();
    await undiciFetch(world.url);
    unregister();
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual([null, null]);
    await vi.waitFor(() => expect(warned).toEqual([expect.stringContaining("stopped")]));
  });

  test("several Authorization headers of a request through undici are replaced by one", async () => {
    recordWarnings();
    const world = await worldWithToken();
    const headers = ["authorization", "Bearer a", "x-own", "1", "Authorization", "Bearer b"];
    await (await send(world.url, { headers })).body.text();
    const { rawHeaders } = world.server.requests.at(-1) ?? { rawHeaders: [] };
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names.filter((name) => name === "authorization")).toHaveLength(1);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(world.server.requests.at(-1)?.headers).toMatchObject({ "x-own": "1" });
  });

  test("a request through undici to a server within another gets the token of the latest registration, as with fetch", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    const { tools } = world.config.servers;
    const outer = await createRegisteredRuntime({
      config: { servers: { outer: { ...tools, url: `${world.server.origin}/` } } },
      env: world.env,
    });
    await outer.resolve("outer").getToken();
    const inner = await createRegisteredRuntime(world);
    await inner.resolve("tools").getToken();
    await globalThis.fetch(world.url);
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-2", "Bearer token-2"]);
    expect(warned).toEqual([]);
  });

  test("with two registrations, a 401 to a request through undici replaces only the token that it was sent with", async () => {
    const world = await startAnyTokenServer((request, response) =>
      sendJson(response, {}, request.headers.authorization === "Bearer token-2" ? 401 : 200),
    );
    const first = await createRegisteredRuntime(world);
    await first.resolve("tools").getToken();
    const second = await createRegisteredRuntime(world);
    await second.resolve("tools").getToken();
    const heard = recordEvents(first);
    const renewed = new Promise((resolve) => second.on("token:renewed", resolve));
    await undiciFetch(world.url);
    await renewed;
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-2", "Bearer token-3"]);
    expect([heard, world.tokenRequests().length]).toEqual([[], 3]);
  });

  test("a request through undici gets the token of a registration if the runtime of another is stopped", async () => {
    recordWarnings();
    const world = await startAnyTokenServer();
    const first = await createRegisteredRuntime(world);
    await first.stop();
    const second = await createRegisteredRuntime(world);
    await second.resolve("tools").getToken();
    await undiciFetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
  });

  test("channel messages of an unknown form are ignored and throw nothing", async () => {
    const world = await worldWithToken();
    const { origin } = world.server;
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => void uncaught.push(error);
    process.on("uncaughtException", note);
    onTestFinished(() => void process.off("uncaughtException", note));
    const addHeader = () => {
      throw new TypeError("closed");
    };
    const messages = [
      undefined,
      {},
      { request: null },
      { request: { origin, path: 1 } },
      { request: { origin, path: "/mcp", headers: [1, 2], addHeader } },
      { request: { origin, path: "/mcp", headers: Object.freeze(["authorization", "x"]), addHeader } },
      { request: { origin, path: "no path", headers: "", addHeader } },
      {
        get request() {
          throw new TypeError("closed");
        },
      },
      {
        request: { origin, path: "/mcp", headers: [], addHeader },
        response: { statusCode: 302, headers: [1] },
      },
    ];
    const names = ["undici:request:create", "undici:request:headers", "http.client.request.start"];
    for (const name of names) for (const message of messages) channel(name).publish(message);
    // Node rethrows the error of a channel subscriber in a later tick.
    await new Promise(setImmediate);
    expect(uncaught).toEqual([]);
  });

  test("a request through undici counts as a use of the token, so that it is renewed ahead of expiry", async () => {
    const world = await worldWithToken();
    const heard = recordEvents(world.auth);
    await undiciFetch(world.url);
    expect(world.auth.status()[0]).toMatchObject({ state: "fresh", nextRefreshAt: expect.any(Number) });
    expect(heard).toEqual([]);
  });
});

test("the package subscribes to undici's responses only after a request through a copy of undici", async () => {
  const world = await startAnyTokenServer();
  await createRegisteredRuntime(world);
  const { hasSubscribers } = channel("undici:request:headers");
  await globalThis.fetch(world.url);
  await globalThis.fetch(`${world.server.origin}/other`);
  expect([hasSubscribers, channel("undici:request:headers").hasSubscribers]).toEqual([false, false]);
  await undiciFetch(`${world.server.origin}/other`);
  expect(channel("undici:request:headers").hasSubscribers).toBe(true);
});

test("a manager's own requests are not changed, even if its fetch is that of a copy of undici", async () => {
  const world = await startAnyTokenServer();
  // undici has its own types, and does not accept the signal of another realm, such as the test runner's.
  const fetch: FetchFunction = async (input, { signal: _signal, headers, ...init } = {}) =>
    (await undiciFetch(String(input), {
      ...(init as object),
      headers: [...new Headers(headers)],
    })) as unknown as Response;
  const auth = await createRegisteredRuntime({ config: world.config, env: world.env, fetch });
  await globalThis.fetch(world.url);
  await auth.resolve("tools").fetch(world.url);
  expect(world.authorizations()).toEqual(["Bearer token-1", "Bearer token-1"]);
  expect(world.tokenRequests()).toHaveLength(1);
  expect(world.tokenRequests()[0]?.headers.authorization).toMatch(/^Basic /);
});

describe("requests through node:http to a server of the config", () => {
  async function call(url: string, headers: Record<string, string> = {}): Promise<void> {
    const [response] = await once(get(url, { headers, agent: false }), "response");
    response.resume();
    await once(response, "end");
  }

  test("requests through node:http without Authorization cause one warning with the remedy", async () => {
    const warned = recordWarnings();
    const world = await worldWithToken();
    await call(world.url);
    await call(`${world.url}/more?x=1`);
    expect(warned).toEqual([expect.stringMatching(/^Server "tools": .*node:http.*axios/)]);
    expect(world.authorizations()).toEqual([null, null]);
  });

  test("the warning about node:http uses the server URLs after a reload", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    const env: Record<string, string> = { ...world.env, LAST: "mcp" };
    const { grant } = world.config.servers.tools;
    const servers = { moved: { url: `${world.server.origin}/\${LAST}`, grant } };
    const auth = await createRegisteredRuntime({ config: { servers }, env });
    env["LAST"] = "new";
    await auth.reload();
    await call(`${world.server.origin}/mcp`);
    expect(warned).toEqual([]);
    await call(`${world.server.origin}/new`);
    expect(warned).toEqual([expect.stringMatching(/^Server "moved"/)]);
  });

  test("requests through node:http with Authorization or to another URL cause no warning", async () => {
    const warned = recordWarnings();
    const world = await worldWithToken();
    await call(world.url, { authorization: "Bearer own" });
    await call(`${world.server.origin}/other`);
    expect(warned).toEqual([]);
  });
});
