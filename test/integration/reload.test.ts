// `auth.reload()` puts another config into use, while servers that did not change keep working.
import { generateKeyPairSync } from "node:crypto";
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, onTestFinished, test } from "vitest";
import { authProvider, oauthProvider } from "../../src/hosts/mcp-sdk.js";
import {
  type ConfigReloadedEvent,
  createMcpAuth,
  type McpAuthConfig,
  type McpAuthOptions,
  type TokenManager,
} from "../../src/index.js";
import { type Deferred, deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { type RecordedRequest, sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { folder } from "../unit/config/folder.js";
import { startConnectProxy } from "../unit/net/connect-proxy.js";
import {
  createTestRuntime,
  recordEvents,
  recordUnhandledRejections,
  renewalReasons,
  sendToken,
  startScriptedServer,
} from "./harness.js";

const second = 1_000;
const minute = 60 * second;
const secret = "canary-secret";

interface Site {
  readonly origin: string;
  readonly url: string;
  /** Returns the server config. The arguments override members of the server, the client and the grant. */
  server(more?: object, client?: object, grant?: object): object;
  /** The tokens that came with MCP requests, in order. */
  readonly seen: readonly (string | undefined)[];
  readonly mcpRequests: readonly RecordedRequest[];
  readonly tokenRequests: readonly RecordedRequest[];
  /** Tokens that the MCP server refuses. */
  readonly refused: Set<string>;
  /** If set, the token endpoint or the MCP server holds its responses until the promise resolves. */
  holdTokens: Deferred<void> | undefined;
  holdCalls: Deferred<void> | undefined;
  tokenStatus: number;
  lifetime: number;
  /** Resolves once this many requests of either kind have arrived. */
  received(count: number): Promise<void>;
}

/** Starts an MCP server with its authorization server. The tokens are `<name>-1`, `<name>-2` and so on. */
async function site(name: string): Promise<Site> {
  const [mcpRequests, tokenRequests]: [RecordedRequest[], RecordedRequest[]] = [[], []];
  const server = await startScriptedServer(async (request, response) => {
    const { origin } = server;
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
    }
    if (request.url.startsWith("/.well-known/")) return sendJson(response, {}, 404);
    if (request.url === "/token") {
      tokenRequests.push(request);
      const token = `${name}-${tokenRequests.length}`;
      await made.holdTokens?.promise;
      if (made.tokenStatus !== 200) return sendJson(response, { error: "invalid_client" }, made.tokenStatus);
      return sendToken(response, token, made.lifetime);
    }
    mcpRequests.push(request);
    await made.holdCalls?.promise;
    const token = tokenOf(request);
    sendJson(response, { name, token }, made.refused.has(token ?? "") ? 401 : 200);
  });
  const made: Site = {
    origin: server.origin,
    url: `${server.origin}/mcp`,
    server: (more, client, grant) => ({
      url: `${server.origin}/mcp`,
      grant: {
        client: { issuer: server.origin, id: "agent", secret: { env: "SECRET" }, ...client },
        ...grant,
      },
      ...more,
    }),
    get seen() {
      return mcpRequests.map(tokenOf);
    },
    mcpRequests,
    tokenRequests,
    refused: new Set(),
    holdTokens: undefined,
    holdCalls: undefined,
    tokenStatus: 200,
    lifetime: 3_600,
    async received(count) {
      while (mcpRequests.length + tokenRequests.length < count)
        await server.received(server.requests.length + 1);
    },
  };
  return made;
}

/** Collects garbage at most twenty times until the object is gone: recently used objects are kept until the job ends. */
async function collected(reference: WeakRef<object>): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("There is no collector to call.");
  for (let look = 0; look < 20 && reference.deref() !== undefined; look += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}

function tokenOf({ headers }: RecordedRequest): string | undefined {
  return headers.authorization?.replace("Bearer ", "");
}

/** Creates a config file and a runtime for it. */
async function fromFile(servers: object, options: McpAuthOptions = {}, rest: object = {}) {
  const path = await folder({ "mcp-auth.config.json": JSON.stringify({ servers, ...rest }) });
  const file = join(path, "mcp-auth.config.json");
  const auth = await createTestRuntime<string>({ cwd: path, env: { SECRET: secret }, ...options });
  const reloads: ConfigReloadedEvent[] = [];
  auth.on("config:reloaded", (event) => void reloads.push(event));
  return {
    auth,
    file,
    path,
    reloads,
    // Renames a complete file, so that a reload never reads a part of it.
    async write(next: object, more: object = {}) {
      await writeFile(`${file}.next`, JSON.stringify({ servers: next, ...more }), { mode: 0o644 });
      await rename(`${file}.next`, file);
    },
  };
}

async function call(manager: TokenManager): Promise<unknown> {
  return await (await manager.fetch(manager.url)).json();
}

/** Returns a config that is built from parts as the type of a config. */
const asConfig = (config: object) => config as McpAuthConfig<string>;

describe("a reload", () => {
  test("a reload adds, changes and removes servers, keeps the others, and emits an event", async () => {
    const [a, b, c] = [await site("a"), await site("b"), await site("c")];
    const servers = { kept: a.server(), moved: b.server(), gone: c.server() };
    const { auth, write, reloads } = await fromFile(servers);
    const [kept, moved, gone] = [auth.resolve("kept"), auth.resolve("moved"), auth.resolve("gone")];
    for (const manager of [kept, moved, gone]) await call(manager);
    await write({ added: b.server(), kept: a.server(), moved: c.server() });
    expect(await auth.reload()).toBeUndefined();
    expect(reloads).toEqual([
      { added: ["added"], changed: ["moved"], removed: ["gone"], durationMs: expect.any(Number) },
    ]);
    expect(Object.isFrozen(reloads[0]?.added)).toBe(true);
    expect(auth.servers).toEqual(["added", "kept", "moved"]);
    expect([auth.has("added"), auth.has("gone")]).toEqual([true, false]);
    expect(auth.status().map(({ server, state }) => `${server} ${state}`)).toEqual([
      "added none",
      "kept fresh",
      "moved none",
    ]);
    expect([a, b, c].map(({ url }) => auth.resolveUrl(url)?.name)).toEqual(["kept", "added", "moved"]);
    expect(await call(kept)).toEqual({ name: "a", token: "a-1" });
    expect(await call(moved)).toEqual({ name: "c", token: "c-2" });
    expect(await call(auth.resolve("added"))).toEqual({ name: "b", token: "b-2" });
    expect(() => auth.resolve("gone")).toThrowError(expect.objectContaining({ code: "unknown_server" }));
    const calls = [gone.getAccessToken(), gone.getToken(), gone.getHeaders(), gone.fetch(c.url)];
    for (const error of await Promise.all(calls.map(rejectionOf))) {
      expect(error).toMatchObject({ code: "unknown_server", server: "gone", retryable: false });
      expect(error.message).toContain("reload");
    }
    expect(gone.status()).toMatchObject({ state: "none", lastError: { code: "unknown_server" } });
    expect(a.tokenRequests).toHaveLength(1);
  });

  test("a reload without changes keeps all servers and emits an event", async () => {
    const a = await site("a");
    const { auth, reloads } = await fromFile({ a: a.server(), b: a.server({ url: "${NOWHERE}" }) });
    await call(auth.resolve("a"));
    await auth.reload();
    expect(reloads).toEqual([{ added: [], changed: [], removed: [], durationMs: expect.any(Number) }]);
    expect(await call(auth.resolve("a"))).toEqual({ name: "a", token: "a-1" });
  });

  test("twenty reloads during calls fail no call and request one token", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const unhandled = recordUnhandledRejections();
    const { auth, write } = await fromFile({ kept: a.server(), other: b.server() });
    const { kept, other } = { kept: auth.resolve("kept"), other: auth.resolve("other") };
    let over = false;
    let calls = 0;
    const calling = Array.from({ length: 8 }, async () => {
      while (!over) {
        expect((await kept.fetch(a.url)).status).toBe(200);
        expect((await other.fetch(b.url)).status).toBe(200);
        calls += 2;
      }
    });
    for (let round = 0; round < 20; round += 1) {
      await write({
        kept: a.server(),
        other: b.server({ headers: { "x-round": `${round}` } }, { id: `agent-${round}` }),
        ...(round % 2 === 0 && { now_and_then: b.server() }),
      });
      await auth.reload();
      await new Promise((resolve) => setImmediate(resolve));
    }
    over = true;
    await Promise.all(calling);
    expect(calls).toBeGreaterThan(40);
    expect(a.tokenRequests).toHaveLength(1);
    expect(new Set(a.seen)).toEqual(new Set(["a-1"]));
    expect(unhandled).toEqual([]);
  });

  test("a reload reads the current object of a config in code, and the current variables", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const servers: Record<string, object> = { one: a.server({ url: "${BASE}/mcp" }, { issuer: "${BASE}" }) };
    const env: Record<string, string> = { SECRET: secret, BASE: a.origin };
    const auth = await createTestRuntime<string>({ config: asConfig({ servers }), env });
    const one = auth.resolve("one");
    expect(await call(one)).toEqual({ name: "a", token: "a-1" });
    env["BASE"] = b.origin;
    servers["two"] = a.server();
    expect(await call(one)).toEqual({ name: "a", token: "a-1" });
    expect(auth.servers).toEqual(["one"]);
    await auth.reload();
    expect(await call(one)).toEqual({ name: "b", token: "b-1" });
    expect(auth.servers).toEqual(["one", "two"]);
  });
});

