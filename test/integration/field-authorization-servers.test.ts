// What authorization servers in the field really do, as people have reported it. Each test is one report.
import { createHash, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { selfSigned } from "../support/certificates.js";
import { type Handler, type RecordedRequest, sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { defaultToken, field, publish, sendPage, wrongMetadata } from "./field.js";
import { sendToken } from "./harness.js";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** The client authenticates with a key. */
const withKey = {
  env: { KEY: pem },
  config: ({ issuer }: { readonly issuer: string }) => ({
    grant: { client: { issuer, id: "agent", key: { privateKey: { env: "KEY" } } } },
  }),
};

describe("metadata", () => {
  test.each(wrongMetadata)(
    "the first well-known URL of the authorization server answers with %s, while the next one is right",
    async (_, wrong) => {
      const { call, warnings } = await field({
        issuer: (place) => (request, response) => {
          if (request.url === "/.well-known/oauth-authorization-server") return wrong(request, response);
          return request.url === "/.well-known/openid-configuration"
            ? sendJson(response, { issuer: place.issuer, token_endpoint: `${place.issuer}/token` })
            : sendJson(response, {}, 404);
        },
      });
      expect(await call()).toBe(200);
      expect(warnings).toEqual([]);
    },
  );

  test("an authorization server in a single-page application answers 200 with HTML for any path, so its token endpoint comes from the config", async () => {
    const { call } = await field({
      issuer: () => (_request, response) => sendPage(response),
      config: ({ issuer }) => ({
        grant: {
          client: {
            ...{ issuer, id: "agent", secret: { env: "S" } },
            metadata: { tokenEndpoint: `${issuer}/token` },
          },
        },
      }),
    });
    expect(await call()).toBe(200);
  });

  test("grant_types_supported is incomplete: client credentials work although they are not listed", async () => {
    const { call } = await field({ metadata: { grant_types_supported: ["authorization_code"] } });
    expect(await call()).toBe(200);
  });
});

describe("rejections", () => {
  test.each<[whose: string, status: number, body: object]>([
    ["ServiceNow rejects a client with 401 server_error", 401, { error: "server_error" }],
    ["an authorization server rejects a client with 401 access_denied", 401, { error: "access_denied" }],
    ["an authorization server rejects a client with 403 and an empty body", 403, {}],
  ])("%s, and it is not retried", async (_, status, body) => {
    const { manager, tokenRequests } = await field({
      token: (_request, response) =>
        Object.keys(body).length === 0
          ? void response.writeHead(status).end()
          : sendJson(response, body, status),
      config: () => ({ retry: { attempts: 4 } }),
    });
    const error = await rejectionOf(manager.getAccessToken());
    expect(error).toMatchObject({ code: "token_request_rejected", retryable: false });
    expect(tokenRequests()).toHaveLength(1);
  });
});

describe("explanations", () => {
  test("Entra says 400 unauthorized_client for an application that does not exist, and the message shows the numeric code and says so", async () => {
    const { manager } = await field({
      token: (_request, response) =>
        sendJson(response, { error: "unauthorized_client", error_codes: [700016] }, 400),
      config: ({ issuer }) => ({
        grant: {
          client: {
            issuer: "https://login.microsoftonline.com/8e7a4d5c-3b21-4f6e-9a70-1c2d3e4f5a6b/v2.0",
            ...{ id: "agent", secret: { env: "S" } },
            metadata: { tokenEndpoint: `${issuer}/token` },
          },
        },
      }),
    });
    const { message } = await rejectionOf(manager.getAccessToken());
    expect(message).toContain("700016");
    expect(message).toContain("The tenant has no application with this client id.");
    expect(message).not.toContain("grant type");
  });

  test("Google says unauthorized_client where domain-wide delegation is missing", async () => {
    const { manager } = await field({
      token: (_request, response) => sendJson(response, { error: "unauthorized_client" }, 401),
      env: withKey.env,
      config: ({ issuer }) => ({
        grant: {
          type: "jwt_bearer",
          client: { issuer: "https://accounts.google.com", metadata: { tokenEndpoint: `${issuer}/token` } },
          assertion: {
            ...{ key: { privateKey: { env: "KEY" } }, issuer: "robot@example", subject: "person@example" },
          },
        },
      }),
    });
    const { message } = await rejectionOf(manager.getAccessToken());
    expect(message).toContain("domain-wide delegation");
  });

  test("Hydra and others list both secret methods and take only the one registered", async () => {
    const { manager } = await field({
      metadata: { token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"] },
      token: (request, response) =>
        new URLSearchParams(request.body).has("client_secret")
          ? defaultToken(request, response)
          : sendJson(response, { error: "invalid_client" }, 401),
    });
    const { message } = await rejectionOf(manager.getAccessToken());
    expect(message.indexOf('"id"')).toBeLessThan(message.indexOf('"method": "client_secret_post"'));
  });
});

describe("client authentication", () => {
  test("some servers do not decode Basic credentials", async () => {
    const secret = "a b+c%";
    const { call } = await field({
      token: ({ headers }, response) => {
        const basic = Buffer.from(String(headers.authorization).replace("Basic ", ""), "base64").toString();
        return basic === `agent:${secret}`
          ? sendToken(response, "granted", 600)
          : sendJson(response, {}, 401);
      },
      env: { S: secret },
      config: ({ issuer }) => ({
        grant: { client: { issuer, id: "agent", secret: { env: "S" }, basicEncoding: "raw" } },
      }),
    });
    expect(await call()).toBe(200);
  });

  test("some servers accept only the token endpoint as assertion audience", async () => {
    const { call } = await field({
      token: async (request, response) => {
        const { aud } = await claimsOf(request);
        return String(aud).endsWith("/token")
          ? sendToken(response, "granted", 600)
          : sendJson(response, { error: "invalid_client" }, 401);
      },
      env: withKey.env,
      config: ({ issuer }) => ({
        grant: {
          client: {
            ...{ issuer, id: "agent", key: { privateKey: { env: "KEY" } } },
            assertionAudience: "token_endpoint",
          },
        },
      }),
    });
    expect(await call()).toBe(200);
  });

  test.each([-2, 90])(
    "a server without leeway has a clock that differs by %i seconds from the machine's",
    async (seconds) => {
      const { call, warnings } = await field({
        ...withKey,
        issuer: (place) => (request, response) => {
          setDate(response, seconds);
          return publish(place)(request, response);
        },
        token: async (request, response) => {
          setDate(response, seconds);
          const now = Date.now() / 1_000 + seconds;
          const { iat = 0, exp = 0 } = await claimsOf(request);
          return iat <= now && now < exp
            ? defaultToken(request, response)
            : sendJson(response, { error: "invalid_client" }, 401);
        },
      });
      expect(await call()).toBe(200);
      expect(warnings.every(({ code }) => code === "clock_skew")).toBe(true);
    },
  );
});

describe("requests", () => {
  const secretClient = (issuer: string) => ({ issuer, id: "agent", secret: { env: "S" } });

  test("Zoom has a grant of its own, account_credentials", async () => {
    const { call, tokenRequests } = await field({
      config: ({ issuer }) => ({
        grant: {
          type: "extension",
          ...{ client: secretClient(issuer), resource: false },
          ...{ grantType: "account_credentials", params: { account_id: "a1b2" } },
        },
      }),
    });
    expect(await call()).toBe(200);
    expect(tokenRequests().map(String)).toEqual(["grant_type=account_credentials&account_id=a1b2"]);
  });

  test.each(["x5t", "x5c"] as const)(
    "AD FS wants `x5t`, some Entra tenants want `x5c`: %s is sent",
    async (header) => {
      const { certificate, privateKey: key } = await selfSigned();
      const { call, tokenRequests } = await field({
        env: { KEY: key, CERT: certificate },
        config: ({ issuer }) => ({
          grant: {
            client: {
              ...{ issuer, id: "agent" },
              key: { privateKey: { env: "KEY" }, certificate: { env: "CERT" }, certificateHeaders: [header] },
            },
          },
        }),
      });
      expect(await call()).toBe(200);
      const { raw } = new X509Certificate(certificate);
      const expected = {
        x5t: createHash("sha1").update(raw).digest("base64url"),
        x5c: [raw.toString("base64")],
      };
      const [form] = tokenRequests();
      expect(decodeProtectedHeader(form?.get("client_assertion") ?? "")[header]).toEqual(expected[header]);
    },
  );

  test("Apigee calls the type of its tokens BearerToken, which is accepted with a warning", async () => {
    const { call, warnings } = await field({
      token: (_request, response) =>
        sendJson(response, { access_token: "granted", token_type: "BearerToken", expires_in: 600 }),
    });
    expect(await call()).toBe(200);
    expect(warnings).toHaveLength(1);
  });

  test("Google's JWT bearer grant with target_audience returns only an id_token, which Cloud Run wants", async () => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { aud: "https://service.example", iat: now, exp: now + 3_600 };
    const idToken = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
    const { manager, tokenRequests } = await field({
      token: (_request, response) => sendJson(response, { id_token: idToken }),
      env: withKey.env,
      config: ({ issuer }) => ({
        grant: {
          ...{ type: "jwt_bearer", use: "id_token", client: { issuer }, resource: false },
          assertion: {
            ...{ key: { privateKey: { env: "KEY" } }, issuer: "robot@example", subject: "robot@example" },
            claims: { target_audience: "https://service.example" },
          },
        },
      }),
    });
    expect(await manager.getAccessToken()).toBe(idToken);
    expect(decodeJwt(tokenRequests()[0]?.get("assertion") ?? "")).toMatchObject({
      target_audience: "https://service.example",
    });
  });

  test("Databricks exchanges a token without a client id", async () => {
    const { call, tokenRequests } = await field({
      env: { JOB_TOKEN: "of.the.job" },
      config: ({ issuer }) => ({
        grant: {
          ...{ type: "token_exchange", client: { issuer }, resource: false, scopes: ["all-apis"] },
          subject: { token: { env: "JOB_TOKEN" }, type: "jwt" },
        },
      }),
    });
    expect(await call()).toBe(200);
    expect(Object.fromEntries(tokenRequests()[0] ?? [])).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      scope: "all-apis",
      subject_token: "of.the.job",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    });
  });

  test("Entra's on-behalf-of is the JWT bearer grant with the token of the user and requested_token_use", async () => {
    const { manager, tokenRequests } = await field({
      config: ({ issuer }) => ({
        grant: {
          ...{ type: "jwt_bearer", client: secretClient(issuer), resource: false },
          ...{ assertion: { runtime: true as const }, params: { requested_token_use: "on_behalf_of" } },
        },
      }),
    });
    const subjectToken = `e30.${Buffer.from(JSON.stringify({ sub: "alice" })).toString("base64url")}.c2ln`;
    expect(await manager.for({ key: "alice", subjectToken }).getAccessToken()).toBe("granted");
    expect(Object.fromEntries(tokenRequests()[0] ?? [])).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: subjectToken,
      requested_token_use: "on_behalf_of",
    });
  });

  test("some servers want a header or an API key at the token endpoint", async () => {
    const { call, mcpServer } = await field({
      token: (request, response) =>
        request.headers["x-api-key"] === "k3y"
          ? defaultToken(request, response)
          : sendJson(response, { error: "invalid_request" }, 400),
      env: { S: "s3cr3t", API_KEY: "k3y" },
      config: ({ issuer }) => ({
        grant: { client: { ...secretClient(issuer), headers: { "X-API-Key": { env: "API_KEY" } } } },
      }),
    });
    expect(await call()).toBe(200);
    expect(mcpServer.requests.filter(({ headers }) => headers["x-api-key"] !== undefined)).toEqual([]);
  });

  test("Cloudflare Access in front of an authorization server wants its headers on the metadata too", async () => {
    const { call } = await field({
      issuer: (place) => (request, response) =>
        request.headers["cf-access-client-id"] === "agent.access"
          ? publish(place)(request, response)
          : void response.writeHead(302, { location: "https://login.example" }).end(),
      config: ({ issuer }) => ({
        grant: { client: { ...secretClient(issuer), headers: { "CF-Access-Client-Id": "agent.access" } } },
      }),
    });
    expect(await call()).toBe(200);
  });

  test("one variable holds JSON with several values", async () => {
    const { call, authorizationServer } = await field({
      env: {
        VCAP_SERVICES: JSON.stringify({ xsuaa: [{ credentials: { clientsecret: "of-the-service" } }] }),
      },
      config: ({ issuer }) => ({
        grant: {
          client: {
            ...{ issuer, id: "agent" },
            secret: { env: "VCAP_SERVICES", pointer: "/xsuaa/0/credentials/clientsecret" },
          },
        },
      }),
    });
    expect(await call()).toBe(200);
    const { headers } = authorizationServer.requests.at(-1) ?? {};
    expect(headers?.authorization).toBe(`Basic ${btoa("agent:of-the-service")}`);
  });
});

