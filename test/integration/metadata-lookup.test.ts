// What a server answers at a well-known URL in place of its metadata never keeps a token from anybody for good.
import type { ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuthConfig, type McpAuthStore, type TokenEvent } from "../../src/index.js";
import { failure } from "../support/failure.js";
import { type FakeClock, fakeClock } from "../support/fake-clock.js";
import { type HttpServer, sendJson } from "../support/http-server.js";
import { sharedMemory } from "../support/shared-memory.js";
import { ownServer, sendToken } from "./harness.js";

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
  // Whoever is asked lets the time pass that is waited for it.
  // Whatever is sent after that has its own time.
  silence: async (_response, { kind, pass, isLastAsked }) =>
    await pass(isLastAsked() && kind === "issuer" ? 10_000 : 5_000),
  "another content type": (response) =>
    void response.writeHead(200, { "content-type": "application/octet-stream" }).end("{}"),
  "another object": (response) => sendJson(response, { message: "ok" }),
  "another issuer's document": (response) =>
    sendJson(response, { issuer: "https://canary.example", token_endpoint: "https://canary.example/token" }),
};

/** What no location has is this, for the metadata of an authorization server. */
function codeOf(wrong: string): string {
  if (wrong === "500" || wrong === "silence") return "unavailable";
  return wrong === "another issuer's document" ? "issuer_mismatch" : "discovery_failed";
}

interface Servers {
  readonly kind: Kind;
  readonly server: HttpServer;
  /** Lets so many milliseconds pass, one after the other. */
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly isLastAsked: () => boolean;
}