describe("a config that cannot be used", () => {
  const mistakes: [what: string, spoil: (file: string, text: string) => Promise<unknown>][] = [
    ["is not JSON", (file, text) => writeFile(file, text.slice(0, -3))],
    ["is empty", (file) => writeFile(file, "")],
    ["has an unknown property", (file, text) => writeFile(file, text.replace('"grant"', '"grnat"'))],
    ["is world-writable", (file) => chmod(file, 0o666)],
  ];
  test.each(mistakes)(
    "a reload of a config that %s changes nothing, and the error is that of createMcpAuth()",
    async (_, spoil) => {
      const a = await site("a");
      const servers = { a: a.server() };
      const { auth, file, path, reloads } = await fromFile(servers);
      const manager = auth.resolve("a");
      await call(manager);
      await spoil(file, JSON.stringify({ servers }));
      const error = await rejectionOf(auth.reload());
      expect(error.code).toBe("config_invalid");
      const created = await rejectionOf(createMcpAuth({ cwd: path, env: {} }));
      expect([error.message, error.violations]).toEqual([created.message, created.violations]);
      expect(await call(manager)).toEqual({ name: "a", token: "a-1" });
      expect([auth.servers, reloads]).toEqual([["a"], []]);
      await rm(file);
      await writeFile(file, JSON.stringify({ servers: { ...servers, b: a.server() } }), { mode: 0o644 });
      await auth.reload();
      expect(auth.servers).toEqual(["a", "b"]);
    },
  );

  test("a reload of a deleted config file is config_not_found with its path", async () => {
    const a = await site("a");
    const { auth, file } = await fromFile({ a: a.server() });
    await rm(file);
    const error = await rejectionOf(auth.reload());
    expect(error.code).toBe("config_not_found");
    expect(error.message).toBe(
      `This runtime was created from ${file}, which does not exist. Correct the path, or create the file.`,
    );
    expect(await call(auth.resolve("a"))).toEqual({ name: "a", token: "a-1" });
  });

  test("a reload with a mistake in one server makes that server unusable, and its manager stays the same", async () => {
    const a = await site("a");
    const { auth, write, reloads } = await fromFile({ a: a.server(), b: a.server() });
    const [manager, other] = [auth.resolve("a"), auth.resolve("b")];
    const { fetch } = manager;
    await call(manager);
    await call(other);
    await write({ a: a.server({ url: "${NOWHERE}" }), b: a.server() });
    await auth.reload();
    expect(await rejectionOf(fetch(a.url))).toMatchObject({ code: "config_invalid", server: "a" });
    expect(() => manager.url).toThrowError(expect.objectContaining({ code: "config_invalid" }));
    expect(auth.resolveUrl(a.url)).toBe(other);
    await write({ a: a.server(), b: a.server() });
    await auth.reload();
    expect(auth.resolve("a")).toBe(manager);
    expect(await (await fetch(a.url)).json()).toEqual({ name: "a", token: "a-3" });
    expect(await call(other)).toEqual({ name: "a", token: "a-2" });
    expect(reloads.map(({ changed }) => changed)).toEqual([["a"], ["a"]]);
  });
});

