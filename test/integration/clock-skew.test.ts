// Servers whose clocks differ from ours and that allow no leeway.
import { generateKeyPairSync } from "node:crypto";
import { decodeJwt } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import type { RecordedRequest } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  type StrictAuthorizationServer,
  type StrictServer,
  startStrictAuthorizationServer,
  startStrictMcpServer,
} from "../support/strict-servers.js";
import { createTestRuntime, recordEvents } from "./harness.js";

const second = 1_000;
const minute = 60 * second;

/**
 * Creates a clock that moves only when a test moves it, so that no test depends on how long anything takes. It starts
 * late in a second, because a `Date` header has only full seconds.
 */
function settableClock() {
  let now = Date.UTC(2026, 5, 1, 12) + 700;
  return {
    now: () => now,
    setTimeout: systemClock.setTimeout,
    advance(milliseconds: number) {
      now += milliseconds;
    },
  };
}

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
const secret = "s3cr3t-of-the-agent-that-is-long-enough";
const env = { KEY: pem, SECRET: secret };
const key = { privateKey: { env: "KEY" } } as const;

type Server = McpAuthConfig<"tools">["servers"]["tools"];

/** The server config for each kind of JWT that the package signs. */
const kinds = {
  private_key_jwt: ({ origin }: StrictServer): Partial<Server> => ({
    grant: { client: { issuer: origin, id: "agent", key } },
  }),
  client_secret_jwt: ({ origin }: StrictServer): Partial<Server> => ({
    grant: {
      client: { issuer: origin, id: "agent", secret: { env: "SECRET" }, method: "client_secret_jwt" },
    },
  }),
  jwt_bearer: ({ origin }: StrictServer): Partial<Server> => ({
    grant: {
      type: "jwt_bearer",
      client: { issuer: origin },
      assertion: { key, issuer: "robot", subject: "robot" },
    },
  }),
  dpop: ({ origin }: StrictServer): Partial<Server> => ({
    grant: { client: { issuer: origin, id: "agent", secret: { env: "SECRET" } } },
    dpop: true,
  }),
};
type Kind = keyof typeof kinds;
const all: readonly Kind[] = ["private_key_jwt", "client_secret_jwt", "jwt_bearer", "dpop"];

async function started(kind: Kind, skews: { readonly issuer?: number; readonly mcp?: number } = {}) {
  const clock = settableClock();
  const verificationKey = kind === "client_secret_jwt" ? new TextEncoder().encode(secret) : publicKey;
  const issuer = await startStrictAuthorizationServer(clock, verificationKey);
  const mcp = await startStrictMcpServer(clock);
  onTestFinished(async () => {
    await issuer[Symbol.asyncDispose]();
    await mcp[Symbol.asyncDispose]();
  });
  issuer.skew = skews.issuer ?? 0;
  mcp.skew = skews.mcp ?? 0;
  const server = { url: `${mcp.origin}/mcp`, grant: {}, ...kinds[kind](issuer) } as Server; // Each kind has a grant.
  const auth = await createTestRuntime({ config: { servers: { tools: server } }, env, clock });
  const heard = recordEvents(auth);
  const skewWarnings = () =>
    heard.filter(({ event, code }) => event === "token:warning" && code === "clock_skew");
  const failures = () => heard.filter(({ event }) => event === "token:failed");
  return { clock, issuer, mcp, manager: auth.resolve("tools"), server, skewWarnings, failures, heard };
}

/** Returns the `iat` of the JWT in a request, in milliseconds. */
function issued({ body, headers }: RecordedRequest): number {
  const form = new URLSearchParams(body);
  const jwt = form.get("client_assertion") ?? form.get("assertion") ?? String(headers["dpop"]);
  return (decodeJwt(jwt).iat ?? 0) * second;
}

