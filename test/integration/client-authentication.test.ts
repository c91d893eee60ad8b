// Client authentication with a real authorization server: contents and algorithms of assertions, and errors before
// anything is sent. grants.test.ts tests each method with each grant.
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
} from "jose";
import { expect, test } from "vitest";
import type { McpAuthConfig, McpAuthOptions } from "../../src/index.js";
import type { AuthorizationServerOptions } from "../support/authorization-server.js";
import { createAuthority, selfSigned } from "../support/certificates.js";
import { certificateThumbprint } from "../support/mutual-tls.js";
import type { RegisteredClient } from "../support/registered-client.js";
import { rejectionOf } from "../support/rejection-of.js";
import { createTokenIssuer } from "../support/token-issuer.js";
import { agentSecret, createTestManager, recordEvents, startWorld, type World } from "./harness.js";

type GrantConfig = McpAuthConfig<"tools">["servers"]["tools"]["grant"];

const asymmetric = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

async function pemAndPublic(alg: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return {
    pem: await exportPKCS8(privateKey),
    publicKey: { ...jwk, kid: await calculateJwkThumbprint(jwk) },
  };
}

/** Starts a world with one client, registered as given, and creates a manager with the `client` config. */
async function agent(
  registered: Omit<RegisteredClient, "id"> & { readonly id?: string },
  client: object,
  setting: {
    readonly env?: Readonly<Record<string, string>>;
    readonly options?: Partial<AuthorizationServerOptions>;
    readonly runtime?: McpAuthOptions<"tools">;
  } = {},
) {
  const world = await startWorld({ clients: [{ id: "agent", ...registered }], ...setting.options });
  const { id = "agent" } = registered;
  // Built from parts.
  const grant = { client: { issuer: world.issuer.issuer, id, ...client } } as GrantConfig;
  const config = { servers: { tools: { url: world.mcp.url, grant, retry: { attempts: 1 } } } };
  return { world, ...(await createTestManager({ config, env: { ...setting.env } }, setting.runtime)) };
}