describe("a change of the config file", () => {
  test("a changed config file has no effect before reload(): not its URL, issuer or command", async () => {
    const [a, evil] = [await site("a"), await site("evil")];
    const { auth, path, write } = await fromFile({ a: a.server() });
    const manager = auth.resolve("a");
    const provider = authProvider(manager);
    await call(manager);
    const witness = join(path, "witness");
    const command = [process.execPath, "-e", `require("fs").writeFileSync(${JSON.stringify(witness)}, "")`];
    await write({ a: evil.server({}, { secret: { exec: command } }) });
    const [before, refused] = [a.tokenRequests.length, a.refused];
    refused.add("a-1");
    expect(await call(manager)).toEqual({ name: "a", token: "a-2" });
    await manager.getToken({ forceRefresh: true });
    await manager.getAccessToken({ scopes: ["other"] });
    await provider.onUnauthorized();
    await auth.start();
    await auth.resolve("a").getHeaders();
    expect(manager.url).toBe(a.url);
    expect(a.tokenRequests.length).toBeGreaterThan(before + 2);
    expect([evil.tokenRequests, evil.mcpRequests]).toEqual([[], []]);
    await expect(chmod(witness, 0o600)).rejects.toThrow("ENOENT");
    await auth.reload();
    await rejectionOf(manager.getAccessToken());
    await expect(chmod(witness, 0o600)).resolves.toBeUndefined();
    expect(manager.url).toBe(evil.url);
  });

  test("a new config in a nearer file or named by a variable has no effect on reload()", async () => {
    const [a, evil] = [await site("a"), await site("evil")];
    const text = (servers: object) => JSON.stringify({ servers });
    const path = await folder({ "mcp-auth.config.json": text({ a: a.server() }), "deep/down/x": "" });
    const env: Record<string, string> = { SECRET: secret };
    const auth = await createTestRuntime<string>({ cwd: join(path, "deep/down"), env });
    for (const planted of [
      "deep/down/mcp-auth.config.json",
      "deep/mcp-auth.config.yaml",
      "mcp-auth.config.yml",
    ]) {
      await writeFile(join(path, planted), text({ a: evil.server() }));
    }
    env["MCP_AUTH_CONFIG"] = join(path, "deep/mcp-auth.config.yaml");
    await auth.reload();
    expect(await call(auth.resolve("a"))).toEqual({ name: "a", token: "a-1" });
    await writeFile(join(path, "mcp-auth.config.json"), text({ a: a.server(), b: a.server() }));
    await auth.reload();
    expect(auth.servers).toEqual(["a", "b"]);
    expect(evil.tokenRequests).toEqual([]);
  });

  test("a new secret in its file needs no reload", async () => {
    const a = await site("a");
    const { auth, path } = await fromFile({ a: a.server({}, { secret: { file: "./secret" } }) });
    await writeFile(join(path, "secret"), "first");
    const manager = auth.resolve("a");
    await manager.getToken();
    await writeFile(join(path, "next"), "second");
    await rename(join(path, "next"), join(path, "secret"));
    await manager.getToken({ forceRefresh: true });
    const sent = a.tokenRequests.map(({ headers }) => headers.authorization);
    expect(sent).toEqual(["first", "second"].map((value) => `Basic ${btoa(`agent:${value}`)}`));
  });
});

