import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { calculateJwkThumbprint, decodeJwt, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { createAuthority, selfSigned } from "../support/certificates.js";
import { type RecordedRequest, sendJson, startHttpServer } from "../support/http-server.js";
import { listen } from "../support/listen.js";
import { certificateThumbprint, clientCertificate, serverTls } from "../support/mutual-tls.js";
import { snippets } from "../support/snippets.js";

const marked = snippets(new URL("../../", import.meta.url), "docs/providers.md").filter(
  ({ language }) => language === "json",
);

const grants = {
  clientCredentials: "client_credentials",
  jwtBearer: "urn:ietf:params:oauth:grant-type:jwt-bearer",
};
const assertionType = (name: string) => `urn:ietf:params:oauth:client-assertion-type:${name}`;
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** Creates a JWT as a platform might issue it. */
function platformToken(sub: string, aud: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + 600;
  return `${part({ alg: "RS256", kid: "platform" })}.${part({ sub, aud, exp })}.c2lnbmVk`;
}

/** A simulated product: its metadata as the product publishes it, and the files and variables of the machine. */
interface Product {
  /** Path of the metadata. All other metadata paths answer 404. */
  readonly metadataAt: string;
  /** Members of the metadata. `issuer` and `token_endpoint` are paths. */
  readonly metadata: {
    readonly issuer: string;
    readonly token_endpoint: string;
    readonly [name: string]: unknown;
  };
  readonly env?: Readonly<Record<string, string>>;
  /** The resource metadata of the MCP server. `at`, `resource` and `issuer` are paths. */
  readonly resourceMetadata?: { readonly at: string; readonly resource: string; readonly issuer: string };
  /** Contents of files by their path in the config. */
  readonly files?: Readonly<Record<string, string>>;
}

interface SentRequests {
  readonly origin: string;
  readonly request: RecordedRequest;
  readonly form: URLSearchParams;
  /** Requests for the ID token of a GitHub Actions job. */
  readonly others: readonly RecordedRequest[];
  /** Paths of all requests to the origin. */
  readonly requestedPaths: readonly string[];
}

const hosts =
  /https:\/\/(login\.microsoftonline|acme\.okta|acme\.eu\.auth0|keycloak\.example|accounts\.google|(?:compute|oauth2)\.googleapis|auth\.example|mcp\.example|cognito-idp\.eu-central-1\.amazonaws)\.com/g;

/** Returns a config of the page, with the hosts replaced by this origin and the files by files in this folder. */
function configOf(mark: string, origin: string, folder: string): string {
  const snippet = marked.find((one) => one.mark === mark);
  if (snippet === undefined) throw new Error(`docs/providers.md has no config with the mark ${mark}.`);
  return snippet.code.replaceAll(hosts, origin).replaceAll(/"\/(?=(var|run|opt)\/)/g, `"${folder}/`);
}

async function inFolder<T>(
  files: Readonly<Record<string, string>>,
  run: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "providers-"));
  try {
    for (const [path, content] of Object.entries(files)) {
      const place = join(folder, path);
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, content);
      if (content.startsWith("#!")) await chmod(place, 0o700);
    }
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Calls the MCP server of a config, which requests a token. */
async function call(
  config: string,
  origin: string,
  folder: string,
  env: Record<string, string>,
): Promise<void> {
  const path = join(folder, "mcp-auth.config.json");
  await writeFile(path, config, { mode: 0o600 });
  const auth = await createMcpAuth({ config: path, cwd: folder, env });
  try {
    const [name = ""] = auth.servers;
    const response = await auth.resolve(name).fetch(`${origin}/${name}`, { method: "POST", body: "{}" });
    expect(response.status).toBe(200);
  } finally {
    await auth.stop();
  }
}

/** Runs a config of the page and returns its request to the product's token endpoint. */
async function ask(mark: string, product: Product): Promise<SentRequests> {
  await using elsewhere = await startHttpServer((_, response) => grantToken(response));
  await using server = await startHttpServer((request, response) => {
    const { origin } = server;
    const at = (path: string) =>
      path.startsWith("elsewhere") ? path.replace("elsewhere", elsewhere.origin) : origin + path;
    const { issuer, token_endpoint, ...more } = product.metadata;
    if (request.url === product.metadataAt) {
      return sendJson(response, { issuer: at(issuer), token_endpoint: at(token_endpoint), ...more });
    }
    const { resourceMetadata } = product;
    if (request.url === resourceMetadata?.at) {
      const { resource, issuer: listed } = resourceMetadata;
      return sendJson(response, { resource: at(resource), authorization_servers: [at(listed)] });
    }
    if (request.method === "POST" && request.url === token_endpoint) return grantToken(response);
    if (request.url.startsWith("/id-token?")) return sendJson(response, { value: product.env?.["ID_TOKEN"] });
    if (request.method === "POST") return sendJson(response, {});
    response.writeHead(404).end();
  });
  const { origin } = server;
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/id-token?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-token",
    ...product.env,
  };
  await inFolder(product.files ?? {}, (folder) => call(configOf(mark, origin, folder), origin, folder, env));

  const isTokenRequest = ({ method, headers }: RecordedRequest) =>
    method === "POST" && (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
  const [request, another] = [...server.requests, ...elsewhere.requests].filter(isTokenRequest);
  if (request === undefined || another !== undefined)
    throw new Error("There was not exactly one token request.");
  const others = server.requests.filter((one) => one.url.startsWith("/id-token"));
  const requestedPaths = server.requests.map(({ url }) => url);
  return { origin, request, form: new URLSearchParams(request.body), others, requestedPaths };
}

function grantToken(response: Parameters<typeof sendJson>[0]): void {
  sendJson(response, { access_token: "granted", token_type: "Bearer", expires_in: 3600 });
}

/** Verifies an assertion in the form and returns its header and claims. */
async function verified(form: URLSearchParams, field: string, key: KeyObject) {
  const { payload, protectedHeader } = await jwtVerify(form.get(field) ?? "", key);
  const { jti, iat = 0, exp = 0, ...claims } = payload;
  return { header: protectedHeader, claims, jti: jti ?? "", lifetime: exp - iat };
}

function basic({ headers }: RecordedRequest): string {
  const encoded = /^Basic (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  return Buffer.from(encoded, "base64").toString("utf8");
}

const fields = (form: URLSearchParams) => [...form.keys()].sort();
const uuid = /^[0-9a-f-]{36}$/;

test("docs/providers.md has exactly the configs that these tests run", () => {
  const tried = [
    ...["entra-secret", "entra-certificate", "entra-github", "entra-kubernetes", "okta"],
    ...["auth0-secret", "auth0-key", "keycloak-key", "keycloak-kubernetes", "cognito", "google"],
    ...["google-mcp", "github", "kubernetes", "spiffe-file", "spiffe-agent", "spiffe-x509"],
  ];
  expect(marked.map(({ mark }) => mark)).toEqual(tried);
});

describe("Microsoft Entra ID", () => {
  const tenant = "/8e7a4d5c-3b21-4f6e-9a70-1c2d3e4f5a6b";
  const id = "2f1c9d84-6a35-4b7e-8c90-d1e2f3a4b5c6";
  const scope = "api://5b6c7d8e-9f01-4a2b-8c3d-4e5f6a7b8c9d/.default";
  const entra = {
    metadataAt: `${tenant}/v2.0/.well-known/openid-configuration`,
    metadata: {
      issuer: `${tenant}/v2.0`,
      token_endpoint: `${tenant}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    },
  };

  test("the Entra ID config with a secret sends one .default scope and no resource", async () => {
    const env = { ENTRA_CLIENT_SECRET: "a~b+c" };
    const { request, form } = await ask("entra-secret", { ...entra, env });
    expect(Object.fromEntries(form)).toEqual({ grant_type: grants.clientCredentials, scope });
    expect(basic(request)).toBe(`${id}:a%7Eb%2Bc`);
  });

  test("the Entra ID config with a certificate sends an assertion with x5t#S256 for the token endpoint, and client_id", async () => {
    const { certificate, privateKey } = await selfSigned({ keyType: "rsa" });
    const files = { "entra.key": privateKey, "entra.crt": certificate };
    const { request, form, origin } = await ask("entra-certificate", { ...entra, files });
    expect(request.headers.authorization).toBeUndefined();
    expect(fields(form)).toEqual([
      "client_assertion",
      "client_assertion_type",
      "client_id",
      "grant_type",
      "scope",
    ]);
    expect(form.get("client_id")).toBe(id);
    expect(form.get("client_assertion_type")).toBe(assertionType("jwt-bearer"));
    const key = createPublicKey(createPrivateKey(privateKey));
    const { header, claims, jti, lifetime } = await verified(form, "client_assertion", key);
    expect(header).toEqual({ alg: "PS256", typ: "JWT", "x5t#S256": certificateThumbprint(certificate) });
    expect(claims).toEqual({ iss: id, sub: id, aud: `${origin}${tenant}/oauth2/v2.0/token` });
    expect(jti).toMatch(uuid);
    expect(lifetime).toBeLessThanOrEqual(600);
  });

  test("the Entra ID config for GitHub Actions requests the job's token for its audience and sends it as assertion", async () => {
    const token = platformToken("repo:acme/agents:ref:refs/heads/main", "api://AzureADTokenExchange");
    const { form, others } = await ask("entra-github", { ...entra, env: { ID_TOKEN: token } });
    expect(Object.fromEntries(form)).toEqual({
      grant_type: grants.clientCredentials,
      client_id: id,
      scope,
      client_assertion_type: assertionType("jwt-bearer"),
      client_assertion: token,
    });
    const idTokenUrl = new URL(others[0]?.url ?? "", "http://runner");
    expect(Object.fromEntries(idTokenUrl.searchParams)).toEqual({
      "api-version": "2",
      audience: "api://AzureADTokenExchange",
    });
    expect(others[0]?.headers.authorization?.toLowerCase()).toBe("bearer request-token");
  });

  test("the Entra ID config for Kubernetes sends the pod's token as client assertion", async () => {
    const token = platformToken("system:serviceaccount:agents:billing", "api://AzureADTokenExchange");
    const files = { "var/run/secrets/azure/tokens/azure-identity-token": token };
    const { form } = await ask("entra-kubernetes", { ...entra, files });
    expect([form.get("client_id"), form.get("client_assertion"), form.has("resource")]).toEqual([
      id,
      token,
      false,
    ]);
  });
});