describe.each(all)("%s at an authorization server without leeway", (kind) => {
  test.each([
    ["2 s behind", -2 * second],
    ["3 s behind", -3 * second],
    ["4 s behind", -4 * second],
    ["exact", 0],
    ["2 s ahead", 2 * second],
  ])(`a server whose clock is %s accepts the first ${kind} request`, async (_, skew) => {
    const { issuer, manager, failures } = await started(kind, { issuer: skew });
    await manager.getToken();
    expect(issuer.refusals).toEqual([]);
    expect(issuer.calls).toHaveLength(1);
    expect(failures()).toEqual([]);
  });

  test.each([
    ["90 s ahead", 90 * second, 1],
    ["90 s behind", -90 * second, 2],
    ["5 minutes ahead", 5 * minute, 1],
    ["5 minutes behind", -5 * minute, 2],
  ])(
    `a server whose clock is %s issues a token with ${kind}, with one warning`,
    async (_, skew, requests) => {
      const { issuer, manager, skewWarnings, failures } = await started(kind, { issuer: skew });
      await manager.getToken();
      expect(issuer.calls).toHaveLength(requests);
      expect(issuer.refusals).toHaveLength(requests - 1);
      expect(failures()).toEqual([]);
      const [warning, ...others] = skewWarnings();
      expect(others).toEqual([]);
      expect(warning).toMatchObject({
        server: "tools",
        issuer: issuer.origin,
        reason: "demand",
        code: "clock_skew",
      });
      const difference = `${Math.abs(skew) / second} s ${skew > 0 ? "ahead of" : "behind"}`;
      expect(warning?.message).toContain(`${issuer.origin} is ${difference} the clock of this machine`);
      // From then on, one request is enough, without another warning.
      await manager.getToken({ forceRefresh: true });
      expect(issuer.calls).toHaveLength(requests + 1);
      expect(skewWarnings()).toHaveLength(1);
    },
  );

  test.each([
    ["ahead", 20 * minute],
    ["behind", -20 * minute],
  ])(
    `a server whose clock is 20 minutes %s refuses ${kind}, and the warning and the error mention the clock`,
    async (direction, skew) => {
      const { issuer, manager, skewWarnings } = await started(kind, { issuer: skew });
      const error = await rejectionOf(manager.getToken());
      expect(error).toMatchObject({ code: "token_request_rejected", retryable: false });
      expect(issuer.calls).toHaveLength(1);
      expect(error.message).toContain(`The clock of ${issuer.origin} is 1200 s ${direction}`);
      const [warning, ...others] = skewWarnings();
      expect(others).toEqual([]);
      expect(warning?.message).toContain("more than the 600 s");
    },
  );

  test(`a server that keeps refusing ${kind} gets at most two requests, even if its clock changes`, async () => {
    const { issuer, manager } = await started(kind);
    // Each request sees a different time at which the JWT is not valid.
    let calls = 0;
    issuer.onCall = () => {
      calls += 1;
      issuer.skew = (calls % 2 === 0 ? 1 : -1) * 5 * minute;
    };
    await rejectionOf(manager.getToken());
    expect(issuer.calls).toHaveLength(2);
  });

  test.each([
    ["401 and an empty body", { status: 401, error: "" }],
    ["403 and an empty body", { status: 403, error: "" }],
    ["401 and server_error", { status: 401, error: "server_error" }],
  ])(`a server that refuses ${kind} with %s gets a second request in its own time`, async (_, refusal) => {
    const { issuer, manager } = await started(kind, { issuer: -90 * second });
    issuer.refusal = refusal;
    await manager.getToken();
    expect(issuer.calls).toHaveLength(2);
  });

  test(`requests with ${kind} follow a server whose clock changes`, async () => {
    const { clock, issuer, manager, skewWarnings } = await started(kind, { issuer: 90 * second });
    await manager.getToken();
    expect(issued(issuer.calls[0] ?? never())).toBe(
      Math.floor((clock.now() + 90 * second) / second) * second - 5 * second,
    );
    for (const skew of [0, -4 * minute, 5 * minute]) {
      issuer.skew = skew;
      const before = issuer.calls.length;
      await manager.getToken({ forceRefresh: true });
      expect(issuer.calls.length - before).toBeLessThanOrEqual(2);
    }
    expect(skewWarnings()).toHaveLength(3);
  });

  test(`requests with ${kind} use the server's time after our own clock was set`, async () => {
    const { clock, issuer, manager } = await started(kind, { issuer: 90 * second });
    await manager.getToken();
    // The server's clock does not jump.
    clock.advance(-5 * minute);
    issuer.skew += 5 * minute;
    await manager.getToken({ forceRefresh: true });
    clock.advance(6 * minute + 30 * second);
    issuer.skew -= 6 * minute + 30 * second;
    await manager.getToken({ forceRefresh: true });
    expect(issuer.refusals.length).toBeLessThanOrEqual(2);
  });
});