describe("a server that changed", () => {
  const harmless: [what: string, more: object][] = [
    ["headers", { headers: { "x-new": "1" } }],
    ["reach", { reach: "path" }],
    ["stepUp", { stepUp: ["more"] }],
    ["refresh", { refresh: { ahead: "1m", schedule: "0 * * * *" } }],
    ["refresh: false", { refresh: false }],
    ["retry, timeout and deadline", { retry: { attempts: 2 }, timeout: "1s", deadline: "2s" }],
  ];
  test.each(harmless)(
    "a server that changed in its %s keeps its token, with the new setting",
    async (_, more) => {
      const a = await site("a");
      const { auth, write, reloads } = await fromFile({ a: a.server() });
      const manager = auth.resolve("a");
      await call(manager);
      const readOnly = await manager.getAccessToken({ scopes: ["read"] });
      await write({ a: a.server(more) });
      await auth.reload();
      expect(reloads[0]?.changed).toEqual(["a"]);
      expect(await call(manager)).toEqual({ name: "a", token: "a-1" });
      expect(await manager.getAccessToken({ scopes: ["read"] })).toBe(readOnly);
      expect(a.tokenRequests).toHaveLength(2);
      if ("headers" in more) expect(a.mcpRequests.at(-1)?.headers["x-new"]).toBe("1");
      if ("reach" in more) {
        expect((await rejectionOf(manager.fetch(`${a.origin}/other`))).code).toBe("egress_denied");
      }
    },
  );

  const another: [what: string, more: object, client: object, grant: object][] = [
    ["url", { url: "/mcp/deeper" }, {}, {}],
    ["client", {}, { id: "another" }, {}],
    ["credential", {}, { secret: { env: "OTHER" } }, {}],
    ["scopes", {}, {}, { scopes: ["read"] }],
    ["resource", {}, {}, { resource: false }],
    ["audience", {}, {}, { audience: "api" }],
    ["params", {}, {}, { params: { tenant: "x" } }],
  ];
  test.each(another)(
    "a server that changed in its %s requests another token, and the timers of the previous one are gone",
    async (_, more, client, grant) => {
      const a = await site("a");
      const clock = fakeClock(Date.now());
      const env = { SECRET: secret, OTHER: "another" };
      const { auth, write } = await fromFile({ a: a.server() }, { clock, env });
      const manager = auth.resolve("a");
      await call(manager);
      const { nextRefreshAt } = manager.status();
      expect(nextRefreshAt).toBeTypeOf("number");
      const changed = "url" in more ? { url: `${a.url}/deeper` } : more;
      await write({ a: a.server(changed, client, grant) });
      await auth.reload();
      expect(manager.status()).toEqual({ server: "a", state: "none" });
      expect(clock.pending).toEqual([]);
      expect(await call(manager)).toEqual({ name: "a", token: "a-2" });
      expect(clock.pending).toHaveLength(1);
    },
  );

  test("a server that changes many times leaves no timer behind and renews on time", async () => {
    const a = await site("a");
    const { clock, fetch, advance } = liveClock();
    const { auth, write } = await fromFile({ a: a.server() }, { clock, fetch });
    const manager = auth.resolve("a");
    await call(manager);
    const { nextRefreshAt = 0 } = manager.status();
    for (let round = 0; round < 20; round += 1) {
      await write({ a: a.server({ reach: round % 2 === 0 ? "path" : "origin" }) });
      await auth.reload();
      expect(manager.status().nextRefreshAt).toBe(nextRefreshAt);
    }
    expect(clock.pending).toHaveLength(1);
    // As if it had been used just before.
    await call(manager);
    const idle = nextRefreshAt - clock.now() - minute;
    await advance(idle);
    await call(manager);
    await advance(minute);
    expect(a.tokenRequests).toHaveLength(2);
  });

  test("a server that was asleep stays asleep if a changed setting needs no new token", async () => {
    const a = await site("a");
    const { clock, fetch, advance } = liveClock();
    const { auth, write } = await fromFile({ a: a.server() }, { clock, fetch });
    const manager = auth.resolve("a");
    await call(manager);
    await advance(59 * minute);
    expect(manager.status().state).toBe("asleep");
    await write({ a: a.server({ headers: { "x-new": "1" } }) });
    await auth.reload();
    await advance(minute);
    expect(manager.status().state).toBe("asleep");
    expect(a.tokenRequests).toHaveLength(1);
  });

  test("a server loses step-up scopes that a reload no longer allows", async () => {
    const a = await site("a");
    const server = await startScriptedServer((request, response) => {
      const allowed = tokenOf(request) === "a-2";
      const challenge = 'Bearer error="insufficient_scope", scope="write"';
      response.writeHead(allowed ? 200 : 403, allowed ? {} : { "www-authenticate": challenge }).end();
    });
    const at = { url: `${server.origin}/mcp` };
    const withScopes = (stepUp: string[]) => a.server({ ...at, stepUp }, {}, { scopes: ["read"] });
    const { auth, write } = await fromFile({ a: withScopes(["write", "more"]) }, {}, {});
    const manager = auth.resolve("a");
    expect((await manager.fetch(at.url)).status).toBe(200);
    await write({ a: withScopes(["write", "more", "most"]) });
    await auth.reload();
    expect(await manager.getAccessToken()).toBe("a-2");
    await write({ a: withScopes(["more"]) });
    await auth.reload();
    expect((await rejectionOf(manager.fetch(at.url))).code).toBe("insufficient_scope");
    expect(new URLSearchParams(a.tokenRequests.at(-1)?.body).get("scope")).toBe("read");
  });
});

describe("calls that started before a reload", () => {
  test("a call that started before a reload is retried at the old server with a token of the old issuer", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const { auth, write } = await fromFile({ one: a.server() });
    const manager = auth.resolve("one");
    await manager.getToken();
    a.refused.add("a-1");
    a.holdCalls = deferred();
    const pending = call(manager);
    await a.received(2);
    await write({ one: b.server() });
    await auth.reload();
    expect(await call(manager)).toEqual({ name: "b", token: "b-1" });
    a.holdCalls.resolve();
    expect(await pending).toEqual({ name: "a", token: "a-2" });
    expect(b.seen).toEqual(["b-1"]);
    expect(a.seen).toEqual(["a-1", "a-2"]);
    expect(await manager.getAccessToken()).toBe("b-1");
  });

  test("calls that started before a reload get the token that they wait for, and later calls get the new one", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const { auth, write } = await fromFile({ one: a.server() });
    const manager = auth.resolve("one");
    a.holdTokens = deferred();
    const waiting = [manager.getAccessToken(), manager.getAccessToken()];
    await a.received(1);
    await write({ one: b.server() });
    await auth.reload();
    expect(await manager.getAccessToken()).toBe("b-1");
    a.holdTokens.resolve();
    expect(await Promise.all(waiting)).toEqual(["a-1", "a-1"]);
    expect(await manager.getAccessToken()).toBe("b-1");
    expect(manager.status()).toMatchObject({ state: "fresh" });
  });

  test("calls that started before a reload removed their server end normally", async () => {
    const a = await site("a");
    const { auth, write } = await fromFile({ one: a.server(), two: a.server() });
    const manager = auth.resolve("one");
    a.holdTokens = deferred();
    const pending = call(manager);
    await a.received(1);
    await write({ two: a.server() });
    await auth.reload();
    a.holdTokens.resolve();
    expect(await pending).toEqual({ name: "a", token: "a-1" });
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("unknown_server");
  });

  test("calls that started before a reload reject with `stopped` after stop() and its grace period", async () => {
    const a = await site("a");
    const clock = fakeClock(Date.now());
    const { auth, write } = await fromFile({ one: a.server(), two: a.server() }, { clock });
    const pending = rejectionOf(auth.resolve("one").getAccessToken());
    a.holdTokens = deferred();
    await a.received(1);
    await write({ two: a.server() });
    await auth.reload();
    const stopping = auth.stop();
    await clock.advance(5 * second);
    await stopping;
    expect((await pending).code).toBe("stopped");
    expect(clock.pending).toEqual([]);
  });
});

