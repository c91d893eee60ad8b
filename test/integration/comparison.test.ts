// Tests of what docs/comparison.md and README say about the MCP SDK's own providers and about hand-written code.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  Client,
  ClientCredentialsProvider,
  DpopSession,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { ClientCredentialsProvider as ProviderV1 } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport as TransportInterfaceV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import type { RunningAuthorizationServer } from "../support/authorization-server.js";
import { agentSecret, createTestManager, createTestRuntime, startWorld, viaFetchV2 } from "./harness.js";

const root = new URL("../../", import.meta.url);

async function withProvider(url: string, authProvider: OAuthClientProvider): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  onTestFinished(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
  return client;
}

function providerFor(issuer: RunningAuthorizationServer) {
  return new ClientCredentialsProvider({
    clientId: "agent",
    clientSecret: agentSecret,
    expectedIssuer: issuer.issuer,
  });
}

describe("a token endpoint that answers 503 once", () => {
  test("one 503 of the token endpoint fails a call through the SDK's provider", async () => {
    const { issuer, mcp } = await startWorld();
    issuer.failNext(1, 503);
    await expect(withProvider(mcp.url, providerFor(issuer))).rejects.toThrow();
  });

  test("one 503 of the token endpoint only delays a call through our provider, which retries", async () => {
    const world = await startWorld();
    world.issuer.failNext(1, 503);
    const { manager } = await createTestManager(world);
    expect(await (await viaFetchV2(manager)).echo("hello")).toBe("hello");
    expect(world.issuer.tokenRequests.map(({ status }) => status)).toEqual([503, 200]);
  });
});

describe("a token that has expired", () => {
  test("the SDK's provider sends an expired token and replaces it after the 401", async () => {
    const { issuer, mcp } = await startWorld({ lifetime: 60 });
    const client = await withProvider(mcp.url, providerFor(issuer));
    const before = mcp.unauthorized;
    expire(issuer);
    await client.callTool({ name: "echo", arguments: { text: "hello" } });
    expect(mcp.unauthorized).toBeGreaterThan(before);
  });

  test("our provider replaces an expired token before it is sent", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { manager } = await createTestManager(world);
    const client = await viaFetchV2(manager);
    // Waits for the response to the SDK's background request for a stream, so that it does not see the expired token.
    const streams = () =>
      world.mcp.requests.filter(({ method, path }) => method === "GET" && path === "/mcp");
    await expect.poll(() => streams().some(({ isAnswered }) => isAnswered)).toBe(true);
    expire(world.issuer);
    expect(await client.echo("hello")).toBe("hello");
    expect(world.mcp.unauthorized).toBe(0);
  });
});

describe("fifty concurrent calls after a token has expired", () => {
  test("the SDK's provider makes more than one token request for fifty concurrent calls", async () => {
    const { issuer, mcp } = await startWorld({ lifetime: 60 });
    const client = await withProvider(mcp.url, providerFor(issuer));
    expire(issuer);
    const before = issuer.tokenRequests.length;
    await Promise.all(fiftyCalls(client));
    expect(issuer.tokenRequests.length - before).toBeGreaterThan(1);
  });

  test("the provider of SDK 1 makes more than one token request for fifty concurrent calls", async () => {
    const { issuer, mcp } = await startWorld({ lifetime: 60 });
    const client = new ClientV1({ name: "test", version: "1.0.0" });
    onTestFinished(() => client.close());
    const authProvider = new ProviderV1({ clientId: "agent", clientSecret: agentSecret });
    const transport = new TransportV1(new URL(mcp.url), { authProvider });
    // The SDK's class does not match its own Transport type under exactOptionalPropertyTypes.
    await client.connect(transport as unknown as TransportInterfaceV1);
    expire(issuer);
    const before = issuer.tokenRequests.length;
    // Some of these calls fail, a different number in each run.
    await Promise.allSettled(fiftyCalls(client));
    expect(issuer.tokenRequests.length - before).toBeGreaterThan(1);
  });

  test("our provider makes one token request for fifty concurrent calls", async () => {
    const world = await startWorld({ lifetime: 60 });
    const { manager } = await createTestManager(world);
    const client = await withFetch(world.mcp.url, manager.fetch);
    expire(world.issuer);
    await Promise.all(fiftyCalls(client));
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });
});

