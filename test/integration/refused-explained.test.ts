// The package explains the first persistent refusal of a server, because the MCP SDK shows only a 401.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Logger, McpAuthConfig, McpAuthOptions } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { createTokenIssuer } from "../support/token-issuer.js";
import {
  agentSecret,
  createTestManager,
  createTestRuntime,
  recordEvents,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
  startWorld,
} from "./harness.js";
import {
  createLiveManager,
  startRefusingProxy,
  statusOf,
  toolCall,
  toolIn,
  unauthorized,
} from "./refusing-proxy.js";

const other = "https://other.example/mcp";
const challenge =
  'Bearer error="invalid_token", error_description="audience", scope="a:b", resource_metadata="https://x.example"';

/** Collects the process warnings of the package until the test ends. */
function warnings(): readonly (Error & { code?: string })[] {
  const heard: Error[] = [];
  const note = (warning: Error): void => {
    if (warning.name === "McpAuthWarning") heard.push(warning);
  };
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  return heard;
}

/** Waits for process warnings, which come in a later tick, and for the explaining module, which is loaded lazily. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Starts a server that refuses all tokens, with a config whose tokens are for another resource. */
async function wrongResourceWorld(grant: object = {}) {
  return await startRefusingProxy((_request, response) => unauthorized(response, challenge), {
    scopes: ["r"],
    grant: { resource: other, ...grant },
  });
}

