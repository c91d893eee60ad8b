// Wrong responses at a metadata URL never block tokens permanently.
import type { ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuthConfig, type McpAuthStore, type TokenEvent } from "../../src/index.js";
import { type FakeClock, fakeClock } from "../support/fake-clock.js";
import { type HttpServer, sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import { sendToken, startScriptedServer } from "./harness.js";

type Kind = "issuer" | "resource";
type Wrong = (response: ServerResponse, world: Servers) => void | Promise<void>;

const hour = 3_600_000;

const wrongs: Readonly<Record<string, Wrong>> = {
  "204": (response) => void response.writeHead(204).end(),
  "a page of HTML": (response) =>
    void response.writeHead(200, { "content-type": "text/html" }).end("<p>canary</p>"),
  "a redirect": (response) =>
    void response.writeHead(302, { location: "https://login.example/canary" }).end(),
  "500": (response) => sendJson(response, { canary: true }, 500),
  // Lets the time of this metadata request pass. The requests after it have their own time.
  "no response": async (_response, { kind, pass, isLastAsked }) =>
    await pass(isLastAsked() && kind === "issuer" ? 10_000 : 5_000),
  "another content type": (response) =>
    void response.writeHead(200, { "content-type": "application/octet-stream" }).end("{}"),
  "another object": (response) => sendJson(response, { message: "ok" }),
  "another issuer's document": (response) =>
    sendJson(response, { issuer: "https://canary.example", token_endpoint: "https://canary.example/token" }),
};

/** Returns the error code if all metadata URLs of an authorization server give this response. */
function codeOf(wrong: string): string {
  if (wrong === "500" || wrong === "no response") return "unavailable";
  return wrong === "another issuer's document" ? "issuer_mismatch" : "discovery_failed";
}

interface Servers {
  readonly kind: Kind;
  readonly server: HttpServer;
  /** Lets this many milliseconds pass, after all earlier calls. */
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly isLastAsked: () => boolean;
}

/** Starts both servers at one origin, with a config that needs only one of the two kinds of metadata. */
async function servers(kind: Kind) {
  const clock = fakeClock();
  let wrong: Wrong | undefined;
  let places: "first" | "all" = "all";
  let lookups = 0;
  let passing: Promise<unknown> = Promise.resolve();
  const world: Servers & { readonly server: HttpServer } = {
    kind,
    async pass(milliseconds) {
      passing = passing.then(() => clock.advance(milliseconds));
      await passing;
    },
    isLastAsked: () => places === "all" && lookups % 2 === 0,
    get server() {
      return server;
    },
  };
  const server = await startScriptedServer(async ({ url }, response) => {
    const { origin } = server;
    if (url === "/token")
      return sendJson(response, { access_token: "t", token_type: "Bearer", expires_in: 600 });
    if (!url.startsWith("/.well-known/")) return sendJson(response, {}, 404);
    lookups += 1;
    const isFirst = /oauth-authorization-server$|oauth-protected-resource\/mcp$/.test(url);
    if (wrong !== undefined && (places === "all" || isFirst)) return await wrong(response, world);
    return sendJson(
      response,
      kind === "issuer"
        ? { issuer: origin, token_endpoint: `${origin}/token` }
        : { resource: origin, authorization_servers: [origin], scopes_supported: ["a"] },
    );
  });
  const client = { issuer: server.origin, id: "agent", secret: { env: "S" } };
  const tools =
    kind === "issuer"
      ? { resourceMetadata: false as const, grant: { client } }
      : { grant: { client: { ...client, metadata: { tokenEndpoint: `${server.origin}/token` } } } };
  const config: McpAuthConfig<"tools"> = {
    servers: { tools: { url: `${server.origin}/mcp`, refresh: false, retry: { attempts: 1 }, ...tools } },
  };
  return {
    clock,
    server,
    respond(where: "first" | "all", what: Wrong | undefined) {
      places = where;
      lookups = 0;
      wrong = what;
    },
    async manager(store?: McpAuthStore) {
      const auth = await createMcpAuth({ config, env: { S: "s" }, clock, ...(store && { store }) });
      onTestFinished(() => auth.stop());
      const warnings: TokenEvent[] = [];
      auth.on("token:warning", (event) => void warnings.push(event));
      return {
        auth,
        warnings,
        get: () => passPauses(auth.resolve("tools").getToken({ forceRefresh: true }), clock),
      };
    },
    /** Returns `resource` and `scope` of each token request. */
    tokens: () =>
      server.requests
        .filter(({ url }) => url === "/token")
        .map(({ body }) => [
          new URLSearchParams(body).get("resource"),
          new URLSearchParams(body).get("scope"),
        ]),
    paths: () => server.requests.map(({ url }) => url),
  };
}

/** Awaits some work and lets the pauses before retries pass. */
async function passPauses<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  work.then(done, done);
  while (!isDone) {
    if (clock.pending.some(({ delay }) => delay === 250)) await clock.advance(250);
    await clock.settle();
  }
  return await work;
}

