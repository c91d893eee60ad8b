// Tokens that are bound to a key or a certificate, and other ways to the server, for hosts that know none of them.
import { gzipSync } from "node:zlib";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { listen } from "../support/listen.js";
import { certificateThumbprint } from "../support/mutual-tls.js";
import { startConnectProxy } from "../unit/net/connect-proxy.js";
import { startEverything } from "./everything-server.js";
import { startWorld } from "./harness.js";
import { type GrantConfig, type IdentityServers, startIdentityServers } from "./identity-servers.js";
import { ask, call, open, post, startProxied, tokenConfig } from "./proxied.js";
import { byPath, connectProxied } from "./proxied-clients.js";

const MiB = 1_048_576;

describe.each(["v1", "v2"] as const)("a host of SDK %s that knows nothing of DPoP", (sdk) => {
  test("calls a server that requires it, also after the server has changed its nonce", async () => {
    const world = await startWorld({
      dpop: { nonces: true },
      mcp: { dpop: { required: true, nonces: true } },
    });
    const { tools } = world.config.servers;
    const proxied = await startProxied({
      ...world,
      config: { servers: { tools: { ...tools, dpop: true } } },
    });
    const host = await connectProxied(sdk, byPath(proxied));
    expect(await host.call("echo", "one")).toBe("one");
    world.mcp.rotateNonce();
    expect(await Promise.all(["two", "three"].map((text) => host.call("echo", text)))).toEqual([
      "two",
      "three",
    ]);
    const requests = world.mcp.requests.filter(({ path }) => path === "/mcp");
    const jtis = requests.map(({ headers }) => {
      const { htu, htm, jti } = decodeJwt(String(headers["dpop"]));
      expect(htu).toBe(world.mcp.url);
      expect(["GET", "POST", "DELETE"]).toContain(htm);
      return jti;
    });
    expect(new Set(jtis).size).toBe(jtis.length);
    expect(world.issuer.tokensIssued).toBe(1);
  });
});

test("a server that requires DPoP and asks for a nonce each time is our error, and no header of it reaches the host", async () => {
  const world = await startWorld({ dpop: { nonces: true }, mcp: { dpop: { required: true } } });
  const { tools } = world.config.servers;
  // Without a key, no proof.
  const proxied = await startProxied({ ...world, config: { servers: { tools } } });
  const { status, headers, text } = await post(proxied.url, call);
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ id: "call-1", error: { data: { server: "tools" } } });
  expect(headers).not.toHaveProperty("dpop-nonce");
  expect(headers).not.toHaveProperty("www-authenticate");
});