function lastAssertion({ issuer }: World) {
  const jwt = String(issuer.tokenRequests.at(-1)?.params["client_assertion"]);
  return { jwt, header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
}

test.each(asymmetric)("private_key_jwt uses %s if the server lists only that algorithm", async (alg) => {
  const { pem, publicKey } = await pemAndPublic(alg);
  const { world, manager } = await agent(
    { publicKey, alg },
    { key: { privateKey: { env: "KEY" } } },
    { env: { KEY: pem }, options: { signingAlgorithms: [alg] } },
  );
  await manager.getToken();
  const { header, claims } = lastAssertion(world);
  expect(header).toMatchObject({ alg, typ: "client-authentication+jwt" });
  expect(claims).toMatchObject({ iss: "agent", sub: "agent", aud: world.issuer.issuer });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBeLessThanOrEqual(300);
  expect(world.issuer.tokenRequests.map(({ status }) => status)).toEqual([200]);
});

test.each(asymmetric)(
  "private_key_jwt uses %s if the config sets it and the server lists all algorithms",
  async (alg) => {
    const { pem, publicKey } = await pemAndPublic(alg);
    const key = { privateKey: { env: "KEY" }, alg };
    const { world, manager } = await agent({ publicKey, alg }, { key }, { env: { KEY: pem } });
    await manager.getToken();
    expect(lastAssertion(world).header.alg).toBe(alg);
  },
);

test.each(["HS256", "HS384", "HS512"])(
  "client_secret_jwt uses %s if the server lists only that algorithm",
  async (alg) => {
    const secret = "x".repeat(64);
    const { world, manager } = await agent(
      { secret, method: "client_secret_jwt", alg },
      { secret: { env: "SECRET" }, method: "client_secret_jwt" },
      { env: { SECRET: secret }, options: { signingAlgorithms: [alg] } },
    );
    await manager.getToken();
    expect(lastAssertion(world).header.alg).toBe(alg);
    expect(JSON.stringify(world.issuer.tokenRequests)).not.toContain(secret);
  },
);

test("a key that fits no algorithm of the server is unsupported_by_server, and the message has the server's algorithms", async () => {
  const { pem, publicKey } = await pemAndPublic("RS256");
  const { world, manager } = await agent(
    { publicKey },
    { key: { privateKey: { env: "KEY" } } },
    {
      env: { KEY: pem },
      options: {
        signingAlgorithms: ["ES384", "RS256"],
        metadata: {
          token_endpoint_auth_signing_alg_values_supported: ["ES384", "EdDSA"],
        },
      },
    },
  );
  const error = await rejectionOf(manager.getToken());
  expect([error.code, error.retryable]).toEqual(["unsupported_by_server", false]);
  expect(error.message).toMatch(/ES384/);
  expect(world.issuer.tokenRequests).toEqual([]);
});

test.each([
  ["a secret", { secret: { env: "SECRET" } }, ["private_key_jwt"]],
  ["a key", { key: { privateKey: { env: "KEY" } } }, ["client_secret_basic", "none"]],
])(
  "%s is not used at a server that lists no method for it, and the message has the server's methods",
  async (_, credential, listed) => {
    const { pem } = await pemAndPublic("ES256");
    const { world, manager } = await agent({ secret: agentSecret }, credential, {
      env: { SECRET: agentSecret, KEY: pem },
      options: { metadata: { token_endpoint_auth_methods_supported: listed } },
    });
    const error = await rejectionOf(manager.getToken());
    expect(error.code).toBe("unsupported_by_server");
    for (const method of listed) expect(error.message).toContain(method);
    expect(world.issuer.tokenRequests).toEqual([]);
  },
);

test("a method that the config sets is used with a warning if the server does not list it", async () => {
  const { world, manager, auth } = await agent(
    { secret: agentSecret },
    { secret: { env: "SECRET" }, method: "client_secret_post" },
    {
      env: { SECRET: agentSecret },
      options: { metadata: { token_endpoint_auth_methods_supported: ["private_key_jwt"] } },
    },
  );
  const heard = recordEvents(auth);
  await manager.getToken();
  expect(world.issuer.tokenRequests).toMatchObject([{ status: 200, params: { client_secret: agentSecret } }]);
  expect(heard.filter(({ event }) => event === "token:warning")).toMatchObject([
    { code: "unsupported_by_server" },
  ]);
});

test("an assertion has the audience, type and kid that the config sets", async () => {
  const { pem, publicKey } = await pemAndPublic("ES256");
  const { world, manager } = await agent(
    { publicKey },
    {
      key: { privateKey: { env: "KEY" }, kid: false },
      assertionAudience: "token_endpoint",
      assertionType: "JWT",
    },
    { env: { KEY: pem } },
  );
  await manager.getToken();
  const { header, claims } = lastAssertion(world);
  expect(header).toEqual({ alg: "ES256", typ: "JWT" });
  expect(claims.aud).toBe(world.issuer.tokenEndpoint);
});

test("an assertion with an audience that the server refuses is sent only once", async () => {
  const { pem, publicKey } = await pemAndPublic("ES256");
  const { world, manager } = await agent(
    { publicKey },
    { key: { privateKey: { env: "KEY" } }, assertionAudience: "https://auth.elsewhere.example" },
    { env: { KEY: pem } },
  );
  const error = await rejectionOf(manager.getToken());
  expect([error.code, error.oauthError]).toEqual(["token_request_rejected", "invalid_client"]);
  expect(world.issuer.tokenRequests.length).toBe(1);
});

test("an assertion has the chain of the key's certificate if the config says so", async () => {
  const authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ subject: "CN=agent" });
  const { d: _, ...jwk } = createPrivateKey(privateKey).export({ format: "jwk" });
  const { world, manager } = await agent(
    // Node's type for a JWK has only members of type unknown.
    { publicKey: jwk as NonNullable<RegisteredClient["publicKey"]> },
    {
      key: {
        privateKey: { env: "KEY" },
        certificate: { env: "CERT" },
        certificateHeaders: ["x5t", "x5c"],
        kid: false,
      },
      assertionLifetime: "2m",
    },
    { env: { KEY: privateKey, CERT: `${certificate}${authority.certificate}` } },
  );
  await manager.getToken();
  const { header, claims } = lastAssertion(world);
  const der = [certificate, authority.certificate].map((pem) => new X509Certificate(pem).raw);
  expect(header).toEqual({
    alg: "ES256",
    typ: "client-authentication+jwt",
    x5t: createHash("sha1")
      .update(der[0] ?? "")
      .digest("base64url"),
    x5c: der.map((each) => each.toString("base64")),
  });
  expect(Number(claims.exp) - Number(claims.iat)).toBe(120);
});