test("the Okta config sends an RS256 assertion for the token endpoint, and a custom scope", async () => {
  const files = {
    "okta.jwk.json": JSON.stringify({ ...rsa.privateKey.export({ format: "jwk" }), kid: "okta-1" }),
  };
  const { form, origin } = await ask("okta", {
    metadataAt: "/.well-known/oauth-authorization-server/oauth2/default",
    metadata: {
      issuer: "/oauth2/default",
      token_endpoint: "/oauth2/default/v1/token",
      token_endpoint_auth_methods_supported: [
        ...["client_secret_basic", "client_secret_post", "client_secret_jwt"],
        ...["private_key_jwt", "none"],
      ],
      token_endpoint_auth_signing_alg_values_supported: [
        ...["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"],
      ],
    },
    files,
  });
  expect(fields(form)).toEqual(["client_assertion", "client_assertion_type", "grant_type", "scope"]);
  expect([form.get("grant_type"), form.get("scope")]).toEqual([grants.clientCredentials, "invoices.read"]);
  const { header, claims, jti, lifetime } = await verified(form, "client_assertion", rsa.publicKey);
  expect(header).toEqual({ alg: "RS256", typ: "JWT", kid: "okta-1" });
  const id = "0oa1b2c3d4e5f6g7h8i9";
  expect(claims).toEqual({ iss: id, sub: id, aud: `${origin}/oauth2/default/v1/token` });
  expect(jti).toMatch(uuid);
  expect(lifetime).toBeLessThan(3_600);
});

