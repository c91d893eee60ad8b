// What a call waits for beside its token ends with the caller's signal, the server's deadline and stop().
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { oauthProvider } from "../../src/hosts/mcp-sdk.js";
import type { McpAuthOptions, TokenManager } from "../../src/index.js";
import { failure } from "../support/failure.js";
import { liveClock, managerOf, ownIssuer, runtime, sendToken, watchUnhandled } from "./harness.js";

/** What never answers by itself, and tells when it was asked and what came of its signals. */
function silent() {
  let arrived = (): void => {};
  const asked = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const signals: AbortSignal[] = [];
  const wait = (signal?: AbortSignal): Promise<never> => {
    if (signal !== undefined) signals.push(signal);
    arrived();
    return new Promise(() => {});
  };
  return { asked, signals, wait };
}

/** Such that no metadata is needed, for which the headers of the config may be read too. */
function withoutMetadata(issuer: Awaited<ReturnType<typeof ownIssuer>>) {
  const { tools } = issuer.config.servers;
  const { client } = tools.grant as { client: object }; // As the harness has written it.
  const metadata = { tokenEndpoint: `${issuer.server.origin}/token` };
  return { ...tools, resourceMetadata: false as const, grant: { client: { ...client, metadata } as never } };
}

/** A server with a header whose value never comes. */
async function world(options: McpAuthOptions<"tools"> = {}) {
  const { asked, signals, wait } = silent();
  const issuer = await ownIssuer((_request, response) => sendToken(response, "t"));
  const header = { "x-key": { resolver: "own", ref: "r" } };
  const tools = { ...withoutMetadata(issuer), headers: header, deadline: "2s" };
  const given = {
    ...options,
    resolvers: { own: (_ref: string, o: { signal: AbortSignal }) => wait(o.signal) },
  };
  const { auth, manager } = await managerOf({ config: { servers: { tools } }, env: issuer.env }, given);
  const sent = () => issuer.server.requests.filter(({ url }) => url === "/mcp");
  return { auth, manager, asked, signals, sent };
}

const aborted = (signals: readonly AbortSignal[]) => signals.map((signal) => signal.aborted);

const ways: ReadonlyArray<
  readonly [string, (manager: TokenManager, options?: { signal: AbortSignal }) => Promise<unknown>]
> = [
  ["fetch", (manager, options) => manager.fetch(manager.url, options)],
  ["getHeaders", (manager, options) => manager.getHeaders(options)],
];