describe("the manager of a server across reloads", () => {
  test("the manager of a server is the same object after changes and removals, and so is its fetch", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const { auth, write } = await fromFile({ one: a.server() });
    const manager = auth.resolve("one");
    const { fetch } = manager;
    await write({ one: b.server() });
    await auth.reload();
    expect(auth.resolve("one")).toBe(manager);
    expect(manager.url).toBe(b.url);
    expect(await (await fetch(b.url)).json()).toEqual({ name: "b", token: "b-1" });
    expect((await rejectionOf(fetch(a.url))).code).toBe("egress_denied");
    await write({ other: a.server() });
    await auth.reload();
    await write({ one: a.server() });
    await auth.reload();
    expect(auth.resolve("one")).toBe(manager);
    expect(manager.fetch).toBe(fetch);
    expect(await (await fetch(a.url)).json()).toEqual({ name: "a", token: "a-1" });
    expect((await rejectionOf(fetch(b.url))).code).toBe("egress_denied");
  });

  test("a manager tries the previous key after a refusal, even if a reload changed the settings of token requests in between", async () => {
    const a = await site("a");
    const pem = () =>
      generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    const key = join(await folder({ "agent.pem": pem().toString() }), "agent.pem");
    const server = (more: object = {}) =>
      a.server(more, { secret: undefined, key: { privateKey: { file: key } } });
    const { auth, write } = await fromFile({ one: server() });
    const manager = auth.resolve("one");
    await manager.getAccessToken();
    await writeFile(`${key}.new`, pem());
    await rename(`${key}.new`, key);
    await write({ one: server({ timeout: "3s" }) });
    await auth.reload();
    a.tokenStatus = 401;
    expect((await rejectionOf(manager.getAccessToken({ forceRefresh: true }))).code).toBe(
      "token_request_rejected",
    );
    const kids = a.tokenRequests.map(({ body }) => {
      const [header = ""] = (new URLSearchParams(body).get("client_assertion") ?? "").split(".");
      return JSON.parse(Buffer.from(header, "base64url").toString()).kid;
    });
    expect(kids).toEqual([kids[0], expect.not.stringMatching(kids[0]), kids[0]]);
  });

  test("a manager keeps a token in its last seconds over a reload, in case of an outage", async () => {
    const a = await site("a");
    a.lifetime = 60;
    const clock = fakeClock();
    const { auth, write } = await fromFile({ one: a.server({ refresh: false }) }, { clock });
    const manager = auth.resolve("one");
    await manager.getAccessToken();
    await clock.advance(55 * second);
    a.tokenStatus = 503;
    await write({ one: a.server({ refresh: false, timeout: "3s" }) });
    await auth.reload();
    const token = manager.getAccessToken();
    await clock.advance(3 * second);
    expect(await token).toBe("a-1");
  });

  test("the manager of a removed server is released if it is not in use, and kept otherwise", async () => {
    const a = await site("a");
    const { auth, write } = await fromFile({ held: a.server(), loose: a.server() });
    const held = auth.resolve("held");
    const loose = new WeakRef(auth.resolve("loose"));
    await write({});
    await auth.reload();
    await collected(loose);
    expect(loose.deref()).toBeUndefined();
    await write({ held: a.server(), loose: a.server() });
    await auth.reload();
    expect(auth.resolve("held")).toBe(held);
    expect([await held.getAccessToken(), await auth.resolve("loose").getAccessToken()]).toEqual([
      "a-1",
      "a-2",
    ]);
  });

  test("the providers of a host use the new config, but get no token for another URL than theirs", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const { auth, write } = await fromFile({ one: a.server() });
    const manager = auth.resolve("one");
    const [two, one] = [authProvider(manager), oauthProvider(manager)];
    expect([await two.token(), (await one.tokens()).access_token]).toEqual(["a-1", "a-1"]);
    await write({ one: a.server({}, { id: "another" }) });
    await auth.reload();
    expect(one.clientInformation()).toEqual({ client_id: "another", issuer: a.origin });
    expect([await two.token(), (await one.tokens()).access_token]).toEqual(["a-2", "a-2"]);
    await write({ one: b.server() });
    await auth.reload();
    for (const promise of [two.token(), two.onUnauthorized(), one.tokens()]) {
      expect(await rejectionOf(promise)).toMatchObject({ code: "egress_denied", server: "one" });
    }
    expect(await authProvider(manager).token()).toBe("b-1");
  });

  test("a token response of a host is not accepted if its request may have used an earlier client", async () => {
    const a = await site("a");
    const { auth, write } = await fromFile({ one: a.server() });
    const manager = auth.resolve("one");
    const provider = oauthProvider(manager);
    const ask = async () => {
      const body = new URLSearchParams();
      await provider.addClientAuthentication(new Headers(), body, `${a.origin}/token`, { issuer: a.origin });
    };
    const answer = (access_token: string) => provider.saveTokens({ access_token, token_type: "Bearer" });
    await ask();
    await answer("host-1");
    expect(await manager.getAccessToken()).toBe("host-1");
    await ask();
    await write({ one: a.server({}, { id: "another" }) });
    await auth.reload();
    expect((await provider.tokens()).access_token).toBe("a-1");
    await answer("of the client before");
    expect((await provider.tokens()).access_token).toBe("a-2");
  });

  test("token responses of a host are accepted again after one that never arrived", async () => {
    const a = await site("a");
    const clock = fakeClock();
    const { auth, write } = await fromFile({ one: a.server() }, { clock });
    const manager = auth.resolve("one");
    const provider = oauthProvider(manager);
    const ask = async (issuer = a.origin) => {
      const body = new URLSearchParams();
      await provider.addClientAuthentication(new Headers(), body, `${a.origin}/token`, { issuer });
    };
    const answer = (access_token: string) => provider.saveTokens({ access_token, token_type: "Bearer" });
    // This request is refused before it is sent, so no response can follow.
    expect((await rejectionOf(ask("https://other.example"))).code).toBe("issuer_mismatch");
    await write({ one: a.server({ timeout: "3s" }) });
    await auth.reload();
    await ask();
    await answer("host-1");
    expect((await provider.tokens()).access_token).toBe("host-1");
    // This request is sent and fails, which the SDK does not report.
    await ask();
    await write({ one: a.server({ timeout: "4s" }) });
    await auth.reload();
    await ask();
    await answer("host-2");
    expect((await provider.tokens()).access_token).not.toBe("host-2");
    await clock.advance(11 * minute);
    await ask();
    await answer("host-3");
    expect((await provider.tokens()).access_token).toBe("host-3");
  });
});

