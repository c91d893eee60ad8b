import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth, discover, type McpAuth } from "../../src/index.js";
import { register } from "../../src/register/api.js";
import { deferred } from "../support/deferred.js";
import { sendJson } from "../support/http-server.js";
import { recordWarnings } from "../support/record-warnings.js";
import { startScriptedServer, startWorld, type World } from "./harness.js";
import { createRegisteredRuntime, startAnyTokenServer } from "./registered-runtime.js";

/** Connects a client of the SDK with only a URL. */
async function connected(url: string): Promise<Client> {
  const client = new Client({ name: "host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

function revokeAll({ issuer, mcp }: World): void {
  for (const { jti } of issuer.issued) mcp.revoke(jti);
}

test("a host that knows only the URL of a server connects, calls, and survives a revocation", async () => {
  const world = await startWorld();
  await createRegisteredRuntime({ config: world.config, env: world.env });
  const client = await connected(world.mcp.url);
  await client.callTool({ name: "echo", arguments: { text: "one" } });
  expect([world.issuer.tokensIssued, world.mcp.unauthorized]).toEqual([1, 0]);

  revokeAll(world);
  await Promise.all(
    Array.from({ length: 10 }, (_, at) => client.callTool({ name: "echo", arguments: { text: `${at}` } })),
  );
  expect(world.issuer.tokensIssued).toBe(2);
});

describe("the registered global fetch", () => {
  const post = { method: "POST", body: "call", headers: { "x-own": "1" } };

  test.each<[what: string, call: (url: string) => Promise<Response>]>([
    ["a string", (url) => fetch(url, post)],
    ["a URL", (url) => fetch(new URL(url), post)],
    ["a Request", (url) => fetch(new Request(url, post))],
    ["a Request and an init", (url) => fetch(new Request(url), post)],
    ["a string and a Request instead of an init", (url) => fetch(url, new Request(url, post))],
    // JavaScript code can pass any object that `fetch` converts to a string.
    ["an object with toString", (url) => fetch({ toString: () => url } as unknown as string, post)],
    ["inherited members", (url) => fetch(url, Object.create(post))],
    ["a stream", (url) => fetch(url, { ...post, body: new Blob(["call"]).stream(), duplex: "half" })],
    [
      "headers that can be read once",
      (url) => fetch(url, { ...post, headers: onceReadable(["x-own", "1"]) }),
    ],
  ])("the registered fetch adds a token to a request that is given as %s", async (_what, call) => {
    const world = await startAnyTokenServer();
    await createRegisteredRuntime(world);
    const response = await call(world.url);
    expect(response).toBeInstanceOf(Response);
    expect(response.status).toBe(200);
    const [sent] = world.server.requests.filter(({ url }) => url === "/mcp");
    expect(sent).toMatchObject({
      method: "POST",
      body: "call",
      headers: { authorization: "Bearer token-1", "x-own": "1" },
    });
  });

  test("the registered fetch ignores changes to the init after the call", async () => {
    const world = await startAnyTokenServer();
    await createRegisteredRuntime(world);
    const init = { method: "POST", body: "call", headers: { "x-own": "1" } };
    const answered = fetch(world.url, init);
    Object.assign(init, { method: "DELETE", headers: { "x-own": "2" } });
    await answered;
    expect(world.server.requests.at(-1)).toMatchObject({ method: "POST", headers: { "x-own": "1" } });
  });

  test("the registered fetch adds a DPoP proof to requests of an SDK client", async () => {
    const world = await startWorld({ mcp: { dpop: { required: true, nonces: true } } });
    const { tools } = world.config.servers;
    await createRegisteredRuntime({
      config: { servers: { tools: { ...tools, dpop: true } } },
      env: world.env,
    });
    const client = await connected(world.mcp.url);
    await client.callTool({ name: "echo", arguments: { text: "one" } });
    expect(world.issuer.tokensIssued).toBe(1);
  });

  test("the registered fetch adds a token for a server whose authorization server is below its URL", async () => {
    const world = await startAnyTokenServer();
    const config = { servers: { tools: { ...world.config.servers.tools, url: `${world.server.origin}/` } } };
    await createRegisteredRuntime({ config, env: world.env });
    expect((await fetch(`${world.server.origin}/anything`)).status).toBe(200);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(world.tokenRequests()[0]?.headers.authorization).toMatch(/^Basic /);
  });

  test("the registered fetch rejects with the code of the error if there is no token", async () => {
    const world = await startAnyTokenServer();
    await createRegisteredRuntime({ config: world.config, env: {} });
    await expect(fetch(world.url)).rejects.toMatchObject({ code: "secret_unavailable", server: "tools" });
    expect(world.authorizations()).toEqual([]);
  });

  test("the registered fetch rejects with config_invalid for a server of which only the URL is usable", async () => {
    const world = await startAnyTokenServer();
    const client = { issuer: "${ISSUER}", id: "agent", secret: { env: "SECRET" } };
    await createRegisteredRuntime({
      config: { servers: { tools: { url: world.url, grant: { client } } } },
      env: {},
    });
    await expect(fetch(world.url)).rejects.toMatchObject({ code: "config_invalid", server: "tools" });
    expect(world.server.requests).toEqual([]);
  });

  test("the registered fetch adds no token after the registration is undone, not even through a kept reference", async () => {
    const world = await startAnyTokenServer();
    const before = globalThis.fetch;
    const auth = await createMcpAuth({ config: world.config, env: world.env });
    onTestFinished(() => auth.stop());
    const unregister = register(auth);
    const kept = globalThis.fetch;
    await kept(world.url);
    unregister();
    expect(globalThis.fetch).toBe(before);
    await kept(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1", null]);
  });

  test("the registered fetch adds a token at the server's new URL after a reload", async () => {
    const world = await startAnyTokenServer();
    const env = { ...world.env, PATH_OF_SERVER: "mcp" };
    const { grant } = world.config.servers.tools;
    const config = { servers: { tools: { url: `${world.server.origin}/\${PATH_OF_SERVER}`, grant } } };
    const auth = await createRegisteredRuntime({ config, env });
    env.PATH_OF_SERVER = "new";
    await auth.reload();
    await fetch(`${world.server.origin}/mcp`);
    await fetch(`${world.server.origin}/new`);
    expect(world.authorizations()).toEqual([null, "Bearer token-1"]);
  });

  test("the registered fetch rejects with stopped after stop()", async () => {
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime(world);
    await auth.stop();
    await expect(fetch(world.url)).rejects.toMatchObject({ code: "stopped" });
  });
});

describe("an Authorization that the host sets for a server", () => {
  test("a host's Authorization header for a server is replaced, with one warning about what to remove", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    await createRegisteredRuntime(world);
    for (let call = 0; call < 3; call += 1)
      await fetch(world.url, { headers: { Authorization: "Bearer own" } });
    await fetch(new Request(world.url, { headers: { authorization: "Bearer own" } }));
    expect(new Set(world.authorizations())).toEqual(new Set(["Bearer token-1"]));
    expect(warned).toEqual([expect.stringMatching(/^Server "tools": .*Authorization.*Remove it/)]);
    expect(warned[0]).not.toContain("own authorization");
    expect(warned[0]).not.toContain("Bearer own");
  });

  test("a host's Authorization header that the manager created causes no warning", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime(world);
    const headers = await auth.resolve("tools").getHeaders();
    await fetch(world.url, { headers });
    await auth.resolve("tools").fetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1", "Bearer token-1"]);
    expect(warned).toEqual([]);
  });
});

describe("requests that must not get a token", () => {
  test("a request to a sibling path, another port, or a URL that only normalizes to the server's gets no token", async () => {
    const warned = recordWarnings();
    const other = await startScriptedServer((_request, response) => sendJson(response, {}));
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime(world);
    await auth.resolve("tools").getToken();
    const { origin } = world.server;
    const { host } = new URL(origin);
    const texts = [
      `${origin}/mcps`,
      `${origin}/`,
      `${origin}//mcp`,
      `${origin}/mcp/../mcp`,
      `${origin}/x/%2e%2e/mcp`,
      `${origin}\\mcp`,
      `HTTP://${host}/mcp`,
      `http:${host}/mcp`,
      ` ${origin}/mcp`,
      `${origin}/mcp/..%2fadmin`,
      `${other.origin}/mcp`,
      `${other.origin}/${origin}/mcp`,
    ];
    // With its own User-Agent, a request of the global fetch looks like any other to the listener of undici's channel.
    for (const text of texts) await fetch(text, { headers: { "user-agent": "agent/1" } });
    expect(other.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(world.authorizations()).toEqual(Array.from({ length: texts.length - 2 }, () => null));
    await expect(fetch(`http://user:password@${host}/mcp`)).rejects.toThrow(TypeError);
    expect(warned).toEqual([expect.stringMatching(/^Server "tools": .*normalized/)]);
  });

  test("a redirect of the server to another origin is not followed", async () => {
    const other = await startScriptedServer((_request, response) => sendJson(response, {}));
    const world = await startAnyTokenServer((_request, response) => {
      response.writeHead(307, { location: `${other.origin}/mcp` }).end();
    });
    await createRegisteredRuntime(world);
    await expect(fetch(world.url, { method: "POST", body: "call" })).rejects.toMatchObject({
      code: "egress_denied",
    });
    expect(other.requests).toEqual([]);
  });

  test("a redirect of another site to the server gets no token", async () => {
    const world = await startAnyTokenServer();
    const other = await startScriptedServer((_request, response) => {
      response.writeHead(307, { location: world.url }).end();
    });
    const auth = await createRegisteredRuntime(world);
    await auth.resolve("tools").getToken();
    await fetch(`${other.origin}/`, { method: "POST", body: "call" });
    expect(world.authorizations()).toEqual([null]);
  });

  test("a host's own metadata requests to the server's origin get no token", async () => {
    const world = await startAnyTokenServer();
    const config = { servers: { tools: { ...world.config.servers.tools, url: `${world.server.origin}/` } } };
    await createRegisteredRuntime({ config, env: world.env });
    const paths = ["/.well-known/oauth-protected-resource", "/mcp/.well-known/openid-configuration"];
    for (const path of paths) await fetch(world.server.origin + path);
    const searched = world.server.requests.filter(({ url }) => paths.includes(url));
    expect(searched.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(world.tokenRequests()).toEqual([]);
  });
});

describe("a request to a server of the config", () => {
  test("a Request with a JSON body is sent again with a new token after a 401", async () => {
    const world = await startAnyTokenServer((request, response) =>
      sendJson(response, {}, request.headers.authorization === "Bearer token-1" ? 401 : 200),
    );
    await createRegisteredRuntime(world);
    const json = {
      method: "POST",
      body: '{"method":"ping"}',
      headers: { "content-type": "application/json" },
    };
    expect((await fetch(new Request(world.url, json))).status).toBe(200);
    const bodies = world.server.requests.filter(({ url }) => url === "/mcp").map(({ body }) => body);
    expect(bodies).toEqual([json.body, json.body]);
    expect(world.server.requests.at(-1)?.headers).toMatchObject({ "content-type": "application/json" });
  });

  test("a request to a server has the body at the time of the call of fetch", async () => {
    const world = await startAnyTokenServer();
    await createRegisteredRuntime(world);
    // Has a buffer of its own: the one of `Buffer.from` is a pool with the texts of other tests.
    const bytes = Buffer.alloc(4, "A");
    const parameters = new URLSearchParams({ a: "1" });
    const answered = [bytes, bytes.buffer, parameters].map((body) =>
      fetch(world.url, { method: "POST", body }),
    );
    bytes.fill("B");
    parameters.set("a", "2");
    await Promise.all(answered);
    const bodies = world.server.requests.filter(({ url }) => url === "/mcp").map(({ body }) => body);
    expect(bodies.toSorted()).toEqual(["AAAA", "AAAA", "a=1"]);
  });

  test("a request with the headers of another server gets its own server's token, with a warning", async () => {
    const warned = recordWarnings();
    const arrived = deferred();
    const release = deferred();
    const first = await startAnyTokenServer(async (_request, response) => {
      arrived.resolve();
      await release.promise;
      sendJson(response, {});
    });
    const second = await startAnyTokenServer(undefined, "second");
    const servers = { first: first.config.servers.tools, second: second.config.servers.tools };
    const auth = await createRegisteredRuntime({ config: { servers }, env: first.env });
    const headers = await auth.resolve("first").getHeaders();
    const held = auth.resolve("first").fetch(first.url);
    await arrived.promise;
    await fetch(second.url, { headers });
    release.resolve();
    await held;
    expect(second.authorizations()).toEqual(["Bearer token-second"]);
    expect(warned).toEqual([expect.stringMatching(/^Server "second": .*Authorization/)]);
  });

  test("a request to a server gets a token while discover() calls the same URL without one", async () => {
    const arrived = deferred();
    const release = deferred();
    const world = await startAnyTokenServer(async (request, response) => {
      if (request.headers.authorization === undefined) {
        arrived.resolve();
        await release.promise;
      }
      sendJson(response, {});
    });
    await createRegisteredRuntime(world);
    const discovering = discover(world.url);
    await arrived.promise;
    await fetch(world.url, { method: "POST", body: "call" });
    release.resolve();
    await discovering;
    expect(world.authorizations()).toContain("Bearer token-1");
    expect(world.server.requests.find(({ body }) => body === "call")?.headers.authorization).toBe(
      "Bearer token-1",
    );
  });
});

describe("other code that wraps fetch", () => {
  /** Wraps the global fetch as other packages do, and returns the list of requests that the wrapper sees. */
  function wrapped(change: (request: Request) => Request = (request) => request): readonly string[] {
    const seen: string[] = [];
    const inner = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const request = change(new Request(input, init));
      seen.push(`${request.method} ${new URL(request.url).pathname}`);
      return await inner(request);
    };
    onTestFinished(() => {
      globalThis.fetch = inner;
    });
    return seen;
  }

  test("a fetch wrapper installed after registration sees each request of the host once, and the token requests", async () => {
    const world = await startAnyTokenServer();
    await createRegisteredRuntime(world);
    const seen = wrapped();
    await fetch(world.url, { method: "POST", body: "call" });
    expect(seen.filter((line) => !line.includes(".well-known"))).toEqual(["POST /mcp", "POST /token"]);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
  });

  test("a fetch wrapper installed before registration sees each request as it is sent", async () => {
    const world = await startAnyTokenServer();
    const seen = wrapped();
    await createRegisteredRuntime(world);
    await fetch(world.url, { method: "POST", body: "call" });
    expect(seen.filter((line) => !line.includes(".well-known"))).toEqual(["POST /token", "POST /mcp"]);
  });

  test("a fetch wrapper that sets an Authorization header does not replace the token", async () => {
    const warned = recordWarnings();
    const world = await startAnyTokenServer();
    await createRegisteredRuntime(world);
    wrapped((request) => new Request(request, { headers: { authorization: "Bearer own" } }));
    await fetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(warned).toHaveLength(1);
  });

  test("a fetch wrapper installed after registration does not break a manager's own fetch", async () => {
    const world = await startAnyTokenServer();
    const auth = await createRegisteredRuntime(world);
    const seen = wrapped();
    await auth.resolve("tools").fetch(world.url);
    expect(seen).toContain("GET /mcp");
    expect([world.tokenRequests().length, world.authorizations()]).toEqual([1, ["Bearer token-1"]]);
  });

  test("a fetch wrapper that changes every request does not break token requests below the server's URL", async () => {
    const world = await startAnyTokenServer();
    const config = { servers: { tools: { ...world.config.servers.tools, url: `${world.server.origin}/` } } };
    await createRegisteredRuntime({ config, env: world.env });
    wrapped((request) => new Request(request, { headers: { authorization: "Bearer own" } }));
    expect((await fetch(`${world.server.origin}/anything`)).status).toBe(200);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(world.tokenRequests()[0]?.headers.authorization).toMatch(/^Basic /);
  });

  test("a fetch wrapper stays in place when the registration is undone", async () => {
    const world = await startAnyTokenServer();
    const auth = await createMcpAuth({ config: world.config, env: world.env });
    onTestFinished(() => auth.stop());
    const unregister = register(auth);
    const seen = wrapped();
    const { fetch } = globalThis;
    unregister();
    expect(globalThis.fetch).toBe(fetch);
    await fetch(world.url);
    expect([seen, world.authorizations()]).toEqual([["GET /mcp"], [null]]);
  });
});

test("with two registrations of the same server, each request is sent once with one token", async () => {
  const warned = recordWarnings();
  const world = await startAnyTokenServer();
  await createRegisteredRuntime(world);
  await createRegisteredRuntime(world);
  await Promise.all([fetch(world.url), fetch(new Request(world.url))]);
  expect([world.tokenRequests().length, world.authorizations()]).toEqual([
    1,
    ["Bearer token-1", "Bearer token-1"],
  ]);
  expect(warned).toEqual([]);
});

test("discover() calls a registered server without a token", async () => {
  const world = await startWorld();
  await createRegisteredRuntime({ config: world.config, env: world.env });
  expect(await discover(world.mcp.url)).toMatchObject({ challenge: {}, issuers: [world.issuer.issuer] });
  expect(world.issuer.tokensIssued).toBe(0);
});

test("register() rejects a value that is not a runtime of this package", async () => {
  const before = globalThis.fetch;
  for (const wrong of [undefined, null, {}, "auth", () => {}, { name: "mcp-auth-runtime", servers: [] }]) {
    // JavaScript code can pass anything.
    expect(() => register(wrong as unknown as McpAuth)).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  }
  expect(globalThis.fetch).toBe(before);
});

function onceReadable(...headers: [string, string][]): [string, string][] {
  // `fetch` accepts any iterable as headers.
  return (function* () {
    yield* headers;
  })() as unknown as [string, string][];
}
