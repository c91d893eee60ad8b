// A 401 that names scopes is first a refusal. Only if a new token is refused too may it mean that scopes are missing.
import { decodeJwt } from "jose";
import { describe, expect, test } from "vitest";
import type { FetchFunction } from "../../src/index.js";
import { type RecordedRequest, sendJson } from "../support/http-server.js";
import {
  agentSecret,
  recordEvents,
  type ScriptedIssuer,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
  startWorld,
  type WorldOptions,
} from "./harness.js";
import { createLiveManager, statusOf, toolCall, toolIn } from "./refusing-proxy.js";

/** The scope that a tool needs, and the scopes in its challenge if they differ. */
interface Need {
  readonly scope: string;
  readonly named?: string;
}

function scopesOf({ headers: { authorization = "" } }: RecordedRequest): readonly string[] {
  const [, token = ""] = authorization.split(" ");
  try {
    return String(decodeJwt(token)["scope"] ?? "").split(" ");
  } catch {
    return [];
  }
}

interface Options extends WorldOptions {
  readonly needs: Readonly<Record<string, Need>>;
  readonly status?: 401 | 403;
  readonly grant?: object;
  readonly members?: object;
  /** `scopes_supported` of the resource metadata. */
  readonly supported?: readonly string[];
  /** `fetch` of the runtime. */
  readonly fetch?: FetchFunction;
}

/** Starts a real authorization server and a scripted MCP server whose tools need scopes. */
async function scopedWorld({ needs, status = 401, supported, grant, members, fetch, ...options }: Options) {
  const world = await startWorld(options);
  const { issuer } = world;
  const refusals = new Map<string, string>();
  const server = await startScriptedServer((request, response) => {
    if (request.url.startsWith("/.well-known/"))
      return sendJson(response, {
        ...{ resource: `${server.origin}/mcp`, authorization_servers: [issuer.issuer] },
        ...(supported && { scopes_supported: supported }),
      });
    const [scheme = "Bearer", token = ""] = String(request.headers.authorization).split(" ");
    const refused = refusals.get(token);
    if (refused !== undefined)
      return void response.writeHead(401, { "www-authenticate": `Bearer scope="${refused}"` }).end();
    const need = needs[String(toolIn(request.body))];
    if (need === undefined || scopesOf(request).includes(need.scope)) return sendJson(response, {});
    const error = status === 403 ? 'error="insufficient_scope", ' : "";
    const challenge = `${scheme} ${error}scope="${need.named ?? need.scope}"`;
    response.writeHead(status, { "www-authenticate": challenge }).end();
  });
  const url = `${server.origin}/mcp`;
  const { tools } = world.config.servers;
  const config = { servers: { tools: { url, grant: { ...tools.grant, ...grant }, ...members } } };
  const live = await createLiveManager({ config, env: world.env }, fetch && { fetch });
  return {
    ...{ ...live, issuer, heard: recordEvents(live.auth) },
    /** Refuses the current token with a 401 that names these scopes. */
    async refuse(named: string): Promise<void> {
      refusals.set(await live.manager.getAccessToken(), named);
    },
    requestedScopes: () => issuer.tokenRequests.map(({ params }) => params["scope"]),
  };
}

const scopes = ["r", "w", "x"];
const growing = { grant: { scopes: ["r"] }, members: { stepUp: ["w"] } };