test("an assertion has the thumbprint of the key's certificate", async () => {
  const { certificate, privateKey } = await selfSigned({ subject: "CN=agent" });
  const publicKey = createPrivateKey(privateKey).export({ format: "jwk" });
  const { d: _, ...jwk } = publicKey;
  const { world, manager } = await agent(
    // Node's type for a JWK has only members of type unknown.
    { publicKey: jwk as NonNullable<RegisteredClient["publicKey"]> },
    { key: { privateKey: { env: "KEY" }, certificate: { env: "CERT" }, kid: false } },
    { env: { KEY: privateKey, CERT: certificate } },
  );
  await manager.getToken();
  expect(lastAssertion(world).header["x5t#S256"]).toBe(certificateThumbprint(certificate));
});

test("an assertion of the platform is read for each token request and sent unchanged", async () => {
  const platform = await createTokenIssuer("agent");
  const [publicKey] = platform.keys;
  const handed: string[] = [];
  let audience = "";
  const { world, manager } = await agent(
    publicKey === undefined ? {} : { publicKey },
    { assertion: { resolver: "platform", ref: "us" } },
    {
      runtime: {
        resolvers: {
          platform: async () => {
            const jwt = await platform.sign({ sub: "agent", aud: audience });
            handed.push(jwt);
            return jwt;
          },
        },
      },
    },
  );
  audience = world.issuer.issuer;
  await manager.getToken();
  await manager.getToken({ forceRefresh: true });
  expect(world.issuer.tokenRequests.map(({ params }) => params["client_assertion"])).toEqual(handed);
  expect(new Set(handed).size).toBe(2);

  audience = "https://auth.elsewhere.example";
  const error = await rejectionOf(manager.getToken({ forceRefresh: true }));
  expect([error.code, error.oauthError]).toEqual(["token_request_rejected", "invalid_client"]);
  expect(world.issuer.tokenRequests.length).toBe(3);
  expect(error.message + String(error.stack)).not.toContain(handed.at(-1));
});

test("a client whose id is an https URL authenticates with a key from its client metadata document", async () => {
  const id = "https://agent.example/client.json";
  const jwksUri = "https://agent.example/jwks.json";
  const { pem, publicKey } = await pemAndPublic("ES256");
  const documents = {
    [jwksUri]: { keys: [publicKey] },
    [id]: {
      client_id: id,
      client_name: "Agent",
      jwks_uri: jwksUri,
      token_endpoint_auth_method: "private_key_jwt",
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: "ES256",
    },
  };
  const { world, manager } = await agent(
    { id },
    { key: { privateKey: { env: "KEY" } } },
    { env: { KEY: pem }, options: { clients: [], documents } },
  );
  await manager.getToken();
  expect(lastAssertion(world).claims).toMatchObject({ iss: id, sub: id });
  expect(world.issuer.issued).toMatchObject([{ clientId: id }]);
});