describe("a hand-written fetch of thirty lines", () => {
  test("hand-written code makes one token request for fifty concurrent calls after expiry", async () => {
    const { issuer, mcp } = await startWorld({ lifetime: 600 });
    const client = await withFetch(mcp.url, handWrittenFetch(issuer.tokenEndpoint, mcp.url));
    expire(issuer);
    await Promise.all(fiftyCalls(client));
    expect(issuer.tokenRequests).toHaveLength(2);
  });

  test("hand-written code keeps a token that the server refuses, and ours replaces it", async () => {
    const world = await startWorld({ lifetime: 600 });
    const theirs = await withFetch(
      world.mcp.url,
      handWrittenFetch(world.issuer.tokenEndpoint, world.mcp.url),
    );
    const { manager } = await createTestManager(world);
    const ours = await withFetch(world.mcp.url, manager.fetch);
    for (const { jti } of world.issuer.issued) world.mcp.revoke(jti);
    await expect(echo(theirs)).rejects.toThrow();
    await expect(echo(theirs)).rejects.toThrow();
    await echo(ours);
  });

  test("one 503 of the token endpoint fails a call of hand-written code", async () => {
    const { issuer, mcp } = await startWorld();
    issuer.failNext(1, 503);
    const fetch = handWrittenFetch(issuer.tokenEndpoint, mcp.url);
    await expect(withFetch(mcp.url, fetch)).rejects.toThrow();
  });
});

describe("DPoP", () => {
  test("the SDK's provider binds tokens by DPoP once it has a method dpop", async () => {
    const { issuer, mcp } = await startWorld({ dpop: { nonces: true }, mcp: { dpop: { required: true } } });
    const session = await DpopSession.create();
    const provider = Object.assign(providerFor(issuer), { dpop: () => session });
    await echo(await withProvider(mcp.url, provider));
    expect(issuer.issued.every(({ jkt }) => jkt !== undefined)).toBe(true);
  });

  test("our provider binds tokens by DPoP after one line in the config", async () => {
    const world = await startWorld({ dpop: { nonces: true }, mcp: { dpop: { required: true } } });
    const { tools } = world.config.servers;
    const { manager } = await createTestManager({
      ...world,
      config: { servers: { tools: { ...tools, dpop: true } } },
    });
    await echo(await withFetch(world.mcp.url, manager.fetch));
    expect(world.issuer.issued.every(({ jkt }) => jkt !== undefined)).toBe(true);
  });
});