/** Both servers at one origin. Of the two kinds of metadata only one is looked for. */
async function servers(kind: Kind) {
  const clock = fakeClock();
  let wrong: Wrong | undefined;
  let places: "first" | "all" = "all";
  let asked = 0;
  let passing: Promise<unknown> = Promise.resolve();
  const world: Servers & { readonly server: HttpServer } = {
    kind,
    async pass(milliseconds) {
      passing = passing.then(() => clock.advance(milliseconds));
      await passing;
    },
    isLastAsked: () => places === "all" && asked % 2 === 0,
    get server() {
      return server;
    },
  };
  const server = await ownServer(async ({ url }, response) => {
    const { origin } = server;
    if (url === "/token")
      return sendJson(response, { access_token: "t", token_type: "Bearer", expires_in: 600 });
    if (!url.startsWith("/.well-known/")) return sendJson(response, {}, 404);
    asked += 1;
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
    go(where: "first" | "all", what: Wrong | undefined) {
      places = where;
      asked = 0;
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
        get: () => driven(auth.resolve("tools").getToken({ forceRefresh: true }), clock),
      };
    },
    /** `resource` and `scope` of each token request. */
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

/** Lets the pause pass before what failed is asked once more. */
async function driven<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
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

describe.each<Kind>(["issuer", "resource"])("for the %s", (kind) => {
  /** What a token is asked for with the metadata, and without. */
  const asked = (origin: string) => (kind === "issuer" ? [`${origin}/mcp`, null] : [origin, "a"]);

  test.each(rows)(
    "%s at the first location: the next one is asked, and there is a token",
    async (_, wrong) => {
      const world = await servers(kind);
      world.go("first", wrong);
      const { get, warnings } = await world.manager();
      await get();
      expect(world.tokens()).toEqual([asked(world.server.origin)]);
      expect(warnings).toEqual([]);
    },
  );

  test.each(rows)(
    "%s at all locations, where metadata was known: it serves, in a process and from a store",
    async (_, wrong) => {
      const world = await servers(kind);
      const { store } = sharedMemory();
      const first = await world.manager(store());
      await first.get();
      await world.clock.advance(2 * hour);
      world.go("all", wrong);
      await first.get();
      // Another process, which has only the store.
      const second = await world.manager(store());
      await second.get();
      const wanted = asked(world.server.origin);
      expect(world.tokens()).toEqual([wanted, wanted, wanted]);
      expect([...first.warnings, ...second.warnings]).toEqual([]);
      // Nothing of it was kept: once it has passed, who knows nothing finds the right document.
      world.go("all", undefined);
      await world.clock.advance(24 * hour);
      await (await world.manager(store())).get();
      expect(world.tokens().at(-1)).toEqual(wanted);
    },
  );
});

test.each(rows)(
  "the issuer's metadata is nowhere (%s): an error that lists each location, and a token once it is there",
  async (name, wrong) => {
    const world = await servers("issuer");
    const { store } = sharedMemory();
    world.go("all", wrong);
    const { get } = await world.manager(store());
    const error = await failure(get());
    expect(error).toMatchObject({ code: codeOf(name), retryable: codeOf(name) === "unavailable" });
    for (const path of ["oauth-authorization-server", "openid-configuration"]) {
      expect(error.message).toContain(`${world.server.origin}/.well-known/${path} `);
    }
    expect(error.message).not.toContain("canary");
    expect(world.tokens()).toEqual([]);
    world.go("all", undefined);
    for (const each of [get, (await world.manager(store())).get]) await each();
    expect(world.tokens()).toHaveLength(2);
  },
);

test.each(rows)(
  "the resource's metadata is nowhere (%s): a warning, and a token that is not shared",
  async (_, wrong) => {
    const world = await servers("resource");
    const { store } = sharedMemory();
    world.go("all", wrong);
    const { get, warnings, auth } = await world.manager(store());
    await get();
    expect(world.tokens()).toEqual([[`${world.server.origin}/mcp`, null]]);
    expect(warnings).toMatchObject([{ code: expect.stringMatching(/^(discovery_failed|unavailable)$/) }]);
    expect(warnings[0]?.message).toContain('Set "resourceMetadata"');
    expect(warnings[0]?.message).not.toContain("canary");
    expect(await keysOf(store())).toEqual([]);
    await get();
    expect(warnings).toHaveLength(1);
    // In a minute at most it is looked for again.
    world.go("all", undefined);
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

test("metadata that never comes leaves time for the token where `deadline` is shorter than `timeout`", async () => {
  const clock = fakeClock();
  const server = await ownServer(async ({ url }, response) => {
    if (url === "/token") return sendToken(response, "t");
    // Half of the deadline, in two parts.
    return await clock.advance(1_000);
  });
  const metadata = { tokenEndpoint: `${server.origin}/token` };
  const client = { issuer: server.origin, id: "agent", secret: { env: "S" }, metadata };
  const tools = { url: `${server.origin}/mcp`, deadline: "4s", grant: { client } };
  const auth = await createMcpAuth({ config: { servers: { tools } }, env: { S: "s" }, clock });
  onTestFinished(() => auth.stop());
  expect(await auth.resolve("tools").getAccessToken()).toBe("t");
});

describe("a document of another resource", () => {
  const other: Wrong = (response, { server }) =>
    sendJson(response, { resource: "https://canary.example", authorization_servers: [server.origin] });

  test("at the first location is passed over", async () => {
    const world = await servers("resource");
    world.go("first", other);
    await (await world.manager()).get();
    expect(world.tokens()).toEqual([[world.server.origin, "a"]]);
  });

  test("everywhere is resource_mismatch, which names the remedies, and is over once it is mended", async () => {
    const world = await servers("resource");
    const { store } = sharedMemory();
    world.go("all", other);
    const { get } = await world.manager(store());
    const error = await failure(get());
    expect(error.code).toBe("resource_mismatch");
    expect(error.message).toContain('"resourceMetadata"');
    expect(await keysOf(store())).toEqual([]);
    world.go("all", undefined);
    await get();
    expect(world.tokens()).toEqual([[world.server.origin, "a"]]);
  });

  test("everywhere does no harm where metadata was known", async () => {
    const world = await servers("resource");
    const { get } = await world.manager();
    await get();
    await world.clock.advance(2 * hour);
    world.go("all", other);
    await get();
    expect(world.tokens().at(-1)).toEqual([world.server.origin, "a"]);
  });
});

test("the server's metadata lists another issuer: an error that ends when it is mended, and is stored nowhere", async () => {
  const world = await servers("resource");
  const { store } = sharedMemory();
  world.go("all", (response, { server }) =>
    sendJson(response, { resource: server.origin, authorization_servers: ["https://canary.example"] }),
  );
  const { get } = await world.manager(store());
  expect((await failure(get())).code).toBe("issuer_mismatch");
  expect(await keysOf(store())).toEqual([]);
  world.go("all", undefined);
  await get();
  expect(world.tokens()).toEqual([[world.server.origin, "a"]]);
});

test("a server that publishes nothing is answered for by its URL, without a warning, and its tokens are shared", async () => {
  const world = await servers("resource");
  const { store } = sharedMemory();
  world.go("all", (response) => sendJson(response, {}, 404));
  const { get, warnings, auth } = await world.manager(store());
  await get();
  expect(warnings).toEqual([]);
  await auth.stop();
  expect((await keysOf(store())).some((key) => key.startsWith("token."))).toBe(true);
});

describe("behind a reverse proxy, a server that names itself http://localhost:3000/mcp", () => {
  async function proxied(tools: object) {
    const server = await ownServer(({ url }, response) => {
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
    // Put together from parts.
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

  test("is resource_mismatch", async () => {
    const { manager } = await proxied({});
    expect((await failure(manager.getAccessToken())).code).toBe("resource_mismatch");
  });

  test("works with `resource` in the grant", async () => {
    const { manager, resource } = await proxied({ grant: { resource: "http://localhost:3000/mcp" } });
    await manager.getAccessToken();
    expect(resource()).toBe("http://localhost:3000/mcp");
  });

  test("works with `resourceMetadata: false`, and its metadata is not asked for", async () => {
    const { manager, server, resource } = await proxied({ resourceMetadata: false });
    await manager.getAccessToken();
    expect(resource()).toBe(manager.url);
    expect(server.requests.filter(({ url }) => url.includes("protected-resource"))).toEqual([]);
  });
});