describe("Auth0", () => {
  const id = "Qw3rTyUi0pAsDfGhJkLzXcVbNm123456";
  const auth0 = {
    metadataAt: "/.well-known/openid-configuration",
    metadata: {
      issuer: "/",
      token_endpoint: "/oauth/token",
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
      token_endpoint_auth_signing_alg_values_supported: ["RS256", "RS384", "PS256"],
    },
  };

  test("the Auth0 config with a secret sends it in the body, and the API as audience", async () => {
    const { request, form, origin } = await ask("auth0-secret", {
      ...auth0,
      env: { AUTH0_CLIENT_SECRET: "s3cret" },
    });
    expect(request.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(form)).toEqual({
      grant_type: grants.clientCredentials,
      client_id: id,
      client_secret: "s3cret",
      audience: `${origin}/billing`,
      scope: "read:invoices",
    });
  });

  test("the Auth0 config with a key sends an RS256 assertion for the issuer with its slash, without kid", async () => {
    const { form, origin } = await ask("auth0-key", {
      ...auth0,
      files: { "auth0.pem": pem(rsa.privateKey) },
    });
    const { header, claims, jti, lifetime } = await verified(form, "client_assertion", rsa.publicKey);
    expect(header).toEqual({ alg: "RS256", typ: "JWT" });
    expect(claims).toEqual({ iss: id, sub: id, aud: `${origin}/` });
    expect(jti).toMatch(uuid);
    expect(lifetime).toBeLessThanOrEqual(300);
    expect([form.get("audience"), form.has("resource")]).toEqual([`${origin}/billing`, false]);
  });
});