test("a changed credential ends the cool-downs of all scope sets", async () => {
  const a = await site("a");
  const env = { SECRET: "canary-old" };
  const { auth } = await fromFile({ one: a.server() }, { env });
  const manager = auth.resolve("one");
  a.tokenStatus = 401;
  await rejectionOf(manager.getAccessToken());
  await rejectionOf(manager.getAccessToken({ scopes: ["b"] }));
  a.tokenStatus = 200;
  env.SECRET = "canary-new";
  const got = [await manager.getAccessToken({ scopes: ["b"] }), await manager.getAccessToken()];
  expect(got).toEqual(["a-3", "a-4"]);
});

describe("users", () => {
  const exchange = {
    type: "token_exchange",
    subject: { token: { runtime: true }, type: "urn:ietf:params:oauth:token-type:jwt" },
  };
  const ann = { key: "ann", subjectToken: "jwt of ann" };
  const bob = { key: "bob", subjectToken: "jwt of bob" };

  test("users of an unchanged server keep their tokens, and those of a changed server use its new URL and issuer", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const { auth, write } = await fromFile({
      kept: a.server({}, {}, exchange),
      moved: a.server({}, {}, exchange),
    });
    const kept = auth.resolve("kept").for(ann);
    const moved = auth.resolve("moved").for(ann);
    const unused = auth.resolve("moved").for(bob);
    const { fetch } = moved;
    expect([await call(kept), await call(moved)]).toEqual([
      { name: "a", token: "a-1" },
      { name: "a", token: "a-2" },
    ]);
    await write({ kept: a.server({}, {}, exchange), moved: b.server({}, {}, exchange) });
    await auth.reload();
    expect(auth.resolve("kept").for(ann)).toBe(kept);
    expect(await call(kept)).toEqual({ name: "a", token: "a-1" });
    expect(moved.status()).toEqual({ server: "moved", state: "none" });
    expect((await rejectionOf(fetch(a.url))).code).toBe("egress_denied");
    expect(await call(moved)).toEqual({ name: "b", token: "b-1" });
    expect(await call(unused)).toEqual({ name: "b", token: "b-2" });
    expect(auth.resolve("moved").for(ann)).toBe(moved);
    const subjects = b.tokenRequests.map(({ body }) => new URLSearchParams(body).get("subject_token"));
    expect(subjects).toEqual(["jwt of ann", "jwt of bob"]);
    expect(a.tokenRequests).toHaveLength(2);
  });

  test("users keep their tokens if the server changed only in settings that do not affect tokens", async () => {
    const a = await site("a");
    const { auth, write } = await fromFile({ one: a.server({}, {}, exchange) });
    const manager = auth.resolve("one").for(ann);
    await call(manager);
    await write({ one: a.server({ headers: { "x-new": "1" } }, {}, exchange) });
    await auth.reload();
    await write({ one: a.server({ timeout: "3s" }, {}, exchange) });
    await auth.reload();
    expect(await call(manager)).toEqual({ name: "a", token: "a-1" });
  });

  test("a subject token for the issuer of the new config is not sent to the previous issuer", async () => {
    const [a, b] = [await site("a"), await site("b")];
    a.tokenStatus = 503;
    const clock = fakeClock();
    const { auth, write } = await fromFile({ one: a.server({}, {}, exchange) }, { clock });
    const before = auth.resolve("one").for(ann).getAccessToken();
    const outcome = before.catch((error: { code?: string }) => error.code);
    await a.received(1);
    await write({ one: b.server({}, {}, exchange) });
    await auth.reload();
    const manager = auth.resolve("one").for({ ...ann, subjectToken: "jwt for b" });
    await clock.advance(minute);
    expect(await outcome).toBe("unavailable");
    expect(await manager.getAccessToken()).toBe("b-1");
    const sent = [a, b].map(({ tokenRequests }) =>
      tokenRequests.map(({ body }) => new URLSearchParams(body).get("subject_token")),
    );
    expect(sent).toEqual([["jwt of ann", "jwt of ann", "jwt of ann", "jwt of ann"], ["jwt for b"]]);
  });

  test("a refused user with a new subject token gets a token request at once, also after a reload", async () => {
    const a = await site("a");
    a.tokenStatus = 400;
    const { auth, write } = await fromFile({ one: a.server({}, {}, exchange) });
    const { code } = await rejectionOf(auth.resolve("one").for(ann).getAccessToken());
    expect(code).toBe("token_request_rejected");
    a.tokenStatus = 200;
    await write({ one: a.server({ headers: { "x-new": "1" } }, {}, exchange) });
    await auth.reload();
    const renewed = auth.resolve("one").for({ ...ann, subjectToken: "another jwt of ann" });
    expect(await renewed.getAccessToken()).toBe("a-2");
  });

  test("a user who is forgotten stays forgotten after a reload, also if the server kept the user's token", async () => {
    const a = await site("a");
    const { auth, write } = await fromFile({ one: a.server({}, {}, exchange) });
    const one = auth.resolve("one");
    const [early, late] = [one.for(ann), one.for({ ...ann, key: "bob" })];
    expect([await early.getAccessToken(), await late.getAccessToken()]).toEqual(["a-1", "a-2"]);
    await one.forget(ann.key);
    await write({ one: a.server({ headers: { "x-new": "1" } }, {}, exchange) });
    await auth.reload();
    // The manager has not been used since, so the previous server still has its token.
    await one.forget("bob");
    for (const manager of [early, late])
      expect((await rejectionOf(manager.getAccessToken())).code).toBe("secret_unavailable");
    expect(await one.for(ann).getAccessToken()).toBe("a-3");
    expect(
      await auth
        .resolve("one")
        .for({ ...ann, key: "bob" })
        .getAccessToken(),
    ).toBe("a-4");
    await auth.stop();
    await one.forget(ann.key);
  });

  test("users get no token after their server has lost its subject or was removed, or after stop()", async () => {
    const a = await site("a");
    const { auth, write } = await fromFile({ one: a.server({}, {}, exchange) });
    const manager = auth.resolve("one").for(ann);
    await call(manager);
    await write({ one: a.server() });
    await auth.reload();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("config_invalid");
    await write({ other: a.server() });
    await auth.reload();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("unknown_server");
    await write({ one: a.server({}, {}, exchange) });
    await auth.reload();
    expect(await manager.getAccessToken()).toBe("a-2");
    await write({ one: a.server({}, { id: "another" }, exchange) });
    await auth.reload();
    await auth.stop();
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
    expect(a.tokenRequests).toHaveLength(2);
  });
});