test("an identity provider gets client assertions in its own time", async () => {
  const { clock, issuer, server } = await started("private_key_jwt");
  const idp = await startStrictAuthorizationServer(clock, publicKey);
  onTestFinished(() => idp[Symbol.asyncDispose]());
  idp.skew = -90 * second;
  const subject = { token: { env: "SECRET" } };
  const grant = {
    type: "enterprise_managed",
    client: { issuer: issuer.origin, id: "agent", key },
    idp: { client: { issuer: idp.origin, id: "agent", key }, subject },
  } as const;
  const auth = await createTestRuntime({
    config: { servers: { tools: { url: server.url, grant } } },
    env,
    clock,
  });
  const heard = recordEvents(auth);
  // The strict server does not issue an ID-JAG, so the second server gets no request.
  expect((await rejectionOf(auth.resolve("tools").getToken())).code).toBe("token_response_invalid");
  expect(idp.refusals).toHaveLength(1);
  expect(idp.calls).toHaveLength(2);
  const [warning] = heard.filter(({ code }) => code === "clock_skew");
  expect(warning?.message).toContain(`the identity provider ${idp.origin} is 90 s behind`);
});

describe("metadata from a cache", () => {
  test.each([
    ["with", true],
    ["without", false],
  ])("metadata from a cache %s an Age header is not taken for clock skew", async (_, saysAge) => {
    const { issuer, manager, skewWarnings } = await started("private_key_jwt");
    Object.assign(issuer, { age: 300, saysAge });
    await manager.getToken();
    expect(issuer.calls).toHaveLength(1);
    expect(skewWarnings()).toEqual([]);
  });

  test.each([
    ["behind", -90 * second],
    ["ahead", 90 * second],
  ])("metadata from a cache does not hide the skew of a server whose clock is %s", async (_, skew) => {
    const { issuer, manager, skewWarnings } = await started("private_key_jwt", { issuer: skew });
    issuer.age = 300;
    await manager.getToken();
    expect(issuer.calls.length).toBeLessThanOrEqual(2);
    expect(skewWarnings()).toHaveLength(1);
  });
});

describe("a client that signs nothing", () => {
  test("a client that signs nothing gets no clock skew warning, and its token expires by our clock", async () => {
    const clock = settableClock();
    const issuer = await startStrictAuthorizationServer(clock, publicKey);
    onTestFinished(() => issuer[Symbol.asyncDispose]());
    issuer.skew = 5 * minute;
    const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
    const config = { servers: { tools: { url: `${issuer.origin}/mcp`, grant: { client } } } };
    const auth = await createTestRuntime({ config, env, clock });
    const heard = recordEvents(auth);
    const { expiresAt } = await auth.resolve("tools").getToken();
    expect(expiresAt).toBe(clock.now() + 600 * second);
    expect(heard.filter(({ code }) => code === "clock_skew")).toEqual([]);
  });
});