describe("Keycloak", () => {
  const keycloak = {
    metadataAt: "/realms/acme/.well-known/openid-configuration",
    metadata: {
      issuer: "/realms/acme",
      token_endpoint: "/realms/acme/protocol/openid-connect/token",
      token_endpoint_auth_methods_supported: [
        ...[
          "private_key_jwt",
          "client_secret_basic",
          "client_secret_post",
          "tls_client_auth",
          "client_secret_jwt",
        ],
      ],
      token_endpoint_auth_signing_alg_values_supported: [
        "PS384",
        "RS384",
        "EdDSA",
        "ES384",
        "HS256",
        "ES256",
        "RS256",
      ],
    },
  };

  test("the Keycloak config with a key sends an assertion for the realm with the key's thumbprint as kid, and the scope", async () => {
    const { form, origin } = await ask("keycloak-key", {
      ...keycloak,
      files: { "keycloak.pem": pem(p256.privateKey) },
    });
    expect(fields(form)).toEqual([
      "client_assertion",
      "client_assertion_type",
      "grant_type",
      "resource",
      "scope",
    ]);
    expect([form.get("scope"), form.get("resource")]).toEqual(["mcp-billing", `${origin}/billing`]);
    const { header, claims } = await verified(form, "client_assertion", p256.publicKey);
    const kid = await calculateJwkThumbprint(p256.publicKey.export({ format: "jwk" }));
    expect(header).toMatchObject({ alg: "ES256", kid });
    expect(claims).toEqual({ iss: "billing-agent", sub: "billing-agent", aud: `${origin}/realms/acme` });
  });

  test("the Keycloak config for Kubernetes sends the pod's token with its subject as client_id", async () => {
    const subject = "system:serviceaccount:agents:billing";
    const token = platformToken(subject, "https://keycloak.example.com/realms/acme");
    const { form } = await ask("keycloak-kubernetes", {
      ...keycloak,
      files: { "var/run/secrets/tokens/keycloak": `${token}\n` },
    });
    expect(form.get("client_assertion_type")).toBe(assertionType("jwt-bearer"));
    expect(form.get("client_assertion")).toBe(token);
    expect(form.get("client_id")).toBe(decodeJwt(token).sub);
  });

  test("the Keycloak config for SPIFFE sends the JWT-SVID of the SPIRE agent as a jwt-spiffe assertion", async () => {
    const subject = "spiffe://example.com/agents/billing";
    const token = platformToken(subject, "https://keycloak.example.com/realms/acme");
    const printed = JSON.stringify([{ svids: [{ spiffe_id: subject, svid: token }] }, { bundles: {} }]);
    const agent = `#!${process.execPath}\nconst audience = process.argv[process.argv.indexOf("-audience") + 1];
if (!audience.endsWith("/realms/acme") || !process.argv.includes("json")) process.exit(1);
console.log(${JSON.stringify(printed)});\n`;
    const { form } = await ask("spiffe-agent", {
      ...keycloak,
      files: { "opt/spire/bin/spire-agent": agent },
    });
    expect(form.get("client_assertion_type")).toBe(assertionType("jwt-spiffe"));
    expect(form.get("client_assertion")).toBe(token);
    expect(form.get("client_id")).toBe(subject);
  });
});