describe("a runtime that was started", () => {
  test("a started runtime starts added and changed servers on reload without waiting, and emits an event for a failure", async () => {
    const [a, b] = [await site("a"), await site("b")];
    const { clock, fetch, advance } = liveClock(Date.UTC(2026, 0, 1));
    const refresh = { schedule: "*/10 * * * *" };
    const { auth, write } = await fromFile({ kept: a.server(), moved: a.server() }, { clock, fetch });
    await auth.start();
    expect(a.tokenRequests).toHaveLength(2);
    const heard = recordEvents(auth);
    b.holdTokens = deferred();
    await write({
      kept: a.server(),
      moved: b.server({ refresh }),
      added: b.server(),
      resting: b.server({ refresh: false }),
      broken: b.server({}, { secret: { env: "NOWHERE" } }),
    });
    await auth.reload();
    await b.received(2);
    b.holdTokens.resolve();
    await advance(0);
    const states = Object.fromEntries(auth.status().map(({ server, state }) => [server, state]));
    expect(states).toMatchObject({ kept: "fresh", moved: "fresh", added: "fresh", resting: "none" });
    const failed = heard.filter(({ event }) => event === "token:failed");
    expect(failed.map(({ server, code }) => `${server} ${code}`)).toEqual(["broken secret_unavailable"]);
    expect([a.tokenRequests.length, b.tokenRequests.length]).toEqual([2, 2]);
    await advance(55 * minute);
    expect(renewalReasons(heard.filter(({ server }) => server === "moved"))).toEqual(["demand", "schedule"]);
  });

  test("a runtime that was not started requests nothing on reload", async () => {
    const a = await site("a");
    const clock = fakeClock();
    const { auth, write } = await fromFile({ one: a.server() }, { clock });
    await write({ one: a.server({}, { id: "another" }), two: a.server() });
    await auth.reload();
    await clock.settle();
    expect([a.tokenRequests, clock.pending]).toEqual([[], []]);
  });
});

/** Creates a config in code with a hook that runs each time the config is read. */
function watched(servers: object) {
  const hooks = { onRead: () => {}, servers };
  const config = {
    get servers() {
      hooks.onRead();
      return hooks.servers;
    },
  };
  return { config: asConfig(config), hooks };
}

