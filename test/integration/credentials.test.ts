import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader, type JWK } from "jose";
import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import {
  agentSecret,
  createTestManager,
  createTestRuntime,
  sdkConnections,
  startWorld,
  viaFetchV2,
  type World,
} from "./harness.js";

type KeyConfig = NonNullable<McpAuthConfig["keys"]>[string];

/** Returns the public key for the registration of a client. */
function publicHalf(publicKey: KeyObject, kid?: string): JWK {
  // A public JWK has only string members.
  return { ...(publicKey.export({ format: "jwk" }) as JWK), ...(kid !== undefined && { kid }) };
}

function keyConfig(world: World, key: KeyConfig): McpAuthConfig<"tools"> {
  const client = { issuer: world.issuer.issuer, id: "signer", key: "agent" };
  return { keys: { agent: key }, servers: { tools: { url: world.mcp.url, grant: { client } } } };
}

describe("calls with the right secret", () => {
  test.each(sdkConnections)("a call through %s with the right secret gets a response", async (_, connect) => {
    const world = await startWorld({ scopes: ["read"], mcp: { scopes: ["read"] } });
    const { manager } = await createTestManager(world);
    const client = await connect(manager);
    expect(await client.echo("hello")).toBe("hello");
    expect(world.issuer.tokensIssued).toBe(1);
    expect(world.mcp.unauthorized).toBe(0);
    expect(world.issuer.tokenRequests).toMatchObject([
      {
        headers: { authorization: `Basic ${btoa(`agent:${agentSecret}`)}` },
        params: { grant_type: "client_credentials", resource: world.mcp.url, scope: "read" },
        status: 200,
      },
    ]);
    expect(world.issuer.tokenRequests[0]?.params).not.toHaveProperty("client_secret");
  });

  test("a first call sends five requests to the MCP server, none unauthenticated, and one token request", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world);
    await (await viaFetchV2(manager)).echo("x");
    const paths = world.mcp.requests.map(({ method, path, status }) => `${method} ${path} ${status}`);
    expect(paths.sort()).toEqual([
      "GET /.well-known/oauth-protected-resource/mcp 200",
      "GET /mcp 405",
      "POST /mcp 200",
      "POST /mcp 200",
      "POST /mcp 202",
    ]);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("getToken returns the type, scopes, issuer, resource and expiry of the token", async () => {
    const world = await startWorld({ scopes: ["read", "write"], lifetime: 900 });
    const { config, env, mcp, issuer } = world;
    const { grant } = config.servers.tools;
    const withWriteScope = { servers: { tools: { url: mcp.url, grant: { ...grant, scopes: ["write"] } } } };
    const auth = await createTestRuntime({ config: withWriteScope, env });
    const before = Date.now();
    const token = await auth.resolve("tools").getToken();
    expect(token).toMatchObject({
      tokenType: "Bearer",
      scopes: ["write"],
      issuer: issuer.issuer,
      resource: mcp.url,
    });
    expect(token.expiresAt).toBeGreaterThanOrEqual(before + 900_000);
    expect(token.expiresAt).toBeLessThanOrEqual(Date.now() + 900_000);
    expect(decodeJwt(token.accessToken)).toMatchObject({ aud: mcp.url, scope: "write", client_id: "agent" });
  });
});

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
const ed25519 = generateKeyPairSync("ed25519");
const passphrase = "open sesame";
const encryption = { cipher: "aes-256-cbc", passphrase };