describe("private keys", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = (key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1", passphrase?: string) =>
    String(
      key.export({
        type,
        format: "pem",
        ...(passphrase !== undefined && { cipher: "aes-256-cbc", passphrase }),
      }),
    );
  const forms = [
    ["PKCS#8", ec, "ES256", pem(ec.privateKey, "pkcs8"), undefined],
    ["JWK", ec, "ES256", JSON.stringify(ec.privateKey.export({ format: "jwk" })), undefined],
    ["PKCS#1", rsa, "RS256", pem(rsa.privateKey, "pkcs1"), undefined],
    ["SEC1", ec, "ES256", pem(ec.privateKey, "sec1"), undefined],
    [
      "DER",
      ec,
      "ES256",
      ec.privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
      undefined,
    ],
    ["encrypted PEM", ec, "ES256", pem(ec.privateKey, "pkcs8", "a passphrase"), "a passphrase"],
  ] as const;

  test.each(forms)(
    "our provider reads a private key in the form %s, and the SDK's only PKCS#8 and JWK",
    async (form, pair, alg, text, passphrase) => {
      const publicKey = pair.publicKey.export({ format: "jwk" });
      const kid = await calculateJwkThumbprint(publicKey);
      const { issuer, mcp } = await startWorld({
        clients: [{ id: "agent", publicKey: { ...publicKey, kid }, alg }],
      });

      const key = {
        privateKey: { env: "KEY" },
        alg,
        ...(passphrase !== undefined && { passphrase: { env: "PASSPHRASE" } }),
      } as const;
      const client = { issuer: issuer.issuer, id: "agent", key };
      const auth = await createTestRuntime({
        env: { KEY: text, PASSPHRASE: passphrase },
        config: { servers: { tools: { url: mcp.url, grant: { client } } } },
      });
      expect(await (await viaFetchV2(auth.resolve("tools"))).echo("hello")).toBe("hello");

      const provider = () =>
        new PrivateKeyJwtProvider({
          clientId: "agent",
          privateKey: form === "JWK" ? { ...pair.privateKey.export({ format: "jwk" }) } : text,
          algorithm: alg,
          expectedIssuer: issuer.issuer,
        });
      const theirs = async () => await withProvider(mcp.url, provider());
      if (form === "PKCS#8" || form === "JWK") await theirs();
      else await expect(theirs()).rejects.toThrow();
    },
  );
});

/** Moves the date of servers and clients forward until every issued token has expired. Timers stay real. */
function expire(issuer: RunningAuthorizationServer): void {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  vi.setSystemTime(Math.max(...issuer.issued.map(({ expiresAt }) => expiresAt)) + 2_000);
}

describe("the page about alternatives", () => {
  test("docs/comparison.md names the versions of the SDKs and of mcp-remote that the tests run", async () => {
    const page = await readFile(new URL("docs/comparison.md", root), "utf8");
    const client = await lockedVersion("package-lock.json", "@modelcontextprotocol/client");
    const sdk1 = await lockedVersion("package-lock.json", "@modelcontextprotocol/sdk");
    const remote = await lockedVersion("test/hosts/mcp-remote/package-lock.json", "mcp-remote");
    for (const name of [`| MCP SDK ${client} |`, `SDK 1 (${sdk1})`, `| mcp-remote ${remote} |`])
      expect(page).toContain(name);
  });
});

async function lockedVersion(lockFile: string, name: string): Promise<string> {
  const shape = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) });
  const { packages } = shape.parse(JSON.parse(await readFile(new URL(lockFile, root), "utf8")));
  return z.string().parse(packages[`node_modules/${name}`]?.version);
}

async function withFetch(url: string, fetch: typeof globalThis.fetch): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  onTestFinished(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }));
  return client;
}

function echo(client: Client | ClientV1): Promise<unknown> {
  return client.callTool({ name: "echo", arguments: { text: "hello" } });
}

function fiftyCalls(client: Client | ClientV1): Promise<unknown>[] {
  return Array.from({ length: 50 }, () => echo(client));
}

const tokenResponse = z.object({ access_token: z.string(), expires_in: z.number() });

/** What a careful programmer writes for one server and one secret: callers share a request, and a minute is left. */
function handWrittenFetch(tokenEndpoint: string, resource: string): typeof globalThis.fetch {
  let token: Promise<string> | undefined;
  let renewAt = Number.POSITIVE_INFINITY;
  async function requestToken(): Promise<string> {
    const requestedAt = Date.now();
    const response = await fetch(tokenEndpoint, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`agent:${agentSecret}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource }),
    });
    if (!response.ok) throw new Error(`The token request failed with status ${response.status}.`);
    const body: unknown = await response.json();
    const { access_token, expires_in } = tokenResponse.parse(body);
    renewAt = requestedAt + (expires_in - 60) * 1_000;
    return access_token;
  }
  return async (input, init) => {
    if (token === undefined || Date.now() >= renewAt) {
      renewAt = Number.POSITIVE_INFINITY;
      token = requestToken();
      token.catch(() => {
        token = undefined;
      });
    }
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${await token}`);
    return fetch(input, { ...init, headers });
  };
}