describe("an issuer and an MCP server with different clocks", () => {
  test.each([
    ["the issuer ahead, the MCP server behind", 5 * minute, -5 * minute],
    ["the issuer behind, the MCP server ahead", -5 * minute, 5 * minute],
    ["only the MCP server behind", 0, -90 * second],
    ["only the issuer ahead", 90 * second, 0],
  ])("issuer and MCP server each get proofs in their own time: %s", async (_, issuerSkew, mcpSkew) => {
    const { clock, issuer, mcp, manager, server, skewWarnings } = await started("dpop", {
      issuer: issuerSkew,
      mcp: mcpSkew,
    });
    const call = async () => (await manager.fetch(server.url, { method: "POST", body: "{}" })).status;
    expect(await call()).toBe(200);
    expect(await call()).toBe(200);
    expect(mcp.refusals.length).toBeLessThanOrEqual(1);
    expect(issuer.refusals.length).toBeLessThanOrEqual(1);
    // No token was replaced because of clock skew.
    expect(issuer.calls.length - issuer.refusals.length).toBe(1);
    const near = (time: number | undefined, skew: number) =>
      expect(Math.abs((time ?? 0) - clock.now() - skew)).toBeLessThanOrEqual(9 * second);
    near(issued(issuer.calls.at(-1) ?? never()), issuerSkew);
    near(issued(mcp.calls.at(-1) ?? never()), mcpSkew);
    const told = skewWarnings().map(({ message }) => message?.includes("the MCP server"));
    expect(told).toEqual([...(issuerSkew === 0 ? [] : [false]), ...(mcpSkew === 0 ? [] : [true])]);
    const { dpop = "" } = await manager.getHeaders({ method: "POST", url: server.url });
    near((decodeJwt(dpop).iat ?? 0) * second, mcpSkew);
  });

  test("an MCP server whose clock changes refuses at most one proof per change", async () => {
    const { issuer, mcp, manager, server } = await started("dpop");
    const call = async () => (await manager.fetch(server.url, { method: "POST", body: "{}" })).status;
    for (const skew of [0, 3 * minute, -3 * minute, 0]) {
      mcp.skew = skew;
      const before = mcp.refusals.length;
      expect(await call()).toBe(200);
      expect(mcp.refusals.length - before).toBeLessThanOrEqual(1);
    }
    expect(issuer.calls).toHaveLength(1);
  });

  test("servers that require nonces get the right time first and then the nonce", async () => {
    const skews = { issuer: -90 * second, mcp: -3 * minute };
    const { issuer, mcp, manager, server } = await started("dpop", skews);
    Object.assign(issuer, { nonce: "nonce-of-issuer" });
    Object.assign(mcp, { nonce: "nonce-of-mcp" });
    const { status } = await manager.fetch(server.url, { method: "POST", body: "{}" });
    expect(status).toBe(200);
    for (const { refusals, calls } of [issuer, mcp]) {
      expect(refusals).toEqual(["invalid_dpop_proof: issued in the future", "use_dpop_nonce: no nonce"]);
      expect(calls).toHaveLength(3);
    }
  });

  test("a proof that is refused for another reason than clock skew is sent once, and the caller gets the response", async () => {
    const { mcp, manager, server } = await started("dpop", { mcp: 20 * minute });
    const response = await manager.fetch(server.url, { method: "POST", body: "{}" });
    expect(response.status).toBe(401);
    expect(mcp.calls).toHaveLength(1);
  });
});

test("several servers with one issuer share the skew of its clock, with one warning", async () => {
  const clock = settableClock();
  const issuer: StrictAuthorizationServer = await startStrictAuthorizationServer(clock, publicKey);
  onTestFinished(() => issuer[Symbol.asyncDispose]());
  issuer.skew = -90 * second;
  const client = { issuer: issuer.origin, id: "agent", key };
  const at = (path: string) => ({ url: `${issuer.origin}/${path}`, grant: { client } });
  const auth = await createTestRuntime({ config: { servers: { a: at("a"), b: at("b") } }, env, clock });
  const heard = recordEvents(auth);
  await auth.resolve("a").getToken();
  await auth.resolve("b").getToken();
  expect(issuer.calls).toHaveLength(3);
  expect(heard.filter(({ code }) => code === "clock_skew").map(({ server }) => server)).toEqual(["a"]);
});

function never(): never {
  throw new Error("The server got no such request.");
}
