import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth, discover, type McpAuth } from "../../src/index.js";
import { register } from "../../src/register/api.js";
import { deferred } from "../support/deferred.js";
import { sendJson } from "../support/http-server.js";
import { ownServer, startWorld, type World } from "./harness.js";
import { registered, simpleWorld, warnings } from "./registered.js";

/** The SDK with nothing but a URL. */
async function connected(url: string): Promise<Client> {
  const client = new Client({ name: "host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

function revokeAll({ issuer, mcp }: World): void {
  for (const { jti } of issuer.issued) mcp.revoke(jti);
}

test("a host that is given nothing but the URL of a server connects, calls, and survives a revocation", async () => {
  const world = await startWorld();
  await registered({ config: world.config, env: world.env });
  const client = await connected(world.mcp.url);
  await client.callTool({ name: "echo", arguments: { text: "one" } });
  expect([world.issuer.tokensIssued, world.mcp.unauthorized]).toEqual([1, 0]);

  revokeAll(world);
  await Promise.all(
    Array.from({ length: 10 }, (_, at) => client.callTool({ name: "echo", arguments: { text: `${at}` } })),
  );
  expect(world.issuer.tokensIssued).toBe(2);
});

describe("the global fetch authorizes a request to a server of the config", () => {
  const post = { method: "POST", body: "call", headers: { "x-own": "1" } };

  test.each<[what: string, call: (url: string) => Promise<Response>]>([
    ["a string", (url) => fetch(url, post)],
    ["a URL", (url) => fetch(new URL(url), post)],
    ["a Request", (url) => fetch(new Request(url, post))],
    ["a Request and an init", (url) => fetch(new Request(url), post)],
    ["a string and a Request in place of the init", (url) => fetch(url, new Request(url, post))],
    // From JavaScript anything can come that `fetch` makes a string of.
    ["an object with toString", (url) => fetch({ toString: () => url } as unknown as string, post)],
    ["inherited members", (url) => fetch(url, Object.create(post))],
    ["a stream", (url) => fetch(url, { ...post, body: new Blob(["call"]).stream(), duplex: "half" })],
    [
      "headers that can be read once",
      (url) => fetch(url, { ...post, headers: onceReadable(["x-own", "1"]) }),
    ],
  ])("that is given as %s", async (_what, call) => {
    const world = await simpleWorld();
    await registered(world);
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

  test("as the caller gave it, whatever becomes of its init after the call", async () => {
    const world = await simpleWorld();
    await registered(world);
    const init = { method: "POST", body: "call", headers: { "x-own": "1" } };
    const answered = fetch(world.url, init);
    Object.assign(init, { method: "DELETE", headers: { "x-own": "2" } });
    await answered;
    expect(world.server.requests.at(-1)).toMatchObject({ method: "POST", headers: { "x-own": "1" } });
  });

  test("below the URL of the server, and with the proof that its tokens need", async () => {
    const world = await startWorld({ mcp: { dpop: { required: true, nonces: true } } });
    const { tools } = world.config.servers;
    await registered({ config: { servers: { tools: { ...tools, dpop: true } } }, env: world.env });
    const client = await connected(world.mcp.url);
    await client.callTool({ name: "echo", arguments: { text: "one" } });
    expect(world.issuer.tokensIssued).toBe(1);
  });

  test("although its authorization server lies below it", async () => {
    const world = await simpleWorld();
    const config = { servers: { tools: { ...world.config.servers.tools, url: `${world.server.origin}/` } } };
    await registered({ config, env: world.env });
    expect((await fetch(`${world.server.origin}/anything`)).status).toBe(200);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(world.tokenRequests()[0]?.headers.authorization).toMatch(/^Basic /);
  });

  test("and fails with the code of what is wrong where there is no token", async () => {
    const world = await simpleWorld();
    await registered({ config: world.config, env: {} });
    await expect(fetch(world.url)).rejects.toMatchObject({ code: "secret_unavailable", server: "tools" });
    expect(world.authorizations()).toEqual([]);
  });

  test("and fails where the config leaves the server unusable, but for its URL", async () => {
    const world = await simpleWorld();
    const client = { issuer: "${ISSUER}", id: "agent", secret: { env: "SECRET" } };
    await registered({ config: { servers: { tools: { url: world.url, grant: { client } } } }, env: {} });
    await expect(fetch(world.url)).rejects.toMatchObject({ code: "config_invalid", server: "tools" });
    expect(world.server.requests).toEqual([]);
  });

  test("until the registration is undone, also through a reference that was kept", async () => {
    const world = await simpleWorld();
    const before = globalThis.fetch;
    const auth = await createMcpAuth(world);
    onTestFinished(() => auth.stop());
    const unregister = register(auth);
    const kept = globalThis.fetch;
    await kept(world.url);
    unregister();
    expect(globalThis.fetch).toBe(before);
    await kept(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1", null]);
  });

  test("at its new URL after a reload", async () => {
    const world = await simpleWorld();
    const env = { ...world.env, PATH_OF_SERVER: "mcp" };
    const { grant } = world.config.servers.tools;
    const config = { servers: { tools: { url: `${world.server.origin}/\${PATH_OF_SERVER}`, grant } } };
    const auth = await registered({ config, env });
    env.PATH_OF_SERVER = "new";
    await auth.reload();
    await fetch(`${world.server.origin}/mcp`);
    await fetch(`${world.server.origin}/new`);
    expect(world.authorizations()).toEqual([null, "Bearer token-1"]);
  });

  test("and with stopped once the runtime is stopped", async () => {
    const world = await simpleWorld();
    const auth = await registered(world);
    await auth.stop();
    await expect(fetch(world.url)).rejects.toMatchObject({ code: "stopped" });
  });
});

describe("an Authorization that the host sets for a server", () => {
  test("is replaced, with one warning that says what to remove", async () => {
    const told = warnings();
    const world = await simpleWorld();
    await registered(world);
    for (let call = 0; call < 3; call += 1)
      await fetch(world.url, { headers: { Authorization: "Bearer own" } });
    await fetch(new Request(world.url, { headers: { authorization: "Bearer own" } }));
    expect(new Set(world.authorizations())).toEqual(new Set(["Bearer token-1"]));
    expect(told).toEqual([expect.stringMatching(/^Server "tools": .*Authorization.*Remove it/)]);
    expect(told[0]).not.toContain("own authorization");
  });

  test("is no reason for a warning where it is the manager's own", async () => {
    const told = warnings();
    const world = await simpleWorld();
    const auth = await registered(world);
    const headers = await auth.resolve("tools").getHeaders();
    await fetch(world.url, { headers });
    await auth.resolve("tools").fetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1", "Bearer token-1"]);
    expect(told).toEqual([]);
  });
});

describe("no token leaves", () => {
  test("with a request to a sibling path, another port, or a URL that only normalizes to the server's", async () => {
    const told = warnings();
    const other = await ownServer((_request, response) => sendJson(response, {}));
    const world = await simpleWorld();
    const auth = await registered(world);
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
    // What the channel of undici sees of a request of the global fetch looks like any other with a User-Agent of its own.
    for (const text of texts) await fetch(text, { headers: { "user-agent": "agent/1" } });
    expect(other.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(world.authorizations()).toEqual(Array.from({ length: texts.length - 2 }, () => null));
    await expect(fetch(`http://user:password@${host}/mcp`)).rejects.toThrow(TypeError);
    expect(told).toEqual([expect.stringMatching(/^Server "tools": .*normalized/)]);
  });

  test("with a redirect of the server to another origin, which is not followed", async () => {
    const other = await ownServer((_request, response) => sendJson(response, {}));
    const world = await simpleWorld((_request, response) => {
      response.writeHead(307, { location: `${other.origin}/mcp` }).end();
    });
    await registered(world);
    await expect(fetch(world.url, { method: "POST", body: "call" })).rejects.toMatchObject({
      code: "egress_denied",
    });
    expect(other.requests).toEqual([]);
  });

  test("with a redirect of another site to the server", async () => {
    const world = await simpleWorld();
    const other = await ownServer((_request, response) => {
      response.writeHead(307, { location: world.url }).end();
    });
    const auth = await registered(world);
    await auth.resolve("tools").getToken();
    await fetch(`${other.origin}/`, { method: "POST", body: "call" });
    expect(world.authorizations()).toEqual([null]);
  });

  test("with a host's own search for metadata on the server's origin", async () => {
    const world = await simpleWorld();
    const config = { servers: { tools: { ...world.config.servers.tools, url: `${world.server.origin}/` } } };
    await registered({ config, env: world.env });
    const paths = ["/.well-known/oauth-protected-resource", "/mcp/.well-known/openid-configuration"];
    for (const path of paths) await fetch(world.server.origin + path);
    const searched = world.server.requests.filter(({ url }) => paths.includes(url));
    expect(searched.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(world.tokenRequests()).toEqual([]);
  });
});

describe("a request to a server of the config", () => {
  test("in a Request with JSON is sent again with another token, which the body of any other Request cannot be", async () => {
    const world = await simpleWorld((request, response) =>
      sendJson(response, {}, request.headers.authorization === "Bearer token-1" ? 401 : 200),
    );
    await registered(world);
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

  test("has the body that it had when fetch was called", async () => {
    const world = await simpleWorld();
    await registered(world);
    const bytes = Buffer.from("AAAA");
    const parameters = new URLSearchParams({ a: "1" });
    const answered = [bytes, bytes.buffer, parameters].map((body) =>
      fetch(world.url, { method: "POST", body }),
    );
    bytes.fill("B");
    parameters.set("a", "2");
    await Promise.all(answered);
    const bodies = world.server.requests.filter(({ url }) => url === "/mcp").map(({ body }) => body);
    expect(bodies).toContain("AAAA");
    expect(bodies).toContain("a=1");
    expect(bodies.some((body) => body.includes("BBBB") || body.includes("a=2"))).toBe(false);
  });

  test("with the headers of another server gets the token of its own, also while that one is called", async () => {
    const told = warnings();
    const arrived = deferred();
    const release = deferred();
    const first = await simpleWorld(async (_request, response) => {
      arrived.resolve();
      await release.promise;
      sendJson(response, {});
    });
    const second = await simpleWorld(undefined, "second");
    const servers = { first: first.config.servers.tools, second: second.config.servers.tools };
    const auth = await registered({ config: { servers }, env: first.env });
    const headers = await auth.resolve("first").getHeaders();
    const held = auth.resolve("first").fetch(first.url);
    await arrived.promise;
    await fetch(second.url, { headers });
    release.resolve();
    await held;
    expect(second.authorizations()).toEqual(["Bearer token-second"]);
    expect(told).toEqual([expect.stringMatching(/^Server "second": .*Authorization/)]);
  });

  test("is authorized while discover() asks the same URL without a token", async () => {
    const arrived = deferred();
    const release = deferred();
    const world = await simpleWorld(async (request, response) => {
      if (request.headers.authorization === undefined) {
        arrived.resolve();
        await release.promise;
      }
      sendJson(response, {});
    });
    await registered(world);
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
  /** Wraps the global fetch as other packages do; what it saw. */
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

  test("after ours sees each request of the host once, and ours to the authorization server", async () => {
    const world = await simpleWorld();
    await registered(world);
    const seen = wrapped();
    await fetch(world.url, { method: "POST", body: "call" });
    expect(seen.filter((line) => !line.includes(".well-known"))).toEqual(["POST /mcp", "POST /token"]);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
  });

  test("before ours sees each request as it goes out", async () => {
    const world = await simpleWorld();
    const seen = wrapped();
    await registered(world);
    await fetch(world.url, { method: "POST", body: "call" });
    expect(seen.filter((line) => !line.includes(".well-known"))).toEqual(["POST /token", "POST /mcp"]);
  });

  test("after ours and sets an Authorization does not take the place of the token", async () => {
    const told = warnings();
    const world = await simpleWorld();
    await registered(world);
    wrapped((request) => new Request(request, { headers: { authorization: "Bearer own" } }));
    await fetch(world.url);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(told).toHaveLength(1);
  });

  test("after ours does not come between a manager's own fetch and its server", async () => {
    const world = await simpleWorld();
    const auth = await registered(world);
    const seen = wrapped();
    await auth.resolve("tools").fetch(world.url);
    expect(seen).toContain("GET /mcp");
    expect([world.tokenRequests().length, world.authorizations()]).toEqual([1, ["Bearer token-1"]]);
  });

  test("after ours and changes every request does not come between us and an authorization server below the server", async () => {
    const world = await simpleWorld();
    const config = { servers: { tools: { ...world.config.servers.tools, url: `${world.server.origin}/` } } };
    await registered({ config, env: world.env });
    wrapped((request) => new Request(request, { headers: { authorization: "Bearer own" } }));
    expect((await fetch(`${world.server.origin}/anything`)).status).toBe(200);
    expect(world.authorizations()).toEqual(["Bearer token-1"]);
    expect(world.tokenRequests()[0]?.headers.authorization).toMatch(/^Basic /);
  });

  test("is left in its place when the registration is undone", async () => {
    const world = await simpleWorld();
    const auth = await createMcpAuth(world);
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

test("two registrations for the same server send each request once, with one token", async () => {
  const told = warnings();
  const world = await simpleWorld();
  await registered(world);
  await registered(world);
  await Promise.all([fetch(world.url), fetch(new Request(world.url))]);
  expect([world.tokenRequests().length, world.authorizations()]).toEqual([
    1,
    ["Bearer token-1", "Bearer token-1"],
  ]);
  expect(told).toEqual([]);
});

test("discover() asks a server that is registered without a token", async () => {
  const world = await startWorld();
  await registered({ config: world.config, env: world.env });
  expect(await discover(world.mcp.url)).toMatchObject({ challenge: {}, issuers: [world.issuer.issuer] });
  expect(world.issuer.tokensIssued).toBe(0);
});

test("what is no runtime of this package cannot be registered", async () => {
  const before = globalThis.fetch;
  for (const wrong of [undefined, null, {}, "auth", () => {}, { name: "mcp-auth-runtime", servers: [] }]) {
    // From JavaScript anything can come.
    expect(() => register(wrong as unknown as McpAuth)).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  }
  expect(globalThis.fetch).toBe(before);
});

function onceReadable(...headers: [string, string][]): [string, string][] {
  // What `fetch` takes for headers is any iterable.
  return (function* () {
    yield* headers;
  })() as unknown as [string, string][];
}