test("the Amazon Cognito config sends Basic credentials to the domain of the pool, and a custom scope", async () => {
  const { request, form, origin } = await ask("cognito", {
    metadataAt: "/eu-central-1_AbCdEfGhI/.well-known/openid-configuration",
    metadata: {
      issuer: "/eu-central-1_AbCdEfGhI",
      token_endpoint: "elsewhere/oauth2/token",
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    },
    env: { COGNITO_CLIENT_SECRET: "s3cret" },
  });
  expect(`http://${request.headers.host}`).not.toBe(origin);
  expect(request.url).toBe("/oauth2/token");
  expect(Object.fromEntries(form)).toEqual({
    grant_type: grants.clientCredentials,
    scope: `${origin}/billing/invoices.read`,
  });
  expect(basic(request)).toBe("5k3j2h1g4f6d7s8a9p0o1i2u3y:s3cret");
});

describe("Google", () => {
  const account = "agent@acme-project.iam.gserviceaccount.com";
  const kid = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
  const keyFile = {
    type: "service_account",
    private_key_id: kid,
    private_key: pem(rsa.privateKey),
    client_email: account,
  };
  const files = { "service-account.json": JSON.stringify(keyFile) };

  test("the Google config sends an assertion that contains the scopes, and no client", async () => {
    const { request, form } = await ask("google", {
      metadataAt: "/.well-known/openid-configuration",
      metadata: {
        issuer: "",
        // On another host, as at Google.
        token_endpoint: "elsewhere/token",
        token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
      },
      files,
    });
    expect(request.headers.authorization).toBeUndefined();
    expect(fields(form)).toEqual(["assertion", "grant_type"]);
    expect(form.get("grant_type")).toBe(grants.jwtBearer);
    const { header, claims, lifetime } = await verified(form, "assertion", rsa.publicKey);
    expect(header).toEqual({ alg: "RS256", typ: "JWT", kid });
    expect(claims).toEqual({
      iss: account,
      sub: account,
      aud: `http://${request.headers.host}/token`,
      scope: "https://www.googleapis.com/auth/cloud-platform",
    });
    expect(lifetime).toBeLessThanOrEqual(3_600);
  });

  test("the config for Google's MCP servers accepts an issuer with a slash and requests no issuer metadata", async () => {
    const { request, form, origin, requestedPaths } = await ask("google-mcp", {
      // As Google publishes it, without the slash.
      metadataAt: "/.well-known/openid-configuration",
      metadata: { issuer: "", token_endpoint: "/token" },
      resourceMetadata: { at: "/.well-known/oauth-protected-resource/mcp", resource: "/mcp", issuer: "/" },
      files,
    });
    expect(requestedPaths).toContain("/.well-known/oauth-protected-resource/mcp");
    expect(requestedPaths).not.toContain("/.well-known/openid-configuration");
    expect(request.headers.authorization).toBeUndefined();
    expect(fields(form)).toEqual(["assertion", "grant_type"]);
    const { claims } = await verified(form, "assertion", rsa.publicKey);
    expect(claims).toEqual({
      iss: account,
      sub: account,
      aud: `${origin}/token`,
      scope: "https://www.googleapis.com/auth/compute",
    });
  });
});