const rows = Object.entries(wrongs);

describe.each<Kind>(["issuer", "resource"])("metadata of the %s", (kind) => {
  /** The resource and scope of a token request that uses the metadata. */
  const expectedRequest = (origin: string) => (kind === "issuer" ? [`${origin}/mcp`, null] : [origin, "a"]);

  test.each(rows)(
    `if the first ${kind} metadata URL answers with %s, the next one is requested, and there is a token`,
    async (_, wrong) => {
      const world = await servers(kind);
      world.respond("first", wrong);
      const { get, warnings } = await world.manager();
      await get();
      expect(world.tokens()).toEqual([expectedRequest(world.server.origin)]);
      expect(warnings).toEqual([]);
    },
  );

  test.each(rows)(
    `if all ${kind} metadata URLs answer with %s, known metadata is used, in the process and from a store`,
    async (_, wrong) => {
      const world = await servers(kind);
      const { store } = sharedMemory();
      const first = await world.manager(store());
      await first.get();
      await world.clock.advance(2 * hour);
      world.respond("all", wrong);
      await first.get();
      // Another process, which knows only the store.
      const second = await world.manager(store());
      await second.get();
      const wanted = expectedRequest(world.server.origin);
      expect(world.tokens()).toEqual([wanted, wanted, wanted]);
      expect([...first.warnings, ...second.warnings]).toEqual([]);
      // The wrong response was not cached: a new process finds the right document afterwards.
      world.respond("all", undefined);
      await world.clock.advance(24 * hour);
      await (await world.manager(store())).get();
      expect(world.tokens().at(-1)).toEqual(wanted);
    },
  );
});

test.each(rows)(
  "if no issuer metadata URL works (%s), the error lists each URL, and a token follows once they work",
  async (name, wrong) => {
    const world = await servers("issuer");
    const { store } = sharedMemory();
    world.respond("all", wrong);
    const { get } = await world.manager(store());
    const error = await rejectionOf(get());
    expect(error).toMatchObject({ code: codeOf(name), retryable: codeOf(name) === "unavailable" });
    for (const path of ["oauth-authorization-server", "openid-configuration"]) {
      expect(error.message).toContain(`${world.server.origin}/.well-known/${path} `);
    }
    expect(error.message).not.toContain("canary");
    expect(world.tokens()).toEqual([]);
    world.respond("all", undefined);
    for (const each of [get, (await world.manager(store())).get]) await each();
    expect(world.tokens()).toHaveLength(2);
  },
);

test.each(rows)(
  "if no resource metadata URL works (%s), there is a warning and a token that is not shared",
  async (_, wrong) => {
    const world = await servers("resource");
    const { store } = sharedMemory();
    world.respond("all", wrong);
    const { get, warnings, auth } = await world.manager(store());
    await get();
    expect(world.tokens()).toEqual([[`${world.server.origin}/mcp`, null]]);
    expect(warnings).toMatchObject([{ code: expect.stringMatching(/^(discovery_failed|unavailable)$/) }]);
    expect(warnings[0]?.message).toContain('Set "resourceMetadata"');
    expect(warnings[0]?.message).not.toContain("canary");
    expect(await keysOf(store())).toEqual([]);
    await get();
    expect(warnings).toHaveLength(1);
    // The metadata is requested again after at most a minute.
    world.respond("all", undefined);
    await world.clock.advance(60_000);
    await get();
    expect(world.tokens().at(-1)).toEqual([world.server.origin, "a"]);
    await auth.stop();
    expect((await keysOf(store())).map((key) => key.split(".")[0]).sort()).toEqual(["metadata", "token"]);
  },
);

async function keysOf(store: McpAuthStore): Promise<readonly string[]> {
  return (await store.keys("")).filter((key) => /^(token|metadata)\./.test(key));
}

test("metadata requests without a response leave time for the token request if `deadline` is shorter than `timeout`", async () => {
  const clock = fakeClock();
  const server = await startScriptedServer(async ({ url }, response) => {
    if (url === "/token") return sendToken(response, "t");
    // Two metadata requests take half of the deadline.
    return await clock.advance(1_000);
  });
  const metadata = { tokenEndpoint: `${server.origin}/token` };
  const client = { issuer: server.origin, id: "agent", secret: { env: "S" }, metadata };
  const tools = { url: `${server.origin}/mcp`, deadline: "4s", grant: { client } };
  const auth = await createMcpAuth({ config: { servers: { tools } }, env: { S: "s" }, clock });
  onTestFinished(() => auth.stop());
  expect(await auth.resolve("tools").getAccessToken()).toBe("t");
});