describe("several reloads at once", () => {
  test("concurrent reloads do not interleave: each starts when the previous one has ended", async () => {
    const a = await site("a");
    const { config, hooks } = watched({ one: a.server() });
    const auth = await createTestRuntime({ config, env: { SECRET: secret } });
    const order: string[] = [];
    auth.on("config:reloaded", ({ added }) => void order.push(`ended with ${added.join()}`));
    let count = 0;
    hooks.onRead = () => {
      count += 1;
      order.push(`began ${count}`);
      hooks.servers = { [`s${count}`]: a.server() };
    };
    await Promise.all([auth.reload(), auth.reload(), auth.reload()]);
    expect(order).toEqual([1, 2, 3].flatMap((number) => [`began ${number}`, `ended with s${number}`]));
  });

  test("concurrent reloads run one after another, and the last one reads the latest file", async () => {
    const a = await site("a");
    const { auth, write, reloads, file } = await fromFile({ s0: a.server() });
    const running = [auth.reload()];
    for (let round = 1; round <= 5; round += 1) {
      await write({ [`s${round}`]: a.server() });
      running.push(auth.reload());
    }
    await Promise.all(running);
    expect(auth.servers).toEqual(["s5"]);
    // Each reload began with the servers that the previous one ended with.
    let present = ["s0"];
    for (const { added, removed } of reloads) {
      expect(removed.every((name) => present.includes(name))).toBe(true);
      present = [...present.filter((name) => !removed.includes(name)), ...added];
    }
    expect([reloads.length, present]).toEqual([6, ["s5"]]);
    await writeFile(file, "{");
    const broken = rejectionOf(auth.reload());
    expect((await broken).code).toBe("config_invalid");
    await write({ s6: a.server() });
    await auth.reload();
    expect(auth.servers).toEqual(["s6"]);
  });

  test("a reload that a listener of another reload starts does not wait for itself", async () => {
    const a = await site("a");
    const { auth, write, reloads } = await fromFile({ one: a.server() });
    const again = deferred();
    const remove = auth.on("config:reloaded", () => {
      remove();
      auth.reload().then(again.resolve, again.reject);
    });
    await write({ two: a.server() });
    await auth.reload();
    await again.promise;
    expect(reloads).toHaveLength(2);
  });
});

describe("stop()", () => {
  test("stop() during a reload wins: the reload rejects with `stopped` and has no effect", async () => {
    const a = await site("a");
    const clock = fakeClock(Date.now());
    const { auth, write, reloads } = await fromFile({ one: a.server() }, { clock });
    const manager = auth.resolve("one");
    await auth.start();
    await write({ one: a.server({}, { id: "another" }), two: a.server() });
    const reloading = [rejectionOf(auth.reload()), rejectionOf(auth.reload())];
    await auth.stop();
    for (const error of await Promise.all(reloading)) expect(error.code).toBe("stopped");
    expect(reloads).toEqual([]);
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("stopped");
    expect(auth.status()).toMatchObject([{ server: "one", state: "stopped" }]);
    expect(clock.pending).toEqual([]);
    expect(a.tokenRequests).toHaveLength(1);
  });

  test("stop() while a reload reads the config wins too", async () => {
    const a = await site("a");
    const clock = fakeClock(Date.now());
    const { config, hooks } = watched({ one: a.server() });
    const auth = await createTestRuntime<string>({ config, env: { SECRET: secret }, clock });
    await auth.start();
    let stopping: Promise<void> | undefined;
    hooks.servers = { two: a.server() };
    hooks.onRead = () => {
      stopping = auth.stop();
    };
    expect((await rejectionOf(auth.reload())).code).toBe("stopped");
    await stopping;
    await clock.settle();
    expect(auth.servers).toEqual(["one"]);
    expect([clock.pending, a.tokenRequests.length]).toEqual([[], 1]);
  });

  test("stop() in a listener of a reload wins too, and later reloads are refused", async () => {
    const a = await site("a");
    const clock = fakeClock(Date.now());
    const { auth, write } = await fromFile({ one: a.server() }, { clock });
    await auth.start();
    let stopping: Promise<void> | undefined;
    auth.on("config:reloaded", () => {
      stopping = auth.stop();
    });
    await write({ one: a.server({}, { id: "another" }), two: a.server() });
    await auth.reload();
    await stopping;
    await clock.settle();
    expect(a.tokenRequests).toHaveLength(1);
    expect(clock.pending).toEqual([]);
    expect((await rejectionOf(auth.reload())).code).toBe("stopped");
  });
});

describe("another network", () => {
  test("a changed network is used by all servers, and the old one is closed when its calls have ended", async () => {
    const [first, next] = [await startConnectProxy(), await startConnectProxy()];
    onTestFinished(() => Promise.all([first.close(), next.close()]).then(() => undefined));
    const a = await site("a");
    const { port } = new URL(a.origin);
    const at = (more: object = {}) => a.server({ url: `http://mcp.test:${port}/mcp`, ...more });
    const network = ({ origin }: { origin: string }) => ({
      network: { proxy: origin, allowInsecureHttp: ["mcp.test", "127.0.0.1"] },
    });
    const { auth, write, reloads } = await fromFile({ one: at(), two: at() }, {}, network(first));
    const [one, two] = [auth.resolve("one"), auth.resolve("two")];
    await call(one);
    await call(two);
    expect(first.targets.length).toBeGreaterThan(0);
    a.holdCalls = deferred();
    a.refused.add("a-1");
    const [targets, pending] = [first.targets.length, call(one)];
    await a.received(5);
    await write({ one: at(), two: at() }, network(next));
    await auth.reload();
    expect(reloads[0]?.changed).toEqual(["one", "two"]);
    a.holdCalls.resolve();
    // The call is refused after the reload. It gets another token, and is sent again with the settings that it began
    // with.
    expect(await pending).toEqual({ name: "a", token: "a-3" });
    expect(next.targets).toEqual([]);
    expect(first.targets.length).toBeGreaterThan(targets);
    await expect.poll(() => first.connections).toBe(0);
    expect(await call(two)).toEqual({ name: "a", token: "a-4" });
    expect(next.targets.length).toBeGreaterThan(0);
  });
});