describe("a server that refuses new tokens too", () => {
  test("a persistent refusal causes one process warning if there is neither logger nor listener", async () => {
    const world = await wrongResourceWorld();
    const heard = warnings();
    const { manager } = await createTestManager(world);
    for (const tool of ["a", "b", "c"]) expect(await statusOf(manager, toolCall(tool))).toBe(401);
    await Promise.all(["d", "e", "f"].map((tool) => statusOf(manager, toolCall(tool))));
    await settle();
    expect(heard.map(({ code }) => code)).toEqual(["unauthorized"]);
    expect(heard[0]?.message).toBe(
      `Server "tools" refused a new token too. It was requested with issuer ${world.issuer.issuer}, resource ${other}, ` +
        'no scopes of the config. Compare "issuer", "audience", "resource" and "scopes" with what the server expects, or ' +
        "see whether only this tool, path or session is refused. Other requests continue with the current token.",
    );
  });

  test("a persistent refusal causes a log line instead of a process warning if there is a logger", async () => {
    const world = await wrongResourceWorld();
    const heard = warnings();
    const lines: [string, object, string][] = [];
    const log = (level: string) => (fields: object, message: string) =>
      void lines.push([level, fields, message]);
    const logger: Logger = {
      debug: log("debug"),
      info: log("info"),
      warn: log("warn"),
      error: log("error"),
    };
    const { manager } = await createTestManager(world, { logger });
    for (const tool of ["a", "b"]) await statusOf(manager, toolCall(tool));
    await settle();
    const warned = lines.filter(([level]) => level === "warn");
    expect(warned).toHaveLength(1);
    expect(warned[0]?.[1]).toMatchObject({
      ...{ event: "token:warning", server: "tools", issuer: world.issuer.issuer },
      ...{ code: "unauthorized", reason: "rejected" },
      message: expect.stringContaining(`resource ${other}`),
    });
    expect(heard).toEqual([]);
  });

  test("a persistent refusal causes an event instead of a process warning if there is a listener", async () => {
    const world = await wrongResourceWorld();
    const heard = warnings();
    const { auth, manager } = await createTestManager(world);
    const events = recordEvents(auth);
    for (const tool of ["a", "b"]) await statusOf(manager, toolCall(tool));
    await settle();
    const warned = events.filter(({ event }) => event === "token:warning");
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatchObject({
      ...{ server: "tools", issuer: world.issuer.issuer, code: "unauthorized", reason: "rejected" },
      ...{ durationMs: expect.any(Number), expiresAt: expect.any(Number) },
    });
    expect(heard).toEqual([]);
  });

  test("a persistent refusal causes no process warning if the diagnostics channel has a subscriber", async () => {
    const world = await wrongResourceWorld();
    const heard = warnings();
    const published: unknown[] = [];
    const note = (event: unknown): void => void published.push(event);
    subscribe("mcp-auth:token:warning", note);
    onTestFinished(() => void unsubscribe("mcp-auth:token:warning", note));
    const { manager } = await createTestManager(world);
    await statusOf(manager, toolCall("a"));
    await settle();
    expect([published.length, heard.length]).toEqual([1, 0]);
  });

  test("persistent refusals of two servers cause one process warning each", async () => {
    const world = await wrongResourceWorld();
    const heard = warnings();
    const { tools } = world.config.servers;
    const config: McpAuthConfig<"one" | "two"> = {
      servers: { one: tools, two: { ...tools, url: `${world.front.origin}/mcp/two` } },
    };
    const auth = await createTestRuntime<"one" | "two">({ config, env: world.env });
    for (const name of ["one", "two", "one", "two"] as const)
      await statusOf(auth.resolve(name), toolCall("a"));
    await settle();
    expect(heard.map(({ message }) => /^Server "(\w+)"/.exec(message)?.[1])).toEqual(["one", "two"]);
  });

  test("a refusal is explained again only after the last refused kind of request was accepted", async () => {
    const broken = new Set(["a", "b"]);
    const world = await startRefusingProxy(
      ({ body }, response) => broken.has(String(toolIn(body))) && unauthorized(response),
    );
    const { auth, manager, advance } = await createLiveManager(world);
    const events = recordEvents(auth);
    const explained = async () => {
      await settle();
      return events.filter(({ code }) => code === "unauthorized").length;
    };
    for (const tool of ["a", "b", "echo", "a"]) await statusOf(manager, toolCall(tool));
    expect(await explained()).toBe(1);
    broken.delete("a");
    expect(await statusOf(manager, toolCall("a"))).toBe(200);
    await advance(20_000);
    expect(await statusOf(manager, toolCall("b"))).toBe(401);
    expect(await explained()).toBe(1);
    broken.clear();
    expect(await statusOf(manager, toolCall("b"))).toBe(200);
    broken.add("a");
    expect(await statusOf(manager, toolCall("a"))).toBe(401);
    expect(await explained()).toBe(2);
  });

  test("a persistent refusal stays in `status()`, with the claims of the token and the challenge in its details", async () => {
    const world = await wrongResourceWorld({ scopes: ["r"] });
    const { manager, advance } = await createLiveManager(world);
    for (let second = 0; second < 10; second += 1) {
      await statusOf(manager, toolCall("a"));
      await advance(1_000);
      const { state, lastError } = manager.status();
      expect([state, lastError?.code, lastError?.message]).toEqual([
        "fresh",
        "unauthorized",
        expect.stringContaining(`resource ${other}, scopes r.`),
      ]);
      expect(lastError?.details).toEqual({
        iss: world.issuer.issuer,
        aud: other,
        scope: "r",
        error: "invalid_token",
        error_description: "audience",
        challenge_scope: "a:b",
        resource_metadata: "https://x.example",
        resource: other,
      });
    }
  });
});