describe("a 401 that names a scope of stepUp", () => {
  test("a 401 that names a scope of stepUp is followed by a new token and then by one with that scope", async () => {
    const { manager, requestedScopes } = await scopedWorld({
      ...{ scopes, ...growing, needs: { write: { scope: "w", named: "r w" } } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(200);
    expect(requestedScopes()).toEqual(["r", "r", "r w"]);
    expect([await statusOf(manager, toolCall("write")), await statusOf(manager, toolCall("read"))]).toEqual([
      200, 200,
    ]);
    expect(requestedScopes()).toEqual(["r", "r", "r w"]);
  });

  test("a 401 that names a scope of stepUp is no step-up if a new token with the same scopes is accepted", async () => {
    const { manager, requestedScopes, refuse } = await scopedWorld({ scopes, ...growing, needs: {} });
    expect(await statusOf(manager, toolCall("read"))).toBe(200);
    await refuse("r w");
    expect([await statusOf(manager, toolCall("read")), await statusOf(manager, toolCall("read"))]).toEqual([
      200, 200,
    ]);
    expect(requestedScopes()).toEqual(["r", "r"]);
  });

  test("a step-up after a 401 requests only the scopes that the config allows", async () => {
    const { manager, requestedScopes } = await scopedWorld({
      ...{ scopes, ...growing, needs: { write: { scope: "w", named: "x w other" } } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(200);
    expect(requestedScopes()).toEqual(["r", "r", "r w"]);
  });

  test("a 401 after a step-up is returned, and no second step-up for the same scope follows", async () => {
    const { manager, requestedScopes, advance } = await scopedWorld({
      ...{ scopes, ...growing, needs: { write: { scope: "x", named: "w" } } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(401);
    expect(requestedScopes()).toEqual(["r", "r", "r w"]);
    for (let second = 0; second < 10; second += 1) {
      expect(await statusOf(manager, toolCall("write"))).toBe(401);
      expect(await statusOf(manager, toolCall("read"))).toBe(200);
      await advance(1_000);
    }
    // Later requests replace refused tokens of the new scope set, at 0, 1, 3 and 7 s.
    expect(requestedScopes().slice(3)).toEqual(["r w", "r w", "r w", "r w"]);
  });

  test("a 401 whose scopes the config does not allow is returned without a step-up or an error", async () => {
    const { manager, requestedScopes, heard, advance } = await scopedWorld({
      ...{ scopes, ...growing, needs: { write: { scope: "x" } } },
    });
    const response = await manager.fetch(manager.url, toolCall("write"));
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Bearer scope="x"']);
    expect(requestedScopes()).toEqual(["r", "r"]);
    await advance(0);
    expect(heard.at(-1)).toMatchObject({ event: "token:warning", code: "unauthorized" });
    expect(heard.at(-1)?.message).toContain("The server names scopes that the token lacks");
  });

  test("a 401 during the hold causes no step-up, and another tool still steps up", async () => {
    const { manager, requestedScopes } = await scopedWorld({
      ...{ scopes, grant: { scopes: ["r"] }, members: { stepUp: ["w", "x"] } },
      needs: { write: { scope: "w", named: "none" }, more: { scope: "x" } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(401);
    expect(await statusOf(manager, toolCall("write"))).toBe(401);
    expect(requestedScopes()).toEqual(["r", "r"]);
    expect(await statusOf(manager, toolCall("more"))).toBe(200);
    expect(requestedScopes()).toEqual(["r", "r", "r", "r x"]);
  });

  test("a 401 that names a scope causes a step-up if the authorization server returns the refused token again", async () => {
    const issuer = await startScriptedIssuer(
      ({ body }, response) => {
        const scope = new URLSearchParams(body).get("scope") ?? "";
        sendToken(response, scope.includes("w") ? "wide" : "narrow");
      },
      ({ headers }, response) => {
        if (headers.authorization === "Bearer wide") return sendJson(response, {});
        response.writeHead(401, { "www-authenticate": 'Bearer scope="w"' }).end();
      },
    );
    const { manager } = await createLiveManager(growingAt(issuer));
    expect(await statusOf(manager, toolCall("write"))).toBe(200);
    expect(scopesAskedOf(issuer)).toEqual(["r", "r", "r w"]);
  });

  test("a step-up after a 401 keeps the DPoP key", async () => {
    const { manager, requestedScopes, issuer } = await scopedWorld({
      ...{ scopes, dpop: { nonces: true }, grant: growing.grant, members: { stepUp: ["w"], dpop: true } },
      needs: { write: { scope: "w" } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(200);
    const granted = issuer.issued.map(({ scope }) => scope);
    expect(granted).toEqual(["r", "r", "r w"]);
    expect(new Set(issuer.issued.map(({ jkt }) => jkt)).size).toBe(1);
    expect(issuer.issued[0]?.jkt).toMatch(/./);
    // The authorization server refuses one request because of the nonce.
    expect(requestedScopes().length).toBe(4);
  });
});

describe("failing step-ups after a 401", () => {
  test("a failed step-up after a 401 returns the 401 and does not affect other calls", async () => {
    const { manager, requestedScopes, heard } = await scopedWorld({
      ...{ scopes, clients: [{ id: "agent", secret: agentSecret, scopes: ["r"] }], ...growing },
      needs: { write: { scope: "w" } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(401);
    expect(requestedScopes()).toEqual(["r", "r", "r w"]);
    expect(heard.some(({ oauthError }) => oauthError === "invalid_scope")).toBe(true);
    expect(await statusOf(manager, toolCall("read"))).toBe(200);
    expect(manager.status().state).toBe("fresh");
    expect(requestedScopes()).toHaveLength(3);
  });

  test("failing step-ups after 401s send at most one more token request per hold", async () => {
    const { manager, requestedScopes, advance } = await scopedWorld({
      ...{ scopes, clients: [{ id: "agent", secret: agentSecret, scopes: ["r"] }], ...growing },
      needs: { write: { scope: "w" } },
    });
    for (let second = 0; second < 60; second += 1) {
      expect(await statusOf(manager, toolCall("write"))).toBe(401);
      expect(await statusOf(manager, toolCall("read"))).toBe(200);
      await advance(1_000);
    }
    expect(requestedScopes().filter((scope) => scope === "r")).toHaveLength(1 + 6);
    expect(requestedScopes().filter((scope) => scope === "r w").length).toBeLessThanOrEqual(6);
  });
});

describe("a 401 that names scopes, without scopes in the config", () => {
  test("without scopes in the config, a 401 after a new token is followed by a token for the scopes that it names", async () => {
    const { manager, requestedScopes } = await scopedWorld({
      ...{ scopes, needs: { write: { scope: "w", named: "r w" } } },
    });
    expect(await statusOf(manager, toolCall("write"))).toBe(200);
    expect(requestedScopes()).toEqual([undefined, undefined, "r w"]);
  });

  test("without scopes in the config, a 401 with scopes that the issuer refuses does not change other calls", async () => {
    const { manager, requestedScopes } = await scopedWorld({
      ...{ scopes: ["r"], supported: ["r"], needs: { admin: { scope: "admin" } } },
    });
    expect(await statusOf(manager, toolCall("admin"))).toBe(401);
    await manager.getToken({ forceRefresh: true });
    expect(await statusOf(manager, toolCall("read"))).toBe(200);
    expect(new Set(requestedScopes())).toEqual(new Set(["r"]));
  });

  test("without scopes in the config, a 401 does not remove scopes of the resource metadata", async () => {
    const { manager, requestedScopes, refuse } = await scopedWorld({
      ...{ scopes, supported: ["r", "w"], needs: { write: { scope: "w" } } },
    });
    await manager.getToken();
    await refuse("r");
    expect(await statusOf(manager, toolCall("write"))).toBe(200);
    expect(requestedScopes()).toEqual(["r w", "r w"]);
  });
});

describe("twelve concurrent calls that each need another scope", () => {
  const many = Array.from({ length: 12 }, (_, index) => `s${index}`);
  const needs = Object.fromEntries(many.map((scope) => [scope, { scope }]));
  const options = { scopes: ["r", ...many], grant: { scopes: ["r"] }, members: { stepUp: many }, needs };

  /** Creates a `fetch` that delays each token request after the first until all calls have been refused again. */
  function whenAllAreRefused(): FetchFunction {
    let refused = 0;
    let requests = 0;
    let passOn: () => void = () => {};
    let gate = Promise.resolve();
    return async (input, init) => {
      const isTokenRequest = init?.body instanceof URLSearchParams || String(input).endsWith("/token");
      if (isTokenRequest && requests++ > 0) await gate;
      const response = await fetch(input, init);
      if (!isTokenRequest && [401, 403].includes(response.status)) {
        refused += 1;
        if (refused % many.length === 1) {
          gate = new Promise((resolve) => {
            passOn = resolve;
          });
        }
        if (refused % many.length === 0) setImmediate(passOn);
      }
      return response;
    };
  }

  test("twelve concurrent calls that each need another scope send three token requests after 403s", async () => {
    const { manager, requestedScopes } = await scopedWorld({
      ...options,
      status: 403,
      fetch: whenAllAreRefused(),
    });
    const statuses = await Promise.all(many.map((tool) => statusOf(manager, toolCall(tool))));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(requestedScopes()).toHaveLength(3);
    expect(String(requestedScopes()[2]).split(" ").toSorted()).toEqual(["r", ...many].toSorted());
  });

  test("twelve concurrent calls that each need another scope send four token requests after 401s", async () => {
    const { manager, requestedScopes } = await scopedWorld({ ...options, fetch: whenAllAreRefused() });
    const statuses = await Promise.all(many.map((tool) => statusOf(manager, toolCall(tool))));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(requestedScopes()).toHaveLength(4);
  });

  test("twelve concurrent calls that each need another scope send at most thirteen token requests in any order of 403s", async () => {
    const { manager, requestedScopes } = await scopedWorld({ ...options, status: 403 });
    const statuses = await Promise.all(many.map((tool) => statusOf(manager, toolCall(tool))));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(requestedScopes().length).toBeLessThanOrEqual(13);
  });

  test("among twelve concurrent calls, only the one whose scope is refused fails, and later calls succeed", async () => {
    const granted = many.filter((scope) => scope !== "s5");
    const { manager, requestedScopes } = await scopedWorld({
      ...{
        ...options,
        status: 403,
        clients: [{ id: "agent", secret: agentSecret, scopes: ["r", ...granted] }],
      },
    });
    const outcomes = await Promise.allSettled(many.map((tool) => statusOf(manager, toolCall(tool))));
    const served = outcomes.map((outcome) => outcome.status === "fulfilled" && outcome.value === 200);
    expect(served).toEqual(many.map((scope) => scope !== "s5"));
    const before = requestedScopes().length;
    expect(before).toBeLessThanOrEqual(13 + 2);
    for (const tool of granted) expect(await statusOf(manager, toolCall(tool))).toBe(200);
    expect(requestedScopes()).toHaveLength(before);
  });
});

function growingAt({ config, env }: ScriptedIssuer) {
  const { tools } = config.servers;
  const grown = { ...tools, grant: { ...tools.grant, scopes: ["r"] }, stepUp: ["w"] };
  return { config: { servers: { tools: grown } }, env };
}

function scopesAskedOf(issuer: ScriptedIssuer): readonly (string | null)[] {
  return issuer.tokenRequests().map(({ body }) => new URLSearchParams(body).get("scope"));
}