describe.each(ways)("a reference in `headers` that %s waits for", (_, call) => {
  test("ends with the caller's signal: aborted", async () => {
    const { manager, asked, signals, sent } = await world();
    const caller = new AbortController();
    const failed = failure(call(manager, caller));
    await asked;
    caller.abort();
    expect(await failed).toMatchObject({ code: "aborted", server: "tools" });
    expect(aborted(signals)).toEqual([true]);
    expect(sent()).toEqual([]);
  });

  test("is not read when that signal has come already", async () => {
    const { manager, signals } = await world();
    await manager.getToken();
    const signal = AbortSignal.abort();
    expect(await failure(call(manager, { signal }))).toMatchObject({ code: "aborted" });
    expect(signals).toEqual([]);
  });

  test("ends with stop(): stopped", async () => {
    const unhandled = watchUnhandled();
    const { auth, manager, asked, signals, sent } = await world();
    await manager.getToken();
    const failed = failure(call(manager));
    await asked;
    await auth.stop();
    expect(await failed).toMatchObject({ code: "stopped", server: "tools" });
    expect(aborted(signals)).toEqual([true]);
    expect(await failure(call(manager))).toMatchObject({ code: "stopped" });
    expect(sent()).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  test("ends with the server's deadline: timeout", async () => {
    const { clock, fetch, advance } = liveClock();
    const { manager, asked, signals, sent } = await world({ clock, fetch });
    const failed = failure(call(manager));
    await asked;
    await advance(2_000);
    expect(await failed).toMatchObject({ code: "timeout", server: "tools", retryable: true });
    expect(aborted(signals)).toEqual([true]);
    expect(sent()).toEqual([]);
  });
});

test("a command that several calls share goes on for those whose signal has not come", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-call-ends-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [started, go] = [join(folder, "started"), join(folder, "go")];
  const script = `
    const { appendFileSync, existsSync } = require("node:fs");
    appendFileSync(${JSON.stringify(started)}, "x");
    setInterval(() => existsSync(${JSON.stringify(go)}) && (console.log("v4lue"), process.exit()), 20);
  `;
  const issuer = await ownIssuer(
    (_request, response) => sendToken(response, "t"),
    (request, response) => void response.end(String(request.headers["x-key"])),
  );
  const header = { "x-key": { exec: [process.execPath, "-e", script], timeout: "5m" } };
  const tools = { ...withoutMetadata(issuer), headers: header };
  const env = { ...issuer.env, PATH: process.env["PATH"] ?? "" };
  const { manager } = await managerOf({ config: { servers: { tools } }, env });
  const caller = new AbortController();
  const leaves = failure(manager.fetch(manager.url, caller));
  const stays = manager.fetch(manager.url);
  await expect.poll(() => existsSync(started)).toBe(true);
  caller.abort();
  expect(await leaves).toMatchObject({ code: "aborted" });
  await writeFile(go, "");
  expect(await (await stays).text()).toBe("v4lue");
  expect(await readFile(started, "utf8")).toBe("x");
});

describe("a subject token that for() takes from a function that never answers", () => {
  async function user(deadline: string) {
    const live = liveClock();
    const { asked, wait } = silent();
    const issuer = await ownIssuer((_request, response) => sendToken(response, "t"));
    const { client } = issuer.config.servers.tools.grant as { client: never }; // As the harness has written it.
    const grant = { type: "token_exchange", client, subject: { token: { runtime: true } } } as const;
    const auth = await runtime<"tools">({
      config: { servers: { tools: { url: issuer.url, grant, deadline, retry: { attempts: 1 } } } },
      env: issuer.env,
      ...live,
    });
    const manager = auth.resolve("tools").for({ key: "ada", subjectToken: () => wait() });
    return { ...live, auth, manager, asked };
  }

  test("ends with the server's deadline: timeout", async () => {
    const { manager, asked, advance } = await user("3s");
    const failed = failure(manager.getAccessToken());
    await asked;
    await advance(3_000);
    expect(await failed).toMatchObject({ code: "timeout", server: "tools" });
  });

  test("ends with stop(), after the grace that a request has: stopped", async () => {
    const { auth, manager, asked, advance } = await user("30s");
    const failed = failure(manager.getAccessToken());
    await asked;
    const stopped = auth.stop();
    await advance(5_000);
    expect(await failed).toMatchObject({ code: "stopped" });
    await stopped;
  });
});

describe("the credential that oauthProvider adds to a request of its host", () => {
  async function host(options: McpAuthOptions<"tools"> = {}) {
    const { asked, signals, wait } = silent();
    const issuer = await ownIssuer((_request, response) => sendToken(response, "t"));
    const client = { issuer: issuer.server.origin, id: "agent", secret: { resolver: "own", ref: "r" } };
    const { auth, manager } = await managerOf(
      { config: { servers: { tools: { url: issuer.url, grant: { client }, deadline: "2s" } } }, env: {} },
      { ...options, resolvers: { own: (_ref, { signal }) => wait(signal) } },
    );
    const url = `${issuer.server.origin}/token`;
    const add = () =>
      oauthProvider(manager).addClientAuthentication(new Headers(), new URLSearchParams(), url, {
        issuer: issuer.server.origin,
      });
    return { auth, asked, signals, add };
  }

  test("ends with stop(): stopped", async () => {
    const { auth, asked, signals, add } = await host();
    const failed = failure(add());
    await asked;
    await auth.stop();
    expect(await failed).toMatchObject({ code: "stopped" });
    expect(aborted(signals)).toEqual([true]);
  });

  test("ends with the server's deadline: timeout", async () => {
    const { clock, fetch, advance } = liveClock();
    const { asked, signals, add } = await host({ clock, fetch });
    const failed = failure(add());
    await asked;
    await advance(2_000);
    expect(await failed).toMatchObject({ code: "timeout" });
    expect(aborted(signals)).toEqual([true]);
  });
});