describe("the advice about a persistent refusal", () => {
  /** Has a token with these claims refused and returns the error in `status()`. */
  async function refusedToken(
    claims: (issuer: string) => object,
    members: object = {},
    options: McpAuthOptions<"tools"> = {},
    challenge = "Bearer",
  ) {
    const signer = await createTokenIssuer("https://signer.example");
    const issuer = await startScriptedIssuer(
      async (_request, response) =>
        sendToken(response, await signer.sign({ ...claims(issuer.server.origin) })),
      (_request, response) => void unauthorized(response, challenge),
    );
    const { tools } = issuer.config.servers;
    const config = { servers: { tools: { ...tools, grant: { ...tools.grant, ...members } } } };
    const { auth, manager } = await createTestManager({ config, env: issuer.env }, options);
    auth.on("token:warning", () => {});
    await statusOf(manager, toolCall("a"));
    await settle();
    const { lastError } = manager.status();
    return { message: lastError?.message ?? "", details: lastError?.details, issuer };
  }

  test("the advice for a token with another audience is to set audience or resource", async () => {
    const { message, details } = await refusedToken((iss) => ({ iss, aud: ["https://api.example", "x"] }), {
      audience: "https://asked.example",
      scopes: ["r", "w"],
    });
    expect(message).toContain("audience https://asked.example, scopes r w.");
    expect(message).toContain('Set the grant\'s "audience" or "resource" to what the server expects');
    expect(message).not.toContain("api.example");
    expect(details).toMatchObject({ aud: ["https://api.example", "x"] });
  });

  test("the advice for a token of another issuer is to set the client's issuer", async () => {
    const { message, details, issuer } = await refusedToken(() => ({ iss: "https://tenant.example" }));
    expect(message).toContain(`issuer ${issuer.server.origin}, resource ${issuer.url}, no scopes`);
    expect(message).toContain('Set the client\'s "issuer" to the one that the server trusts');
    expect(message).not.toContain("tenant.example");
    expect(details).toMatchObject({ iss: "https://tenant.example" });
  });

  test("the advice for a challenge with missing scopes is to add them to the grant", async () => {
    const { message, details } = await refusedToken(
      (iss) => ({ iss }),
      { scopes: ["r"] },
      {},
      'Bearer scope="z"',
    );
    expect(message).toContain('Add them to the grant\'s "scopes"');
    expect(details).toMatchObject({ challenge_scope: "z" });
  });

  test("the advice for a token without a difference is to compare the settings or check for a single refused tool", async () => {
    const { message } = await refusedToken((iss) => ({ iss }));
    expect(message).toContain(
      'Compare "issuer", "audience", "resource" and "scopes" with what the server expects',
    );
    expect(message).toContain("or see whether only this tool, path or session is refused");
  });

  test("the advice for a static token is to replace it where the config reads it", async () => {
    const server = await startScriptedServer((_request, response) => void unauthorized(response));
    const config = {
      servers: { tools: { url: `${server.origin}/mcp`, grant: { type: "static", token: { env: "TOKEN" } } } },
    } as const;
    const { auth, manager } = await createTestManager({ config, env: { TOKEN: "static-token" } });
    const events = recordEvents(auth);
    expect(await statusOf(manager, toolCall("a"))).toBe(401);
    await settle();
    const [warned] = events.filter(({ code }) => code === "unauthorized");
    expect(warned?.message).toContain(
      "It is the static token of the config. Replace it where the config reads it from",
    );
  });
});

test("credentials that a server quotes in its challenge are <secret> in the details", async () => {
  const quoting = await startScriptedIssuer(
    (_request, response) => sendToken(response, "opaque-access-token-0123456789"),
    ({ headers }, response) => {
      const quoted = `Bearer error="invalid_token", error_description="${headers.authorization} ${agentSecret}"`;
      unauthorized(response, quoted);
    },
  );
  const { auth, manager } = await createTestManager(quoting);
  auth.on("token:warning", () => {});
  await statusOf(manager, toolCall("a"));
  await settle();
  const { details } = manager.status().lastError ?? {};
  expect(details).toMatchObject({ error: "invalid_token", error_description: "Bearer <secret> <secret>" });
});

describe("a replacement that the authorization server refuses", () => {
  test("a refused replacement token request causes one process warning, because no caller gets its error", async () => {
    const heard = warnings();
    let count = 0;
    const issuer = await startScriptedIssuer(
      (_request, response) => {
        count += 1;
        if (count === 1) sendToken(response, "t1");
        else sendJson(response, { error: "invalid_client" }, 401);
      },
      (_request, response) => void unauthorized(response),
    );
    const { manager } = await createTestManager(issuer);
    for (const tool of ["a", "b", "c"]) expect(await statusOf(manager, toolCall(tool))).toBe(401);
    await settle();
    expect(heard.map(({ code }) => code)).toEqual(["token_request_rejected"]);
  });
});

test("a server that accepts the new token after a revocation causes no warning", async () => {
  const world = await startWorld();
  const heard = warnings();
  const { auth, manager } = await createTestManager(world);
  const events = recordEvents(auth);
  await statusOf(manager, toolCall("echo"));
  world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
  expect(await statusOf(manager, toolCall("echo"))).toBe(200);
  await settle();
  expect(events.filter(({ event }) => event === "token:warning")).toEqual([]);
  expect(heard).toEqual([]);
});
