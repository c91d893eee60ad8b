// Invalid arguments that JavaScript callers can pass, because no compiler checks them.
import { describe, expect, test } from "vitest";
import { createMcpAuth, discover, type McpAuth, McpAuthError, type McpAuthOptions } from "../../src/index.js";
import { startProxy } from "../../src/proxy.js";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  createTestManager,
  createTestRuntime,
  recordUnhandledRejections,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
} from "./harness.js";

/** Passes any value, as JavaScript code can. */
const any = (value: unknown) => value as never;

/** Waits for a later tick, in which unhandled rejections are reported. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 0));

async function world() {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const { auth, manager } = await createTestManager(issuer);
  return { issuer, auth, manager };
}

describe("invalid arguments", () => {
  const signals: unknown[] = [{}, "signal", 1, new AbortController(), { aborted: false }];
  const options: readonly unknown[] = [
    null,
    "scopes",
    ...[[undefined], "a b", [1], [""], ["a b"], ['a"b'], new Set(["a"]), {}, null, 1, new Array(2)].map(
      (scopes) => ({ scopes }),
    ),
    ...signals.map((signal) => ({ signal })),
    ...["yes", 1, null, {}].map((forceRefresh) => ({ forceRefresh })),
  ];

  test("an invalid argument of getAccessToken, getToken or getHeaders is config_invalid, and nothing is sent", async () => {
    const unhandled = recordUnhandledRejections();
    const { issuer, manager } = await world();
    for (const option of options) {
      for (const method of ["getAccessToken", "getToken", "getHeaders"] as const) {
        const error = await rejectionOf(manager[method](any(option)));
        expect(error, `${method} ${JSON.stringify(option)}`).toMatchObject({
          name: "McpAuthError",
          code: "config_invalid",
          server: "tools",
          retryable: false,
        });
      }
    }
    for (const option of [{ method: 1 }, { method: "" }, { url: 1 }, { url: null }]) {
      expect(await rejectionOf(manager.getHeaders(any(option)))).toMatchObject({ code: "config_invalid" });
    }
    await turns();
    expect(unhandled).toEqual([]);
    expect(issuer.server.requests).toEqual([]);
  });

  test("an invalid argument of fetch is a TypeError or config_invalid, and nothing is sent", async () => {
    const unhandled = recordUnhandledRejections();
    const { issuer, manager } = await world();
    for (const signal of signals) {
      for (const input of [issuer.url, new Request(issuer.url)]) {
        const error = await rejectionOf(manager.fetch(input, any({ signal })));
        expect(error).toMatchObject({ name: "McpAuthError", code: "config_invalid" });
      }
    }
    for (const init of ["POST", 1, { redirect: "sometimes" }, { headers: 1 }]) {
      await expect(manager.fetch(issuer.url, any(init))).rejects.toThrow(TypeError);
    }
    await turns();
    expect(unhandled).toEqual([]);
    expect(issuer.server.requests).toEqual([]);
  });

  test("an invalid argument of start, resolve, on or for is config_invalid", async () => {
    const { issuer, auth } = await world();
    for (const option of [null, 1, { require: "tools" }, { require: [undefined] }, { require: {} }]) {
      expect(await rejectionOf(auth.start(any(option)))).toMatchObject({ code: "config_invalid" });
    }
    for (const name of [undefined, null, 1, {}, Symbol("tools"), "toString", "__proto__"]) {
      expect(() => auth.resolve(any(name))).toThrow(expect.objectContaining({ code: "unknown_server" }));
    }
    const listener = () => {};
    for (const [event, heard] of [
      ...["nonsense", "toString", undefined].map((name) => [name, listener]),
      ...[undefined, {}, "f"].map((wrong) => ["token:renewed", wrong]),
    ]) {
      expect(() => auth.on(any(event), any(heard))).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
    }
    for (const subject of [undefined, null, {}, { key: "ada" }]) {
      expect(() => auth.resolve("tools").for(any(subject))).toThrow(
        expect.objectContaining({ code: "config_invalid" }),
      );
    }
    for (const url of ["::", undefined, null, 1, {}, Symbol("url")]) {
      expect(auth.resolveUrl(any(url))).toBe(undefined);
    }
    expect(issuer.server.requests).toEqual([]);
  });

  test("an invalid argument of createMcpAuth or discover is config_invalid", async () => {
    const { issuer } = await world();
    const wrong: readonly unknown[] = [
      ...[
        null,
        "config",
        { fetch: "fetch" },
        { fetch: {} },
        { logger: () => {} },
        { logger: { warn: () => {} } },
      ],
      ...[
        { clock: Date },
        { clock: {} },
        { env: "S=1" },
        { env: null },
        { resolvers: "aws" },
        { signers: 1 },
      ],
      ...[{ confg: {} }, { config: undefined, url: "https://crm.example/mcp" }, { toString: () => "" }],
      ...[{ cwd: 1 }, { config: 1 }, { config: null }, { allowExec: "no" }, { store: null }, { store: {} }],
    ];
    for (const option of wrong) {
      const { config, env } = issuer;
      const given = typeof option === "object" && option !== null ? { config, env, ...option } : option;
      expect(await rejectionOf(createMcpAuth(any(given))), JSON.stringify(option)).toMatchObject({
        name: "McpAuthError",
        code: "config_invalid",
      });
    }
    const known: readonly unknown[] = [
      null,
      { fetch: 1 },
      { timeout: "1s" },
      { timeout: 0 },
      { signal: {} },
      { timeOut: 1 },
    ];
    for (const url of [undefined, null, 1, "::"]) {
      expect(await rejectionOf(discover(any(url)))).toMatchObject({ name: "McpAuthError" });
    }
    for (const option of known) {
      expect(await rejectionOf(discover(issuer.url, any(option)))).toMatchObject({ code: "config_invalid" });
    }
    expect(issuer.server.requests).toEqual([]);
  });
});

test("a misspelled option of createMcpAuth, discover or startProxy is config_invalid and names the near one", async () => {
  const { issuer, auth } = await world();
  expect(await rejectionOf(createMcpAuth(any({ confg: {} })))).toMatchObject({
    message: 'createMcpAuth() has no option "confg". Did you mean "config"?',
  });
  expect(await rejectionOf(discover(issuer.url, any({ proxy: "http://p.example" })))).toMatchObject({
    message: 'discover() has no option "proxy". It has: fetch, timeout, signal, network.',
  });
  expect(await rejectionOf(startProxy(auth, any({ lisen: "127.0.0.1:0" })))).toMatchObject({
    code: "config_invalid",
    message: 'startProxy() has no option "lisen". Did you mean "listen"?',
  });
  expect(issuer.server.requests).toEqual([]);
});

test("an option whose value is undefined counts as not given", async () => {
  const { config, env } = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const accepted = await createMcpAuth(any({ config, env, confg: undefined }));
  await accepted.stop();
});

test("null and undefined mean no signal, as for `fetch`", async () => {
  const { manager } = await world();
  for (const signal of [null, undefined]) {
    expect(await manager.getAccessToken(any({ signal, scopes: undefined, forceRefresh: undefined }))).toBe(
      "t",
    );
    expect((await manager.fetch(manager.url, any({ signal }))).status).toBe(404);
    expect((await manager.fetch(manager.url, any(null))).status).toBe(404);
  }
});

test("an AbortSignal of another class than Node's works", async () => {
  const { manager } = await world();
  class ForeignSignal {
    aborted = false;
    readonly #listeners = new Set<() => void>();
    addEventListener = (_name: string, listener: () => void) => void this.#listeners.add(listener);
    removeEventListener = (_name: string, listener: () => void) => void this.#listeners.delete(listener);
    abort() {
      this.aborted = true;
      for (const listener of this.#listeners) listener();
    }
  }
  const signal = new ForeignSignal();
  expect(await manager.getAccessToken(any({ signal, forceRefresh: true }))).toBe("t");
  const waiting = rejectionOf(manager.getAccessToken(any({ signal, forceRefresh: true })));
  signal.abort();
  expect(await waiting).toMatchObject({ code: "aborted" });
});

describe("a given `fetch` that does not return a response", () => {
  const answers: ReadonlyArray<readonly [string, unknown]> = [
    ["undefined", undefined],
    ["null", null],
    ["a text", "ok"],
    ["an object", {}],
    ["an object with a status", { status: 200, ok: true }],
    ["an object with invalid headers", { status: 200, headers: {}, body: null }],
    ["a response of node-fetch", { status: 200, headers: new Headers(), body: { pipe() {}, on() {} } }],
  ];

  test.each(answers)(
    "a given `fetch` that returns %s for a token request is config_invalid, without a retry",
    async (_, answer) => {
      const unhandled = recordUnhandledRejections();
      const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
      let calls = 0;
      const fetch = async () => {
        calls += 1;
        return any(answer);
      };
      const { manager } = await createTestManager(issuer, { fetch });
      for (const call of [manager.getAccessToken(), manager.fetch(issuer.url)]) {
        const error = await rejectionOf(call);
        expect(error).toMatchObject({ name: "McpAuthError", code: "config_invalid", retryable: false });
        expect(error.message).toContain("did not return a Response");
      }
      // Each location of the metadata once: it is not worth another try.
      expect(calls).toBeLessThanOrEqual(8);
      expect(await rejectionOf(discover(issuer.url, { fetch }))).toMatchObject({ code: "config_invalid" });
      await turns();
      expect(unhandled).toEqual([]);
    },
  );

  test.each(answers)(
    "a given `fetch` that returns %s for an MCP request is config_invalid",
    async (_, answer) => {
      const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
      const { manager } = await createTestManager(issuer, {
        fetch: async (input, init) => (String(input) === issuer.url ? any(answer) : await fetch(input, init)),
      });
      await manager.getAccessToken();
      expect(await rejectionOf(manager.fetch(issuer.url))).toMatchObject({
        name: "McpAuthError",
        code: "config_invalid",
      });
    },
  );

  test("a given `fetch` that returns no response leaves no unhandled rejection after the caller has aborted", async () => {
    const unhandled = recordUnhandledRejections();
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    let answer = (_response: unknown): void => {};
    const requestArrived = new Promise<void>((resolve) => {
      answer = () => resolve();
    });
    let give = (_response: unknown): void => {};
    const late = new Promise((resolve) => {
      give = resolve;
    });
    const { auth, manager } = await createTestManager(issuer, {
      config: { servers: issuer.config.servers, defaults: { timeout: "50ms", retry: { attempts: 1 } } },
      fetch: async () => {
        answer(undefined);
        return any(await late);
      },
    });
    const failed = rejectionOf(manager.getAccessToken());
    await requestArrived;
    expect((await failed).code).toMatch(/^(timeout|unavailable|discovery_failed)$/);
    give(undefined);
    await turns();
    await auth.stop();
    expect(unhandled).toEqual([]);
  });

  test.each([
    ["a text", "canary"],
    ["nothing", undefined],
    ["an object", { code: 1 }],
  ])(
    "a given `fetch` that rejects with %s rejects a call with that, and a token request with unavailable",
    async (_, reason) => {
      const unhandled = recordUnhandledRejections();
      const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
      const refuse = () => Promise.reject(reason);
      const down = await createTestManager(issuer, {
        config: { servers: issuer.config.servers, defaults: { retry: { attempts: 1 } } },
        fetch: refuse,
      });
      const error = await rejectionOf(down.manager.getAccessToken());
      expect(error).toMatchObject({ code: "unavailable" });
      expect(error.message).not.toContain("canary");
      const { manager } = await createTestManager(issuer, {
        fetch: async (input, init) => (String(input) === issuer.url ? refuse() : await fetch(input, init)),
      });
      expect(await manager.fetch(issuer.url).catch((thrown: unknown) => thrown)).toBe(reason);
      await turns();
      expect(unhandled).toEqual([]);
    },
  );
});

test("given functions that throw do not end the process or block a token", async () => {
  const unhandled = recordUnhandledRejections();
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const bad = () => Promise.reject(new Error("a listener's own"));
  const auth: McpAuth<string> = await createTestRuntime({
    config: { servers: issuer.config.servers, defaults: { refresh: { assumedLifetime: "1m" } } },
    env: issuer.env,
    logger: any({ debug: bad, info: bad, warn: bad, error: bad }),
  });
  auth.on("token:renewed", any(bad));
  auth.on("token:renewed", () => {
    // biome-ignore lint/style/useThrowOnlyError: what is thrown can be anything
    throw undefined;
  });
  expect(await auth.resolve("tools").getAccessToken()).toBe("t");
  await turns();
  expect(unhandled).toEqual([]);
});

test.each<[string, NonNullable<McpAuthOptions["resolvers"]>[string]]>([
  [
    "throws",
    any(() => {
      // biome-ignore lint/style/useThrowOnlyError: what is thrown can be anything
      throw undefined;
    }),
  ],
  ["rejects with a text", any(() => Promise.reject("canary"))],
  ["returns an object", any(() => ({ text: "canary" }))],
  [
    "returns a thenable",
    any(() => ({
      // biome-ignore lint/suspicious/noThenProperty: it is what the test is about
      then() {
        throw new Error("canary");
      },
    })),
  ],
])("a resolver that %s is secret_unavailable", async (_, resolver) => {
  const unhandled = recordUnhandledRejections();
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
  const { client } = issuer.config.servers.tools.grant as { client: object };
  const config = any({
    servers: {
      tools: { url: issuer.url, grant: { client: { ...client, secret: { resolver: "own", ref: "r" } } } },
    },
  });
  const auth = await createTestRuntime({ config, env: {}, resolvers: { own: resolver } });
  const error = await rejectionOf(auth.resolve(any("tools")).getAccessToken());
  expect(error).toBeInstanceOf(McpAuthError);
  expect(error).toMatchObject({ code: "secret_unavailable" });
  expect(error.message).not.toContain("canary");
  await turns();
  expect(unhandled).toEqual([]);
});

test("the error for an unknown server lists ten names and how many more there are", async () => {
  const server = await startScriptedServer((_request, response) => sendJson(response, {}));
  const grant = { type: "static", token: { env: "T" } } as const;
  const names = Array.from({ length: 30 }, (_, index) => `server-${String(index).padStart(2, "0")}`);
  const of = async (count: number) =>
    await createTestRuntime<string>({
      config: {
        servers: Object.fromEntries(
          names.slice(0, count).map((name) => [name, { url: server.origin, grant }]),
        ),
      },
    });
  const many = await of(30);
  expect(() => many.resolve("zzzzzzzzzzzz")).toThrow(
    `The config names: ${names.slice(0, 10).join(", ")} and 20 more.`,
  );
  const ten = await of(10);
  expect(() => ten.resolve("zzzzzzzzzzzz")).toThrow(`The config names: ${names.slice(0, 10).join(", ")}.`);
});