describe("resource metadata of another resource", () => {
  const other: Wrong = (response, { server }) =>
    sendJson(response, { resource: "https://canary.example", authorization_servers: [server.origin] });

  test("metadata of another resource at the first URL is ignored", async () => {
    const world = await servers("resource");
    world.respond("first", other);
    await (await world.manager()).get();
    expect(world.tokens()).toEqual([[world.server.origin, "a"]]);
  });

  test("metadata of another resource at all URLs is resource_mismatch until the server is fixed", async () => {
    const world = await servers("resource");
    const { store } = sharedMemory();
    world.respond("all", other);
    const { get } = await world.manager(store());
    const error = await rejectionOf(get());
    expect(error.code).toBe("resource_mismatch");
    expect(error.message).toContain('"resourceMetadata"');
    expect(await keysOf(store())).toEqual([]);
    world.respond("all", undefined);
    await get();
    expect(world.tokens()).toEqual([[world.server.origin, "a"]]);
  });

  test("metadata of another resource at all URLs does not replace known metadata", async () => {
    const world = await servers("resource");
    const { get } = await world.manager();
    await get();
    await world.clock.advance(2 * hour);
    world.respond("all", other);
    await get();
    expect(world.tokens().at(-1)).toEqual([world.server.origin, "a"]);
  });
});

test("resource metadata with another issuer is issuer_mismatch until the server is fixed, and is not stored", async () => {
  const world = await servers("resource");
  const { store } = sharedMemory();
  world.respond("all", (response, { server }) =>
    sendJson(response, { resource: server.origin, authorization_servers: ["https://canary.example"] }),
  );
  const { get } = await world.manager(store());
  expect((await rejectionOf(get())).code).toBe("issuer_mismatch");
  expect(await keysOf(store())).toEqual([]);
  world.respond("all", undefined);
  await get();
  expect(world.tokens()).toEqual([[world.server.origin, "a"]]);
});

test("a server without resource metadata gets tokens for its URL without a warning, and they are shared", async () => {
  const world = await servers("resource");
  const { store } = sharedMemory();
  world.respond("all", (response) => sendJson(response, {}, 404));
  const { get, warnings, auth } = await world.manager(store());
  await get();
  expect(warnings).toEqual([]);
  await auth.stop();
  expect((await keysOf(store())).some((key) => key.startsWith("token."))).toBe(true);
});

describe("a server behind a reverse proxy whose metadata has the resource http://localhost:3000/mcp", () => {
  async function proxied(tools: object) {
    const server = await startScriptedServer(({ url }, response) => {
      const { origin } = server;
      if (url === "/token")
        return sendJson(response, { access_token: "t", token_type: "Bearer", expires_in: 600 });
      if (url === "/.well-known/oauth-authorization-server")
        return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
      if (url === "/.well-known/oauth-protected-resource/mcp" || url === "/meta")
        return sendJson(response, { resource: "http://localhost:3000/mcp", authorization_servers: [origin] });
      return sendJson(response, {}, 404);
    });
    const client = { issuer: server.origin, id: "agent", secret: { env: "S" } };
    // Built from parts.
    const config = {
      servers: {
        tools: {
          url: `${server.origin}/mcp`,
          ...tools,
          grant: { client, ...("grant" in tools ? (tools.grant as object) : {}) },
        },
      },
    } as McpAuthConfig<"tools">;
    const auth = await createMcpAuth({ config, env: { S: "s" } });
    onTestFinished(() => auth.stop());
    const resource = () => {
      const body = server.requests.find(({ url }) => url === "/token")?.body;
      return new URLSearchParams(body).get("resource");
    };
    return { server, manager: auth.resolve("tools"), resource };
  }

  test("a proxied server whose metadata has its internal URL is resource_mismatch", async () => {
    const { manager } = await proxied({});
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("resource_mismatch");
  });

  test("a proxied server whose metadata has its internal URL works with `resource` in the grant", async () => {
    const { manager, resource } = await proxied({ grant: { resource: "http://localhost:3000/mcp" } });
    await manager.getAccessToken();
    expect(resource()).toBe("http://localhost:3000/mcp");
  });

  test("a proxied server whose metadata has its internal URL works with `resourceMetadata: false`", async () => {
    const { manager, server, resource } = await proxied({ resourceMetadata: false });
    await manager.getAccessToken();
    expect(resource()).toBe(manager.url);
    expect(server.requests.filter(({ url }) => url.includes("protected-resource"))).toEqual([]);
  });
});
