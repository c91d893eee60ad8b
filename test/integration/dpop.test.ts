// DPoP (RFC 9449) with real servers: the bytes on the wire at both servers, and nonces that change.
import { createHash } from "node:crypto";
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
} from "jose";
import { expect, test } from "vitest";
import { authProvider } from "../../src/hosts/mcp-sdk.js";
import type { McpAuthConfig } from "../../src/index.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  createTestManager,
  createTestRuntime,
  recordEvents,
  startWorld,
  type World,
  type WorldOptions,
} from "./harness.js";
import { connectClient } from "./tool-client.js";

type DpopConfig = NonNullable<McpAuthConfig<"tools">["servers"]["tools"]["dpop"]>;

/** Starts servers that both require DPoP with nonces. */
function dpopWorld({ mcp, ...options }: WorldOptions = {}): Promise<World> {
  return startWorld({
    dpop: { nonces: true },
    ...options,
    mcp: { dpop: { required: true, nonces: true }, ...mcp },
  });
}

const withDpop = ({ config }: World, dpop: DpopConfig = true): McpAuthConfig<"tools"> => ({
  ...config,
  servers: { tools: { ...config.servers.tools, dpop } },
});

const proofOf = ({ headers }: { readonly headers: NodeJS.Dict<string | string[]> }) => {
  const jwt = String(headers["dpop"]);
  return { header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
};
const statuses = (world: World) => world.mcp.requests.map(({ status }) => status);

test("each request has its own proof for its method and URL, with the hash of the token at the MCP server", async () => {
  const world = await dpopWorld();
  const { manager } = await createTestManager({ ...world, config: withDpop(world) });
  const client = await connectClient(manager);
  expect(await client.call("echo", "hi")).toBe("hi");
  const [refused, granted, ...more] = world.issuer.tokenRequests;
  expect([refused?.error, granted?.status, more]).toEqual(["use_dpop_nonce", 200, []]);
  const proofs = [refused, granted, ...world.mcp.requests.filter(({ path }) => path === "/mcp")].flatMap(
    (request) => (request === undefined ? [] : [{ request, ...proofOf(request) }]),
  );
  const [token] = world.issuer.issued;
  for (const { request, header, claims } of proofs) {
    expect(header).toMatchObject({ typ: "dpop+jwt" });
    expect(header.jwk).not.toHaveProperty("d");
    expect(await calculateJwkThumbprint(header.jwk ?? {})).toBe(token?.jkt);
    const atIssuer = "url" in request;
    expect(claims).toMatchObject({
      htm: request.method,
      htu: atIssuer ? world.issuer.tokenEndpoint : world.mcp.url,
      iat: expect.any(Number),
    });
    expect(claims).not.toHaveProperty(atIssuer ? "ath" : "exp");
    if (atIssuer) continue;
    const [scheme, accessToken = ""] = (request.headers.authorization ?? "").split(" ");
    expect(scheme).toBe("DPoP");
    expect(claims["ath"]).toBe(createHash("sha256").update(accessToken).digest("base64url"));
  }
  const jtis = proofs.map(({ claims }) => claims.jti);
  expect(new Set(jtis).size).toBe(jtis.length);
});

test("a server sends its nonce once, and requests use it until the server changes it", async () => {
  const world = await dpopWorld();
  const { manager, auth } = await createTestManager({ ...world, config: withDpop(world) });
  const heard = recordEvents(auth);
  const client = await connectClient(manager);
  await client.call("echo", "one");
  expect(statuses(world).filter((status) => status === 401).length).toBe(1);
  // The client asks for an event stream in the background, which this server does not have.
  await expect.poll(() => statuses(world)).toContain(405);

  world.mcp.rotateNonce();
  expect(await client.call("echo", "two")).toBe("two");
  expect(statuses(world).slice(-2)).toEqual([401, 200]);
  world.mcp.rotateNonce(true);
  expect([await client.call("echo", "three"), await client.call("echo", "four")]).toEqual(["three", "four"]);
  const announced = proofOf(world.mcp.requests.at(-1) ?? { headers: {} }).claims["nonce"];
  expect(announced).not.toBe(proofOf(world.mcp.requests.at(-2) ?? { headers: {} }).claims["nonce"]);
  expect(statuses(world).filter((status) => status === 401).length).toBe(2);

  await manager.getToken({ forceRefresh: true });
  expect(world.issuer.tokenRequests.slice(2).map(({ status }) => status)).toEqual([200]);
  world.issuer.rotateNonces();
  await manager.getToken({ forceRefresh: true });
  expect(world.issuer.tokenRequests.slice(3).map(({ status }) => status)).toEqual([400, 200]);
  // A changed nonce does not count as a rejected token or a failed request.
  expect(heard.filter(({ event }) => event === "token:rejected" || event === "token:failed")).toEqual([]);
  expect(world.issuer.tokensIssued).toBe(3);
});

test("each token request has its own client assertion, even if only the nonce was missing", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(publicKey);
  const clients = [{ id: "agent", publicKey: { ...jwk, kid: await calculateJwkThumbprint(jwk) } }];
  const world = await dpopWorld({ clients });
  const client = { issuer: world.issuer.issuer, id: "agent", key: { privateKey: { env: "KEY" } } };
  const config = { servers: { tools: { url: world.mcp.url, grant: { client }, dpop: true as const } } };
  const { manager } = await createTestManager({ config, env: { KEY: await exportPKCS8(privateKey) } });
  expect(await (await connectClient(manager)).call("echo", "hi")).toBe("hi");
  const assertions = world.issuer.tokenRequests.map(({ params }) =>
    decodeJwt(String(params["client_assertion"])),
  );
  expect(assertions.length).toBe(2);
  expect(new Set(assertions.map(({ jti }) => jti)).size).toBe(2);
});