describe("over TLS,", () => {
  let world: IdentityServers;
  beforeAll(async () => {
    world = await startIdentityServers();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const serverOf = (id: "pki" | "pki-unbound", url: string) => ({
    url,
    // Built from parts.
    grant: { client: world.client(id), scopes: ["read"] } as object as GrantConfig,
  });

  test("a host without a certificate calls a server that requires one", async () => {
    const servers = { tools: serverOf("pki", world.mcp.mTLS.url) };
    const config = { network: world.network, servers };
    const proxied = await startProxied({ config, env: world.env });
    const host = await connectProxied("v2", byPath(proxied));
    expect(await host.call("echo", "hi")).toBe("hi");
    const expected = certificateThumbprint(world.identities.pki.certificate);
    expect(world.mcp.mTLS.requests.at(-1)?.certificateThumbprint).toBe(expected);
    // The streams and bodies of the proxy pass over these connections too.
    expect((await ask(proxied.url)).status).toBe(405);
    const large = await ask(proxied.url, { method: "POST", body: Buffer.alloc(5 * MiB, "{") });
    expect(large.status).toBeGreaterThanOrEqual(400);
    expect(large.status).not.toBe(401);
  });

  test("a server whose certificate nobody vouches for is our error", async () => {
    const servers = { tools: serverOf("pki-unbound", world.mcp.none.url) };
    const proxied = await startProxied({ config: { servers }, env: world.env });
    expect(JSON.parse((await post(proxied.url, call)).text)).toMatchObject({
      error: { data: { code: "tls_failed", retryable: false } },
    });
  });
});

test.each(["v1", "v2"] as const)(
  "a host of SDK %s reaches, through the proxy of the network, a server with a name that only that proxy knows",
  async (sdk) => {
    await using tunnel = await startConnectProxy();
    const { server } = await startEverything("v1");
    const { port } = new URL(server.url);
    const { config, env } = tokenConfig(`http://tools.mesh:${port}/mcp`);
    const network = { proxy: tunnel.origin, allowInsecureHttp: ["tools.mesh"] };
    const proxied = await startProxied({ config: { network, ...config }, env });
    const host = await connectProxied(sdk, byPath(proxied));
    expect(await host.call("ask")).toContain("file:///home");
    expect(new Set(tunnel.targets)).toEqual(new Set([`tools.mesh:${port}`]));
  },
);

describe("with a fetch of the caller's own,", () => {
  async function withOwnFetch(answer: Parameters<typeof listen>[0]) {
    const server = await listen(answer);
    onTestFinished(() => server.close());
    let calls = 0;
    const proxied = await startProxied({
      ...tokenConfig(`${server.origin}/mcp`),
      fetch(input, init) {
        calls += 1;
        return fetch(input, init);
      },
    });
    return { ...proxied, calls: () => calls };
  }

  test("each request uses it, and what it decodes has neither a length nor an encoding", async () => {
    const text = "hello ".repeat(1_000);
    const { url, calls } = await withOwnFetch(() => (request, response) => {
      request.resume();
      const body = gzipSync(text);
      response.writeHead(200, {
        "content-encoding": "gzip",
        "content-length": body.length,
        "x-other": "kept",
      });
      response.end(body);
    });
    const answer = await post(url, call);
    expect(calls()).toBe(1);
    expect(answer.text).toBe(text);
    expect(answer.headers).not.toHaveProperty("content-encoding");
    expect(answer.headers).not.toHaveProperty("content-length");
    expect(answer.headers["x-other"]).toBe("kept");
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  test("a header that repeats the token does not reach the caller", async () => {
    const { url } = await withOwnFetch(() => (request, response) => {
      request.resume();
      response.writeHead(200, { "x-received": request.headers.authorization, "x-other": "kept" }).end();
    });
    const { headers } = await post(url, call);
    expect(headers["x-other"]).toBe("kept");
    expect(headers).not.toHaveProperty("x-received");
  });

  test("a large body is streamed to the server", async () => {
    const { url } = await withOwnFetch(() => async (request, response) => {
      let size = 0;
      for await (const chunk of request) size += chunk.length;
      response.end(String(size));
    });
    expect((await ask(url, { method: "POST", body: Buffer.alloc(6 * MiB) })).text).toBe(String(6 * MiB));
  });

  test.each([204, 304])("an answer with status %i has no body", async (status) => {
    const { url } = await withOwnFetch(() => (_request, response) => response.writeHead(status).end());
    expect(await ask(url)).toMatchObject({ status, text: "" });
    expect(await ask(url, { method: "HEAD" })).toMatchObject({ status, text: "" });
  });

  test("events arrive as they are sent, and the request ends when the host hangs up", async () => {
    const ended = deferred();
    const { url, open: openRequests } = await withOwnFetch(() => (_request, response) => {
      response.on("close", () => ended.resolve());
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: first\n\n");
    });
    const { request, response } = open(url);
    request.end();
    const stream = await response;
    stream.on("error", () => {});
    const first = await new Promise((resolve) => stream.once("data", resolve));
    expect(String(first)).toBe("data: first\n\n");
    request.destroy();
    await ended.promise;
    await expect.poll(openRequests).toBe(0);
  });

  test("a server that hangs up in the middle of a body is an error and not the end", async () => {
    const { url } = await withOwnFetch(() => (_request, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("hello", () => response.destroy());
    });
    await expect(ask(url)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("a server that cannot be reached is our error", async () => {
    const proxied = await startProxied({
      ...tokenConfig("http://127.0.0.1:1/mcp"),
      fetch: (input, init) => fetch(input, init),
    });
    expect(JSON.parse((await post(proxied.url, call)).text)).toMatchObject({
      id: "call-1",
      error: { data: { code: "unavailable" } },
    });
  });
});