describe("calls with the right key", () => {
  test.each<
    [name: string, pair: { publicKey: KeyObject }, text: string | Buffer, alg: string, alg2?: string]
  >([
    ["RSA in PKCS#1", rsa, rsa.privateKey.export({ type: "pkcs1", format: "pem" }), "PS256"],
    ["RSA in PKCS#8", rsa, rsa.privateKey.export({ type: "pkcs8", format: "pem" }), "RS256", "RS256"],
    ["RSA for RS512", rsa, rsa.privateKey.export({ type: "pkcs8", format: "pem" }), "RS512", "RS512"],
    ["P-256 in SEC1", p256, p256.privateKey.export({ type: "sec1", format: "pem" }), "ES256"],
    ["P-384 in PKCS#8", p384, p384.privateKey.export({ type: "pkcs8", format: "pem" }), "ES384"],
    ["P-521 in PKCS#8", p521, p521.privateKey.export({ type: "pkcs8", format: "pem" }), "ES512"],
    ["Ed25519 in PKCS#8", ed25519, ed25519.privateKey.export({ type: "pkcs8", format: "pem" }), "EdDSA"],
    [
      "Ed25519 by its newer name",
      ed25519,
      ed25519.privateKey.export({ type: "pkcs8", format: "pem" }),
      "Ed25519",
      "Ed25519",
    ],
    [
      "PEM with \\n written as two characters and quotes around",
      p256,
      `"${p256.privateKey.export({ type: "pkcs8", format: "pem" }).toString().replaceAll("\n", "\\n")}"`,
      "ES256",
    ],
    [
      "DER in base64",
      rsa,
      rsa.privateKey.export({ type: "pkcs1", format: "der" }).toString("base64"),
      "PS256",
    ],
    ["a JWK", p256, JSON.stringify(p256.privateKey.export({ format: "jwk" })), "ES256"],
    ["a JWKS", ed25519, JSON.stringify({ keys: [ed25519.privateKey.export({ format: "jwk" })] }), "EdDSA"],
  ])(
    "a key of the form %s signs an assertion that gets a token, and the call gets a response",
    async (_, pair, text, alg, set) => {
      const world = await startWorld({
        clients: [{ id: "signer", publicKey: publicHalf(pair.publicKey), alg }],
      });
      const config = keyConfig(world, {
        privateKey: { env: "KEY" },
        kid: false,
        ...(set !== undefined && { alg: set as "RS256" }),
      });
      const { auth, manager } = await createTestManager(world, { config, env: { KEY: String(text) } });
      expect(await (await viaFetchV2(manager)).echo("signed")).toBe("signed");
      expect(world.issuer.tokensIssued).toBe(1);
      expect(auth.status()[0]).not.toHaveProperty("kid");

      const [request] = world.issuer.tokenRequests;
      const assertion = String(request?.params["client_assertion"]);
      expect(decodeProtectedHeader(assertion)).toEqual({ alg, typ: "client-authentication+jwt" });
      const { iat = 0, ...claims } = decodeJwt(assertion);
      expect(claims).toEqual({
        iss: "signer",
        sub: "signer",
        aud: world.issuer.issuer,
        exp: iat + 60,
        jti: expect.stringMatching(/^[\w-]{20,}$/),
      });
      expect(request?.params).not.toHaveProperty("client_id");
      expect(request?.headers).not.toHaveProperty("authorization");
    },
  );

  test.each([
    ["PKCS#8", rsa.privateKey.export({ type: "pkcs8", format: "pem", ...encryption }), rsa, "PS256"],
    ["PKCS#1", rsa.privateKey.export({ type: "pkcs1", format: "pem", ...encryption }), rsa, "PS256"],
    ["SEC1", p256.privateKey.export({ type: "sec1", format: "pem", ...encryption }), p256, "ES256"],
  ])(
    "an encrypted %s file with its passphrase works, with the key's thumbprint as kid",
    async (_, text, pair, alg) => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, "agent.pem"), text, { mode: 0o600 });
      const { calculateJwkThumbprint } = await import("jose");
      const kid = await calculateJwkThumbprint(publicHalf(pair.publicKey));
      const world = await startWorld({
        clients: [{ id: "signer", publicKey: publicHalf(pair.publicKey, kid), alg }],
      });
      const config = keyConfig(world, {
        privateKey: { file: "./agent.pem" },
        passphrase: { env: "PASSPHRASE" },
      });
      const { manager } = await createTestManager(world, {
        config,
        cwd: folder,
        env: { PASSPHRASE: passphrase },
      });
      const { accessToken } = await manager.getToken();
      expect(decodeJwt(accessToken)["client_id"]).toBe("signer");
      expect(manager.status()).toMatchObject({ state: "fresh", kid });
    },
  );

  test("each token request has its own assertion, including the retries of a failed one", async () => {
    const world = await startWorld({
      clients: [{ id: "signer", publicKey: publicHalf(ed25519.publicKey), alg: "EdDSA" }],
    });
    const config = keyConfig(world, { privateKey: { env: "KEY" }, kid: false });
    const fast = { ...config, defaults: { retry: { min: "1ms", max: "1ms" } } } as const;
    const KEY = String(ed25519.privateKey.export({ type: "pkcs8", format: "pem" }));
    const { manager } = await createTestManager(world, { config: fast, env: { KEY } });
    world.issuer.failNext(2, 503);
    await manager.getToken();
    await manager.getToken({ forceRefresh: true });
    const ids = world.issuer.tokenRequests.map(
      ({ params }) => decodeJwt(String(params["client_assertion"])).jti,
    );
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(4);
  });
});

test("a public client sends its client id and no credential", async () => {
  const world = await startWorld({ clients: [{ id: "public" }] });
  const config = {
    servers: {
      tools: { url: world.mcp.url, grant: { client: { issuer: world.issuer.issuer, id: "public" } } },
    },
  };
  const { manager } = await createTestManager(world, { config });
  expect(await (await viaFetchV2(manager)).echo("x")).toBe("x");
  const [request] = world.issuer.tokenRequests;
  expect(request?.params).toEqual({
    grant_type: "client_credentials",
    client_id: "public",
    resource: world.mcp.url,
  });
  expect(request?.headers).not.toHaveProperty("authorization");
});