test("fifty concurrent calls with DPoP send one token request, and each call has its own proof", async () => {
  const world = await dpopWorld();
  const { manager } = await createTestManager({ ...world, config: withDpop(world) });
  const responses = await Promise.all(Array.from({ length: 50 }, () => manager.fetch(manager.url)));
  await Promise.all(responses.map((response) => response.body?.cancel()));
  expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(405));
  expect(world.issuer.tokensIssued).toBe(1);
  const jtis = world.mcp.requests
    .filter(({ path }) => path === "/mcp")
    .map((each) => proofOf(each).claims.jti);
  expect(new Set(jtis).size).toBe(jtis.length);
});

test("a revoked DPoP token is replaced by one that is bound to the same key", async () => {
  const world = await dpopWorld();
  const { manager } = await createTestManager({ ...world, config: withDpop(world) });
  const client = await connectClient(manager);
  const [first] = world.issuer.issued;
  world.mcp.revoke(first?.jti ?? "");
  expect(await client.call("echo", "hi")).toBe("hi");
  const [, second, ...more] = world.issuer.issued;
  expect([second?.jkt, more]).toEqual([first?.jkt, []]);
});

test("each manager has its own DPoP key unless the config names a shared one", async () => {
  const world = await dpopWorld();
  const { privateKey, publicKey } = await generateKeyPair("Ed25519", { extractable: true });
  const { tools } = world.config.servers;
  const named = { ...tools, dpop: { key: "proof" } };
  const auth = await createTestRuntime({
    config: {
      keys: { proof: { privateKey: { env: "KEY" } } },
      servers: { one: { ...tools, dpop: true }, two: { ...tools, dpop: true }, three: named, four: named },
    },
    env: { ...world.env, KEY: await exportPKCS8(privateKey) },
  });
  for (const name of ["one", "two", "three", "four"] as const) {
    expect(await (await connectClient(auth.resolve(name))).call("echo", name)).toBe(name);
  }
  const [one, two, three, four] = world.issuer.issued.map(({ jkt }) => jkt);
  expect(one).not.toBe(two);
  expect([three, four]).toEqual(Array(2).fill(await calculateJwkThumbprint(await exportJWK(publicKey))));
});

test.each(["ES256", "ES384", "EdDSA", "PS256", "RS256"] as const)(
  "a generated DPoP key fits the algorithm that the authorization server lists: %s",
  async (alg) => {
    const world = await startWorld({
      dpop: { algorithms: [alg] },
      mcp: { dpop: { required: true, algorithms: [alg] } },
    });
    const { manager } = await createTestManager({ ...world, config: withDpop(world) });
    expect(await (await connectClient(manager)).call("echo", alg)).toBe(alg);
    expect(proofOf(world.issuer.tokenRequests.at(-1) ?? { headers: {} }).header.alg).toBe(alg);
  },
);

test("a DPoP key that fits no algorithm of the authorization server is unsupported_by_server", async () => {
  const world = await startWorld({ dpop: { algorithms: ["PS256"] } });
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const config = withDpop(world, { key: { privateKey: { env: "KEY" } } });
  const { manager } = await createTestManager({
    config,
    env: { ...world.env, KEY: await exportPKCS8(privateKey) },
  });
  const error = await rejectionOf(manager.getToken());
  expect(error.code).toBe("unsupported_by_server");
  expect(error.message).toContain("PS256");
  expect(world.issuer.tokenRequests).toEqual([]);
});

test("a Bearer token in response to a DPoP proof is token_response_invalid", async () => {
  const world = await startWorld({ dpop: false });
  const { manager } = await createTestManager({ ...world, config: withDpop(world) });
  const error = await rejectionOf(manager.fetch(manager.url));
  expect([error.code, error.retryable]).toEqual(["token_response_invalid", false]);
  expect(world.issuer.tokensIssued).toBe(1);
  expect(world.mcp.requests.filter(({ path }) => path === "/mcp")).toEqual([]);
});

test("without DPoP in the config, a server that requires it answers 401", async () => {
  const world = await startWorld({ mcp: { dpop: { required: true } } });
  const { manager } = await createTestManager(world);
  const response = await manager.fetch(manager.url);
  await response.body?.cancel();
  expect(response.status).toBe(401);
});

test("a DPoP token is returned only with a proof, and getHeaders returns headers for one request", async () => {
  const world = await startWorld({ mcp: { dpop: { required: true } } });
  const { manager } = await createTestManager({ ...world, config: withDpop(world) });
  expect((await rejectionOf(manager.getAccessToken())).code).toBe("sender_constrained");
  expect((await rejectionOf(manager.getHeaders())).code).toBe("sender_constrained");
  expect((await rejectionOf(authProvider(manager).token())).code).toBe("sender_constrained");
  const headers = await manager.getHeaders({ method: "GET", url: manager.url });
  const send = async () => {
    const response = await fetch(manager.url, { headers });
    await response.body?.cancel();
    return response.status;
  };
  expect([await send(), await send()]).toEqual([405, 401]);
});
