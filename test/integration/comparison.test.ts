// Tests of the claims in README about the MCP SDK's own providers. `bench/` measures its numbers.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  Client,
  ClientCredentialsProvider,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { RunningAuthorizationServer } from "../support/authorization-server.js";
import { agentSecret, createTestManager, createTestRuntime, startWorld, viaFetchV2 } from "./harness.js";

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