describe("an authorization server that trusts the platform", () => {
  const trusting = {
    metadataAt: "/.well-known/oauth-authorization-server",
    metadata: { issuer: "", token_endpoint: "/token", grant_types_supported: [grants.jwtBearer] },
  };

  test("the GitHub Actions config requests the job's token for the issuer and sends it as assertion", async () => {
    const token = platformToken("repo:acme/agents:ref:refs/heads/main", "https://auth.example.com");
    const { form, others, origin } = await ask("github", { ...trusting, env: { ID_TOKEN: token } });
    expect(Object.fromEntries(form)).toEqual({
      grant_type: grants.jwtBearer,
      assertion: token,
      scope: "deploy",
      resource: `${origin}/deploy`,
    });
    expect(new URL(others[0]?.url ?? "", origin).searchParams.get("audience")).toBe(origin);
  });

  test.each([
    ["kubernetes", "var/run/secrets/tokens/mcp"],
    ["spiffe-file", "run/spiffe/jwt_svid.token"],
  ])("the config %s sends the token in its file as assertion", async (mark, path) => {
    const token = platformToken("workload", "https://auth.example.com");
    const { form, origin } = await ask(mark, { ...trusting, files: { [path]: token } });
    expect(Object.fromEntries(form)).toEqual({
      grant_type: grants.jwtBearer,
      assertion: token,
      scope: "invoices.read",
      resource: `${origin}/billing`,
    });
  });
});

test("the X.509-SVID config presents the certificate at the alias endpoint and sends the SPIFFE ID as client_id", async () => {
  const authority = await createAuthority();
  const svid = await authority.issue({ client: true, subject: "C=US, O=SPIRE" });
  const seen: {
    path: string | undefined;
    thumbprint: string | undefined;
    body: string;
    authorization: unknown;
  }[] = [];
  const server = await listen(
    (origin) => async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.url === "/.well-known/oauth-authorization-server") {
        return sendJson(response, {
          issuer: origin,
          token_endpoint: `${origin}/token`,
          token_endpoint_auth_methods_supported: ["tls_client_auth"],
          mtls_endpoint_aliases: { token_endpoint: `${origin}/mtls/token` },
        });
      }
      if (request.method !== "POST") return void response.writeHead(404).end();
      const certificate = clientCertificate(request);
      seen.push({
        path: request.url,
        thumbprint: certificate && certificateThumbprint(certificate),
        body: Buffer.concat(chunks).toString("utf8"),
        authorization: request.headers.authorization,
      });
      grantToken(response);
    },
    await serverTls({ authority, askClients: true }),
  );
  const { origin } = server;
  const files = {
    "run/spiffe/svid.pem": svid.certificate,
    "run/spiffe/svid_key.pem": svid.privateKey,
    "ca.pem": authority.certificate,
  };
  await inFolder(files, async (folder) => {
    // Adds the test authority, which the config on the page cannot have.
    const config: object = JSON.parse(configOf("spiffe-x509", origin, folder));
    await call(JSON.stringify({ ...config, network: { ca: ["./ca.pem"] } }), origin, folder, {});
  });
  await server.close();
  const thumbprint = certificateThumbprint(svid.certificate);
  expect(seen.map(({ path }) => path)).toEqual(["/mtls/token", "/billing"]);
  expect(seen[0]).toMatchObject({ thumbprint, authorization: undefined });
  expect(Object.fromEntries(new URLSearchParams(seen[0]?.body))).toEqual({
    grant_type: grants.clientCredentials,
    client_id: "spiffe://example.com/agents/billing",
    scope: "invoices.read",
    resource: `${origin}/billing`,
  });
});