describe("keys", () => {
  const base64 = Buffer.from(pem).toString("base64");
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(pem, "utf16le")]);
  const der = privateKey.export({ type: "pkcs8", format: "der" });

  test.each<[shape: string, value: string]>([
    ["with \\n written out", pem.replaceAll("\n", "\\n")],
    ["with \\n written out, and quotes around them", JSON.stringify(pem)],
    ["with \\n written out twice", pem.replaceAll("\n", "\\\\n")],
    ["with line breaks turned into spaces", pem.replaceAll("\n", " ")],
    ["as the base64 of a PEM", base64],
  ])("keys arrive in variables %s", async (_, value) => {
    const { call, tokenRequests } = await field({ ...withKey, env: { KEY: value } });
    expect(await call()).toBe(200);
    const assertion = tokenRequests()[0]?.get("client_assertion") ?? "";
    await expect(jwtVerify(assertion, createPublicKey(privateKey))).resolves.toBeDefined();
  });

  test.each<[shape: string, content: Buffer]>([
    ["DER", der],
    ["UTF-16", utf16],
  ])("keys arrive in files as %s", async (_, content) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "agent.key"), content, { mode: 0o600 });
    const { call } = await field({
      config: ({ issuer }) => ({
        grant: {
          client: { issuer, id: "agent", key: { privateKey: { file: join(folder, "agent.key") } } },
        },
      }),
    });
    expect(await call()).toBe(200);
  });
});

function setDate(response: Parameters<Handler>[1], seconds: number): void {
  response.setHeader("date", new Date(Date.now() + seconds * 1_000).toUTCString());
}

/** Verifies the signature of a client assertion and returns its claims. */
async function claimsOf({ body }: RecordedRequest) {
  const assertion = new URLSearchParams(body).get("client_assertion") ?? "";
  // The server's own check of the time is the point of some tests.
  const { payload } = await jwtVerify(assertion, createPublicKey(privateKey), { clockTolerance: 3_600 });
  return payload;
}
