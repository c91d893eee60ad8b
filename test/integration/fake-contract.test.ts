// A fake behaves as the runtime does with real servers: both take the same steps and must report the same.
import { expect, test } from "vitest";
import { createMcpAuth, type McpAuth, McpAuthError } from "../../src/index.js";
import { fakeMcpAuth, testAuthorizationServer } from "../../src/testing.js";
import { startHttpServer } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";

interface Stage extends AsyncDisposable {
  readonly auth: McpAuth<"crm">;
  /** The number of token requests so far. */
  readonly sent: () => number;
  readonly expire: () => Promise<void> | void;
  readonly reject: () => void;
  readonly fail: (code: "unavailable" | "token_request_rejected") => void;
  /** Ends the failure, and the cool-down after it. */
  readonly recover: () => Promise<void> | void;
}

const lifetime = 3_600_000;

async function fakeStage(): Promise<Stage> {
  const auth = await fakeMcpAuth({ servers: ["crm"] });
  const { requests, expire, reject, fail, recover } = auth.resolve("crm");
  const stop = () => auth.stop();
  return { auth, sent: () => requests.length, expire, reject, fail, recover, [Symbol.asyncDispose]: stop };
}

async function realStage(): Promise<Stage> {
  const server = await testAuthorizationServer({ clients: { agent: { secret: "a-secret" } } });
  const issued = new Set<string | undefined>();
  const refused = new Set<string | undefined>();
  const mcp = await startHttpServer(({ headers, body }, response) => {
    issued.add(headers.authorization);
    if (refused.has(headers.authorization)) {
      response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
      return;
    }
    const { id }: { id?: unknown } = JSON.parse(body);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: {} }));
  });
  const live = liveClock();
  const client = { issuer: server.issuer, id: "agent", secret: { env: "SECRET" } };
  const metadata = { tokenEndpoint: `${server.issuer}/token` };
  const auth = await createMcpAuth({
    config: {
      servers: {
        crm: {
          url: `${mcp.origin}/mcp`,
          grant: { client: { ...client, metadata } },
          resourceMetadata: false,
          retry: { attempts: 1 },
        },
      },
    },
    env: { SECRET: "a-secret" },
    clock: live.clock,
  });
  return {
    auth,
    sent: () => server.requests.length,
    expire: () => live.clock.jump(lifetime),
    reject() {
      for (const authorization of issued) refused.add(authorization);
    },
    fail(code) {
      if (code === "unavailable") server.fail(503);
      if (code === "token_request_rejected") server.fail(401, { error: "invalid_client" });
    },
    recover() {
      server.recover();
      live.clock.jump(60_000);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([auth.stop(), server.close(), mcp.close()]);
    },
  };
}

/** Takes the steps, and returns what a program sees. */
async function observe({ auth, sent, expire, reject, fail, recover }: Stage): Promise<readonly unknown[]> {
  const crm = auth.resolve("crm");
  const seen: unknown[] = [];
  const kinds = ["token:renewed", "token:failed", "token:rejected", "token:cooldown"] as const;
  for (const kind of kinds) auth.on(kind, ({ reason, code }) => seen.push([kind, reason, code]));
  const note = async (step: string, ...calls: readonly Promise<unknown>[]): Promise<void> => {
    const ended = await Promise.all(calls.map((call) => call.then(outcome, failure)));
    seen.push({ step, ended, sent: sent(), state: crm.status().state });
  };
  const init = { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }) };
  const call = (): Promise<unknown> => crm.fetch(crm.url, init);

  await note("the first calls", call(), crm.getAccessToken(), crm.getToken());
  await note("the token is kept", call());
  await expire();
  await note("the token has expired", call(), call(), crm.getHeaders());
  reject();
  await note("the token is refused", call());
  await note("the new one is accepted", call());
  fail("unavailable");
  await note("an outage with a usable token", call());
  await note("a forced refresh in an outage", crm.getAccessToken({ forceRefresh: true }));
  await expire();
  await note("an outage without a token", call());
  await note("the cool-down", call());
  await recover();
  await note("after the outage", call());
  await expire();
  fail("token_request_rejected");
  await note("a rejection", call());
  await note("the cool-down after it", call(), crm.getAccessToken());
  await recover();
  await note("another scope", crm.getAccessToken({ scopes: ["a"] }), call());
  await note("elsewhere", crm.fetch("https://elsewhere.example"));
  await auth.stop();
  await note("stopped", call());
  return seen;
}

/** A token differs from one stage to the other. */
function outcome(value: unknown): unknown {
  return value instanceof Response ? value.status : typeof value;
}

/** The advice of a message depends on the config, and what failed names the issuer. */
function failure(error: unknown): unknown {
  if (!(error instanceof McpAuthError)) throw error;
  const { code, retryable, server, oauthError, retryAfter } = error;
  const [sentence] = error.message.replace(/https?:\/\/[\w.:/-]+/g, "URL").split(". ");
  return { code, retryable, server, oauthError, waits: retryAfter !== undefined, sentence };
}

test("a fake and a real runtime report the same of expiry, refusals, outages and rejections", async () => {
  await using fake = await fakeStage();
  await using real = await realStage();
  const [fromFake, fromReal] = [await observe(fake), await observe(real)];
  expect(fromFake).toEqual(fromReal);
  expect(fromFake.length).toBeGreaterThan(20);
});
