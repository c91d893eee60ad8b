// A call also waits for other things than its token. The caller's signal, the server's deadline and stop() end each
// wait.

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { oauthProvider } from "../../src/hosts/mcp-sdk.js";
import type { McpAuthOptions, TokenManager } from "../../src/index.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import {
  createTestManager,
  createTestRuntime,
  recordUnhandledRejections,
  sendToken,
  startScriptedIssuer,
} from "./harness.js";

/** Creates a function that never answers. It records its calls and their signals. */
function silent() {
  let arrived = (): void => {};
  const requestArrived = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const signals: AbortSignal[] = [];
  const wait = (signal?: AbortSignal): Promise<never> => {
    if (signal !== undefined) signals.push(signal);
    arrived();
    return new Promise(() => {});
  };
  return { requestArrived, signals, wait };
}

/** Returns a server config that needs no metadata requests, because those would read the headers of the config too. */
function withoutMetadata(issuer: Awaited<ReturnType<typeof startScriptedIssuer>>) {
  const { tools } = issuer.config.servers;
  const { client } = tools.grant as { client: object }; // The grant of the harness has a client.
  const metadata = { tokenEndpoint: `${issuer.server.origin}/token` };
  return { ...tools, resourceMetadata: false as const, grant: { client: { ...client, metadata } as never } };
}

/** Creates a manager for a server with a header whose value never arrives. */
async function world(options: McpAuthOptions<"tools"> = {}) {
  const { requestArrived, signals, wait } = silent();
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const header = { "x-key": { resolver: "own", ref: "r" } };
  const tools = { ...withoutMetadata(issuer), headers: header, deadline: "2s" };
  const given = {
    ...options,
    resolvers: { own: (_ref: string, o: { signal: AbortSignal }) => wait(o.signal) },
  };
  const { auth, manager } = await createTestManager(
    { config: { servers: { tools } }, env: issuer.env },
    given,
  );
  const sent = () => issuer.server.requests.filter(({ url }) => url === "/mcp");
  return { auth, manager, requestArrived, signals, sent };
}

const aborted = (signals: readonly AbortSignal[]) => signals.map((signal) => signal.aborted);

const ways: ReadonlyArray<
  readonly [string, (manager: TokenManager, options?: { signal: AbortSignal }) => Promise<unknown>]
> = [
  ["fetch", (manager, options) => manager.fetch(manager.url, options)],
  ["getHeaders", (manager, options) => manager.getHeaders(options)],
];

