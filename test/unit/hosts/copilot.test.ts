import { expect, onTestFinished, test, vi } from "vitest";
import {
  type CopilotAuthRequest,
  type CopilotSession,
  connected,
  mcpAuthHandler,
  mcpServers,
} from "../../../src/hosts/copilot.js";
import { createMcpAuth, type McpAuthConfig } from "../../../src/index.js";
import { deferred } from "../../support/deferred.js";
import { recordWarnings } from "../../support/record-warnings.js";
import { installHosts } from "./installed-host.js";

const url = "https://crm.example/mcp";
const issuer = "https://auth.example";

interface Behavior {
  /** The status of a request with an accepted token. */
  accepted?: number;
  /** The status of a request whose token is refused. */
  refused?: number;
  tokenStatus?: number;
  /** The token endpoint answers after this. */
  tokenAfter?: Promise<void>;
  /** The MCP server cannot be reached. */
  isDown?: boolean;
  /** The MCP server never answers. */
  hangs?: boolean;
}

/** A runtime whose authorization server issues t1, t2 and so on, and an MCP server that accepts the tokens in `valid`. */
async function runtime(server: object = {}, behavior: Behavior = {}) {
  const valid = new Set<string>();
  const sent: { readonly token: string | null; readonly body: string }[] = [];
  const scopes: (string | null)[] = [];
  const client = { issuer, id: "agent", secret: { env: "SECRET" } };
  const grant = { client };
  const config: McpAuthConfig<"crm" | "unset"> = {
    servers: { crm: { url, grant, ...server }, unset: { url: "${NO_URL}", grant } },
  };
  const auth = await createMcpAuth({
    config,
    env: { SECRET: "canary-secret", KEY: "canary-key" },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      if (request.url.startsWith(`${issuer}/.well-known/`))
        return Response.json({ issuer, token_endpoint: `${issuer}/token` });
      if (request.url === `${issuer}/token`) {
        scopes.push(new URLSearchParams(await request.text()).get("scope"));
        await behavior.tokenAfter;
        const { tokenStatus = 200 } = behavior;
        if (tokenStatus !== 200) return Response.json({ error: "invalid_client" }, { status: tokenStatus });
        const access_token = `t${scopes.length}`;
        valid.add(access_token);
        return Response.json({ access_token, token_type: "Bearer", expires_in: 3_600 });
      }
      if (behavior.isDown) throw new TypeError("fetch failed");
      if (behavior.hangs)
        await new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason));
        });
      if (request.url !== url) return new Response(null, { status: 404 });
      const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? null;
      sent.push({ token, body: await request.text() });
      const { accepted = 200, refused = 401 } = behavior;
      return new Response(null, { status: token !== null && valid.has(token) ? accepted : refused });
    },
  });
  onTestFinished(() => auth.stop());
  return { auth, valid, sent, behavior, scopes, tokenRequests: () => scopes.length };
}

/** What the runtime asks when a server refuses a token, or has none. */
function request(reason: string, more: Partial<CopilotAuthRequest> = {}): CopilotAuthRequest {
  return { serverName: "crm", serverUrl: url, reason, ...more };
}

const session = { sessionId: "s1" };

function token(accessToken: string) {
  return { kind: "token", accessToken };
}

test("a session of Copilot has the servers of the config, without a token", async () => {
  const { auth } = await runtime({ headers: { "x-tenant": "acme" } });
  expect(mcpServers(auth, ["crm"])).toEqual({
    crm: { type: "http", url, tools: ["*"], disableToolCache: true, headers: { "x-tenant": "acme" } },
  });
  const { auth: other } = await runtime();
  expect(mcpServers(other, ["crm"]).crm).toEqual({ type: "http", url, tools: ["*"], disableToolCache: true });
});

test("a header from a secret cannot be handed to Copilot, which would keep it", async () => {
  const { auth } = await runtime({ headers: { "x-api-key": { env: "KEY" } } });
  expect(() => mcpServers(auth, ["crm"])).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        'Server "crm": the Copilot runtime would keep the value of the header "x-api-key", which is a secret. ' +
        "Use the proxy for this server, or remove the header.",
    }),
  );
});

test("Copilot gets no servers that the config lacks or whose URL is unset", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  expect(() => mcpServers(auth, ["crn"])).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect(() => mcpServers(auth)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("a version of the Copilot SDK that never asks for a token is refused", async () => {
  const { auth } = await runtime();
  await installHosts({ "@github/copilot-sdk": "1.0.4" });
  const tooOld = expect.objectContaining({
    code: "config_invalid",
    message:
      '@github/copilot-sdk 1.0.4 is too old: it ignores "onMcpAuthRequest" and never asks for a token. ' +
      "Install version 1.0.5 or later.",
  });
  expect(() => mcpServers(auth, ["crm"])).toThrow(tooOld);
  expect(() => mcpAuthHandler(auth)).toThrow(tooOld);
});

test("Copilot gets a token that the server has accepted in a ping", async () => {
  const { auth, sent, tokenRequests } = await runtime();
  const answer = mcpAuthHandler(auth);
  expect(await answer(request("initial"), session)).toEqual(token("t1"));
  expect(sent).toEqual([{ token: "t1", body: '{"jsonrpc":"2.0","id":"mcp-auth-runtime","method":"ping"}' }]);
  expect(tokenRequests()).toBe(1);
});

test("a new session of Copilot gets no revoked token", async () => {
  const { auth, valid } = await runtime();
  const answer = mcpAuthHandler(auth);
  await answer(request("initial"), session);
  valid.clear();
  expect(await answer(request("initial"), { sessionId: "s2" })).toEqual(token("t2"));
});

test("after a revocation, all sessions of Copilot share one token request", async () => {
  const { auth, valid, tokenRequests } = await runtime();
  const answer = mcpAuthHandler(auth);
  const sessions = ["s1", "s2", "s3"].map((sessionId) => ({ sessionId }));
  await Promise.all(sessions.map((each) => answer(request("initial"), each)));
  valid.clear();
  const answers = await Promise.all(sessions.map((each) => answer(request("refresh"), each)));
  expect(answers).toEqual([token("t2"), token("t2"), token("t2")]);
  expect(tokenRequests()).toBe(2);
});

test("revocations in quick succession each bring Copilot a new token", async () => {
  const { auth, valid } = await runtime();
  const answer = mcpAuthHandler(auth);
  await answer(request("initial"), session);
  for (const next of ["t2", "t3", "t4"]) {
    valid.clear();
    expect(await answer(request("refresh"), session)).toEqual(token(next));
  }
});

test("Copilot gets another token if the ping does not show whether the refused one is accepted", async () => {
  const { auth, valid, sent } = await runtime({}, { accepted: 400, refused: 400 });
  const answer = mcpAuthHandler(auth);
  expect(await answer(request("initial"), session)).toEqual(token("t1"));
  valid.clear();
  expect(await answer(request("refresh"), session)).toEqual(token("t2"));
  expect(sent.map((each) => each.token)).toEqual(["t1", "t1"]);
  // Another session has not been refused its token.
  expect(await answer(request("refresh"), { sessionId: "s2" })).toEqual(token("t2"));
});

test("Copilot gets the token again if the server accepts it after all", async () => {
  const { auth, tokenRequests } = await runtime();
  const answer = mcpAuthHandler(auth);
  await answer(request("initial"), session);
  expect(await answer(request("refresh"), session)).toEqual(token("t1"));
  expect(tokenRequests()).toBe(1);
});

test("Copilot gets a token although the ping fails", async () => {
  const { auth } = await runtime({}, { isDown: true });
  expect(await mcpAuthHandler(auth)(request("initial"), session)).toEqual(token("t1"));
});

test("Copilot gets a token although the server does not answer the ping", async () => {
  const { auth } = await runtime({}, { hangs: true });
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  expect(await settled(mcpAuthHandler(auth)(request("initial"), session))).toEqual(token("t1"));
});

test("a warning says why Copilot has no tools, once until there is a token again", async () => {
  const { auth, behavior, valid } = await runtime({}, { tokenStatus: 400 });
  const warnings = recordWarnings();
  const answer = mcpAuthHandler(auth);
  const ask = async () => (await answer(request("initial"), session))?.kind;
  expect([await ask(), await ask()]).toEqual(["cancelled", "cancelled"]);
  const about = () =>
    warnings.filter((warning) => warning.startsWith('Server "crm": the token endpoint of '));
  expect(about()).toHaveLength(1);
  behavior.tokenStatus = 200;
  await auth.resolve("crm").getToken({ forceRefresh: true });
  expect(await ask()).toBe("token");
  behavior.tokenStatus = 400;
  valid.clear();
  expect(await ask()).toBe("cancelled");
  expect(about().length).toBeGreaterThan(1);
});

test("a warning says that the server refuses new tokens too", async () => {
  const { auth } = await runtime({}, { accepted: 401 });
  const warnings = recordWarnings();
  expect(await mcpAuthHandler(auth)(request("initial"), session)).toEqual({ kind: "cancelled" });
  expect(warnings.at(-1)).toMatch(/^Server "crm" refused a new token too\. /);
});

test("Copilot gets a token with the scopes that the server named, if the config allows them", async () => {
  const { auth, scopes } = await runtime({
    grant: { client: { issuer, id: "agent", secret: { env: "SECRET" } }, scopes: ["read"] },
    stepUp: ["write"],
  });
  const answer = mcpAuthHandler(auth);
  const warnings = recordWarnings();
  await answer(request("initial"), session);
  const upscope = (scope: string) => request("upscope", { wwwAuthenticateParams: { scope } });
  expect(await answer(upscope("write"), session)).toEqual(token("t2"));
  expect(scopes).toEqual(["read", "read write"]);
  expect(await answer(upscope("admin"), session)).toEqual({ kind: "cancelled" });
  expect(warnings).toEqual([
    expect.stringMatching(/^Server "crm" wants a scope that the config does not allow/),
  ]);
});

test("a token with more scopes that is revoked is replaced like any other", async () => {
  const { auth, valid } = await runtime({
    grant: { client: { issuer, id: "agent", secret: { env: "SECRET" } }, scopes: ["read"] },
    stepUp: ["write"],
  });
  const answer = mcpAuthHandler(auth);
  await answer(request("initial"), session);
  const upscope = request("upscope", { wwwAuthenticateParams: { scope: "write" } });
  expect(await answer(upscope, session)).toEqual(token("t2"));
  valid.clear();
  expect(await answer(request("refresh"), session)).toEqual(token("t3"));
  expect(await answer(upscope, session)).toEqual(token("t3"));
});

test("Copilot gets no token for another server, whatever it is called", async () => {
  const { auth, sent, tokenRequests } = await runtime();
  const answer = mcpAuthHandler(auth);
  expect(
    await answer(request("initial", { serverUrl: "https://evil.example/mcp" }), session),
  ).toBeUndefined();
  expect([sent.length, tokenRequests()]).toEqual([0, 0]);
});

/** A session whose server has one status after another, each for two looks. */
function sessionWith(...statuses: readonly string[]) {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const restarted: string[] = [];
  let looks = 0;
  const copilot: CopilotSession = {
    sessionId: "s1",
    rpc: {
      mcp: {
        list: async () => {
          const status = statuses[Math.min(Math.floor(looks / 2), statuses.length - 1)];
          looks += 1;
          return { servers: status === undefined ? [] : [{ name: "crm", status }] };
        },
        restartServer: async ({ serverName }) => {
          restarted.push(serverName);
          throw new Error('MCP server "crm" requires authentication');
        },
      },
    },
  };
  return { copilot, restarted, looks: () => looks };
}

/** Lets time pass until a promise is settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let isPending = true;
  const done = () => {
    isPending = false;
  };
  promise.then(done, done);
  while (isPending) await vi.advanceTimersByTimeAsync(50);
  return await promise;
}

const unreachable = expect.objectContaining({
  code: "unavailable",
  message: expect.stringMatching(/^Server "crm": the Copilot runtime could not connect to it\. /),
});

test("a prompt waits until Copilot has connected", async () => {
  const { auth } = await runtime();
  const { copilot, restarted } = sessionWith("pending", "needs-auth", "pending", "connected");
  await settled(connected(auth, copilot, ["crm"]));
  expect(restarted).toEqual([]);
});

test("a prompt waits while Copilot waits for a token", async () => {
  const token = deferred<void>();
  const { auth } = await runtime({}, { tokenAfter: token.promise });
  const statuses = [...Array<string>(50).fill("needs-auth"), "connected"];
  const { copilot, restarted } = sessionWith(...statuses);
  const answered = mcpAuthHandler(auth)(request("initial"), copilot);
  const waiting = connected(auth, copilot, ["crm"]);
  await vi.advanceTimersByTimeAsync(4_500);
  expect(restarted).toEqual([]);
  token.resolve();
  await settled(waiting);
  expect([restarted, await answered]).toEqual([[], { kind: "token", accessToken: "t1" }]);
});

test("a server that Copilot has given up is started again", async () => {
  const { auth } = await runtime();
  const statuses = [...Array<string>(35).fill("failed"), "pending", "connected"];
  const { copilot, restarted } = sessionWith(...statuses);
  await settled(connected(auth, copilot, ["crm"]));
  expect(restarted).toEqual(["crm"]);
});

test("a prompt does not wait long for a server that Copilot cannot reach", async () => {
  const { auth } = await runtime();
  for (const statuses of [["failed"], []]) {
    const { copilot, restarted, looks } = sessionWith(...statuses);
    await expect(settled(connected(auth, copilot, ["crm"]))).rejects.toEqual(unreachable);
    expect(restarted).toEqual(["crm"]);
    // A look every 50 ms, for 3 s before and after the restart.
    expect(looks()).toBeLessThan(125);
  }
});

test("a prompt learns why Copilot has no token", async () => {
  const { auth, behavior } = await runtime({}, { tokenStatus: 400 });
  recordWarnings();
  const { copilot, restarted } = sessionWith("needs-auth");
  const answer = mcpAuthHandler(auth);
  const waiting = connected(auth, copilot, ["crm"]);
  await answer(request("initial"), copilot);
  await expect(settled(waiting)).rejects.toMatchObject({ code: "token_request_rejected" });
  expect(restarted).toEqual([]);
  // The next prompt starts the server again at once.
  behavior.tokenStatus = 200;
  const again = sessionWith("needs-auth", "pending", "connected");
  await settled(connected(auth, again.copilot, ["crm"]));
  expect(again.restarted).toEqual(["crm"]);
});