describe.each(ways)("%s with a reference in `headers` that never answers", (name, call) => {
  test(`${name} rejects with aborted when its caller aborts while a reference in headers is read`, async () => {
    const { manager, requestArrived, signals, sent } = await world();
    const caller = new AbortController();
    const failed = rejectionOf(call(manager, caller));
    await requestArrived;
    caller.abort();
    expect(await failed).toMatchObject({ code: "aborted", server: "tools" });
    expect(aborted(signals)).toEqual([true]);
    expect(sent()).toEqual([]);
  });

  test(`${name} does not read a reference in headers when its signal is already aborted`, async () => {
    const { manager, signals } = await world();
    await manager.getToken();
    const signal = AbortSignal.abort();
    expect(await rejectionOf(call(manager, { signal }))).toMatchObject({ code: "aborted" });
    expect(signals).toEqual([]);
  });

  test(`${name} rejects with stopped when stop() is called while a reference in headers is read`, async () => {
    const unhandled = recordUnhandledRejections();
    const { auth, manager, requestArrived, signals, sent } = await world();
    await manager.getToken();
    const failed = rejectionOf(call(manager));
    await requestArrived;
    await auth.stop();
    expect(await failed).toMatchObject({ code: "stopped", server: "tools" });
    expect(aborted(signals)).toEqual([true]);
    expect(await rejectionOf(call(manager))).toMatchObject({ code: "stopped" });
    expect(sent()).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  test(`${name} rejects with timeout at the server's deadline while a reference in headers is read`, async () => {
    const { clock, fetch, advance } = liveClock();
    const { manager, requestArrived, signals, sent } = await world({ clock, fetch });
    const failed = rejectionOf(call(manager));
    await requestArrived;
    await advance(2_000);
    expect(await failed).toMatchObject({ code: "timeout", server: "tools", retryable: true });
    expect(aborted(signals)).toEqual([true]);
    expect(sent()).toEqual([]);
  });
});

test("a command that several calls share keeps running for the callers that have not aborted", async () => {
  const folder = await temporaryFolder();
  const [started, go] = [join(folder, "started"), join(folder, "go")];
  const script = `
    const { appendFileSync, existsSync } = require("node:fs");
    appendFileSync(${JSON.stringify(started)}, "x");
    setInterval(() => existsSync(${JSON.stringify(go)}) && (console.log("v4lue"), process.exit()), 20);
  `;
  const issuer = await startScriptedIssuer(
    (_request, response) => sendToken(response, "t"),
    (request, response) => void response.end(String(request.headers["x-key"])),
  );
  const header = { "x-key": { exec: [process.execPath, "-e", script], timeout: "5m" } };
  const tools = { ...withoutMetadata(issuer), headers: header };
  const env = { ...issuer.env, PATH: process.env["PATH"] ?? "" };
  const { manager } = await createTestManager({ config: { servers: { tools } }, env });
  const caller = new AbortController();
  const leaves = rejectionOf(manager.fetch(manager.url, caller));
  const stays = manager.fetch(manager.url);
  await expect.poll(() => existsSync(started)).toBe(true);
  caller.abort();
  expect(await leaves).toMatchObject({ code: "aborted" });
  await writeFile(go, "");
  expect(await (await stays).text()).toBe("v4lue");
  expect(await readFile(started, "utf8")).toBe("x");
});

describe("a call for a user whose subject token function never answers", () => {
  async function user(deadline: string) {
    const live = liveClock();
    const { requestArrived, wait } = silent();
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const { client } = issuer.config.servers.tools.grant as { client: never }; // The grant of the harness has a client.
    const grant = { type: "token_exchange", client, subject: { token: { runtime: true } } } as const;
    const auth = await createTestRuntime<"tools">({
      config: { servers: { tools: { url: issuer.url, grant, deadline, retry: { attempts: 1 } } } },
      env: issuer.env,
      ...live,
    });
    const manager = auth.resolve("tools").for({ key: "ada", subjectToken: () => wait() });
    return { ...live, auth, manager, requestArrived };
  }

  test("a call that waits for a subject token rejects with timeout at the server's deadline", async () => {
    const { manager, requestArrived, advance } = await user("3s");
    const failed = rejectionOf(manager.getAccessToken());
    await requestArrived;
    await advance(3_000);
    expect(await failed).toMatchObject({ code: "timeout", server: "tools" });
  });

  test("a call that waits for a subject token rejects with stopped after stop() and its grace period", async () => {
    const { auth, manager, requestArrived, advance } = await user("30s");
    const failed = rejectionOf(manager.getAccessToken());
    await requestArrived;
    const stopped = auth.stop();
    await advance(5_000);
    expect(await failed).toMatchObject({ code: "stopped" });
    await stopped;
  });
});

describe("oauthProvider with a client secret that never arrives", () => {
  async function host(options: McpAuthOptions<"tools"> = {}) {
    const { requestArrived, signals, wait } = silent();
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const client = { issuer: issuer.server.origin, id: "agent", secret: { resolver: "own", ref: "r" } };
    const { auth, manager } = await createTestManager(
      { config: { servers: { tools: { url: issuer.url, grant: { client }, deadline: "2s" } } }, env: {} },
      { ...options, resolvers: { own: (_ref, { signal }) => wait(signal) } },
    );
    const url = `${issuer.server.origin}/token`;
    const add = () =>
      oauthProvider(manager).addClientAuthentication(new Headers(), new URLSearchParams(), url, {
        issuer: issuer.server.origin,
      });
    return { auth, requestArrived, signals, add };
  }

  test("oauthProvider rejects with stopped when stop() is called while it reads the client secret", async () => {
    const { auth, requestArrived, signals, add } = await host();
    const failed = rejectionOf(add());
    await requestArrived;
    await auth.stop();
    expect(await failed).toMatchObject({ code: "stopped" });
    expect(aborted(signals)).toEqual([true]);
  });

  test("oauthProvider rejects with timeout at the server's deadline while it reads the client secret", async () => {
    const { clock, fetch, advance } = liveClock();
    const { requestArrived, signals, add } = await host({ clock, fetch });
    const failed = rejectionOf(add());
    await requestArrived;
    await advance(2_000);
    expect(await failed).toMatchObject({ code: "timeout" });
    expect(aborted(signals)).toEqual([true]);
  });
});
