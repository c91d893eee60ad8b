import { describe, expect, it } from "vitest";
import type { ClientSpec, EnterpriseManagedSpec } from "../../../../src/config/spec.js";
import { createDpop } from "../../../../src/dpop/dpop.js";
import { Secret } from "../../../../src/lib/secret.js";
import { tokenEndpointAsksToWait } from "../../../../src/oauth/error-marks.js";
import { type Handler, sendJson, startHttpServer } from "../../../support/http-server.js";
import {
  type AuthorizationServer,
  clock,
  failureOf,
  fieldsOf,
  type GrantSettings,
  grantOf,
  secretClient,
  signal,
  startAuthorizationServer,
  unsignedJwt,
} from "../fixtures.js";
import { issue } from "../sent-token-request.js";

const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const idJagType = "urn:ietf:params:oauth:token-type:id-jag";
const idTokenType = "urn:ietf:params:oauth:token-type:id_token";

const idToken = "canary-id-token";
const env = { CRM_SECRET: "canary-5ecret", IDP_SECRET: "canary-idp-5ecret", ID_TOKEN: idToken };
const canaries = [...Object.values(env), "canary", "eyJ"];

/** Answers as an identity provider, with another JWT each time. */
function idJags(more: object = {}): Handler {
  let count = 0;
  return (_, response) =>
    sendJson(response, {
      issued_token_type: idJagType,
      access_token: unsignedJwt({ jti: `canary-${++count}` }),
      token_type: "N_A",
      ...more,
    });
}

const refusing =
  (error: string, status = 400, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    sendJson(response, { error, error_description: "canary" }, status, headers);

interface Servers extends AsyncDisposable {
  readonly idp: AuthorizationServer;
  /** The MCP server, and its authorization server. */
  readonly mcp: AuthorizationServer;
}

async function servers(
  atIdp: Handler = idJags(),
  atMcp: Handler = issue,
  idpMetadata: object = {},
  mcpMetadata: object | (() => object) = {},
): Promise<Servers> {
  const idp = await startAuthorizationServer(atIdp, idpMetadata);
  const mcp = await startAuthorizationServer(atMcp, mcpMetadata);
  return {
    idp,
    mcp,
    async [Symbol.asyncDispose]() {
      await Promise.all([idp.close(), mcp.close()]);
    },
  };
}

function enterprise(
  { idp, mcp }: Pick<Servers, "mcp"> & { readonly idp: { readonly origin: string } },
  more: Partial<EnterpriseManagedSpec> = {},
  settings: GrantSettings = {},
  atIdp: Partial<ClientSpec> = {},
) {
  const idpClient: ClientSpec = {
    issuer: idp.origin,
    id: "agent-at-idp",
    credential: { kind: "secret", secret: { env: "IDP_SECRET" } },
    method: "client_secret_post",
    ...atIdp,
  };
  const subject = { token: { env: "ID_TOKEN" }, type: idTokenType };
  return grantOf(
    mcp.origin,
    {
      type: "enterprise_managed",
      client: secretClient(mcp.origin),
      idp: { client: idpClient, subject },
      ...more,
    },
    { env, ...settings },
  );
}

const idJagsSent = (server: AuthorizationServer) =>
  server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));

describe("the two requests of an enterprise-managed grant", () => {
  it("have exactly these bytes, each with the client that is registered there", async () => {
    await using both = await servers();
    const token = await enterprise(both, { scopes: ["read", "write"] })({ signal: signal() });
    const { idp, mcp } = both;
    expect(idp.tokenRequests()).toHaveLength(1);
    expect(mcp.tokenRequests()).toHaveLength(1);

    expect(idp.tokenRequests()[0]?.headers.authorization).toBeUndefined();
    expect(fieldsOf(idp.tokenRequests()[0])).toEqual([
      ["grant_type", tokenExchange],
      ["scope", "read write"],
      ["requested_token_type", idJagType],
      ["audience", mcp.origin],
      ["resource", `${mcp.origin}/mcp`],
      ["subject_token", idToken],
      ["subject_token_type", idTokenType],
      ["client_id", "agent-at-idp"],
      ["client_secret", "canary-idp-5ecret"],
    ]);

    const basic = Buffer.from("crm-agent:canary-5ecret").toString("base64");
    expect(mcp.tokenRequests()[0]?.headers.authorization).toBe(`Basic ${basic}`);
    expect(fieldsOf(mcp.tokenRequests()[0])).toEqual([
      ["grant_type", jwtBearer],
      ["scope", "read write"],
      ["assertion", unsignedJwt({ jti: "canary-1" })],
      ["resource", `${mcp.origin}/mcp`],
    ]);
    expect(token).toMatchObject({
      accessToken: "granted",
      tokenType: "Bearer",
      scopes: ["read", "write"],
      issuer: mcp.origin,
      resource: `${mcp.origin}/mcp`,
    });
  });

  it("are both sent for each attempt", async () => {
    await using both = await servers();
    const grant = enterprise(both);
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    expect(both.idp.tokenRequests()).toHaveLength(2);
    expect(idJagsSent(both.mcp)).toEqual([
      unsignedJwt({ jti: "canary-1" }),
      unsignedJwt({ jti: "canary-2" }),
    ]);
  });

  it("request from the second server only the scopes that the first granted", async () => {
    await using both = await servers(idJags({ scope: "read" }));
    const token = await enterprise(both, { scopes: ["read", "write"] })({ signal: signal() });
    expect(new URLSearchParams(both.mcp.tokenRequests()[0]?.body).get("scope")).toBe("read");
    expect(token.scopes).toEqual(["read"]);
  });

  it("have the audience and the params of the grant only in the second", async () => {
    await using both = await servers();
    const more = { audience: ["api://crm"], params: { tenant: "7" }, resource: false as const };
    await enterprise(both, more)({ signal: signal() });
    expect(fieldsOf(both.idp.tokenRequests()[0]).filter(([name]) => name === "audience")).toEqual([
      ["audience", both.mcp.origin],
    ]);
    expect(new URLSearchParams(both.idp.tokenRequests()[0]?.body).has("resource")).toBe(false);
    expect(fieldsOf(both.mcp.tokenRequests()[0]).slice(2)).toEqual([
      ["audience", "api://crm"],
      ["tenant", "7"],
    ]);
  });

  it("have the user's token of that time", async () => {
    await using both = await servers();
    let count = 0;
    const subjectToken = async () => new Secret(`user-${++count}`);
    const { idp } = both;
    const subject = { token: { runtime: true }, type: idTokenType } as const;
    const client: ClientSpec = { issuer: idp.origin, id: "agent-at-idp", credential: { kind: "none" } };
    const grant = enterprise(both, { idp: { client, subject } }, { subjectToken });
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    const sent = idp.tokenRequests().map(({ body }) => new URLSearchParams(body).get("subject_token"));
    expect(sent).toEqual(["user-1", "user-2"]);
  });

  it("are not sent without a user", async () => {
    await using both = await servers();
    const subject = { token: { runtime: true }, type: idTokenType } as const;
    const client: ClientSpec = { issuer: both.idp.origin, id: "agent", credential: { kind: "none" } };
    const error = await failureOf(enterprise(both, { idp: { client, subject } })({ signal: signal() }));
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toContain("manager.for({ key, subjectToken })");
    expect([...both.idp.tokenRequests(), ...both.mcp.tokenRequests()]).toEqual([]);
  });

  it("are not sent if the metadata of the second server cannot be used", async () => {
    await using both = await servers(
      idJags(),
      issue,
      {},
      { token_endpoint_auth_methods_supported: ["none"] },
    );
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error.code).toBe("unsupported_by_server");
    expect(both.idp.requests).toEqual([]);
  });

  it("do not report the kid of a key that only the identity provider knows", async () => {
    await using both = await servers();
    const { generateKeyPairSync } = await import("node:crypto");
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const kids: unknown[] = [];
    const grant = enterprise(
      both,
      {},
      {
        env: { ...env, IDP_KEY: key.export({ type: "pkcs8", format: "pem" }).toString() },
        manager: {
          set kid(kid: string | undefined) {
            kids.push(kid);
          },
        },
      },
      { credential: { kind: "key", key: { privateKey: { env: "IDP_KEY" } } }, method: "private_key_jwt" },
    );
    await grant({ signal: signal() });
    expect(new URLSearchParams(both.idp.tokenRequests()[0]?.body).has("client_assertion")).toBe(true);
    expect(kids).toEqual([]);
  });

  it("warn once about each grant type that is not listed", async () => {
    const listed = { grant_types_supported: ["authorization_code"] };
    await using both = await servers(idJags(), issue, listed, listed);
    const warnings: string[] = [];
    const attempt = { signal: signal(), warn: (code: string) => warnings.push(code) };
    const grant = enterprise(both, {}, {}, { method: "client_secret_post" });
    await grant(attempt);
    await grant(attempt);
    expect(warnings).toEqual(["unsupported_by_server", "unsupported_by_server"]);
  });
});

describe("the metadata of the identity provider", () => {
  it("may come from the config", async () => {
    await using idp = await startHttpServer(idJags());
    await using mcp = await startAuthorizationServer(issue);
    const metadata = { tokenEndpoint: `${idp.origin}/oauth2/v1/token` };
    await enterprise({ idp, mcp }, {}, {}, { metadata })({ signal: signal() });
    expect(idp.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /oauth2/v1/token"]);
  });

  it("is read again when its endpoint is gone", async () => {
    let path = "/old";
    const answer = idJags();
    await using mcp = await startAuthorizationServer(issue);
    await using idp = await startHttpServer((request, response) => {
      if (request.method === "GET" && request.url === "/.well-known/openid-configuration") {
        return sendJson(response, { issuer: idp.origin, token_endpoint: `${idp.origin}${path}` });
      }
      if (request.url === "/new") return answer(request, response);
      if (request.method === "POST") path = "/new";
      response.writeHead(404).end();
    });
    expect((await enterprise({ idp, mcp })({ signal: signal() })).accessToken).toBe("granted");
    const posts = idp.requests.filter(({ method }) => method === "POST").map(({ url }) => url);
    expect(posts).toEqual(["/old", "/new"]);
  });

  it("that names another issuer is not used, and neither server gets a token request", async () => {
    const elsewhere = { issuer: "https://idp.example", token_endpoint: "https://idp.example/token" };
    await using both = await servers(idJags(), issue, elsewhere);
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error).toMatchObject({ code: "issuer_mismatch", retryable: false });
    expect(error.message).toContain(
      `the metadata of authorization server ${both.idp.origin} names another issuer`,
    );
    expect([...both.idp.tokenRequests(), ...both.mcp.tokenRequests()]).toEqual([]);
  });

  it("that does not list the client's method is an error before the user's token is read", async () => {
    await using both = await servers(idJags(), issue, {
      token_endpoint_auth_methods_supported: ["client_secret_basic"],
    });
    // Neither variable is set, so reading one would be another error.
    const credential = { kind: "key", key: { privateKey: { env: "NOWHERE" } } } as const;
    const client = { issuer: both.idp.origin, id: "agent-at-idp", credential };
    const subject = { token: { env: "NOWHERE" }, type: idTokenType };
    const grant = enterprise(both, { idp: { client, subject } });
    const error = await failureOf(grant({ signal: signal() }), canaries);
    expect(error.code).toBe("unsupported_by_server");
    expect(error.message).toContain(
      `${both.idp.origin} does not accept private_key_jwt; it lists client_secret_basic.`,
    );
    expect([...both.idp.tokenRequests(), ...both.mcp.tokenRequests()]).toEqual([]);
  });

  it("that cannot be read is an error that names the identity provider", async () => {
    await using idp = await startHttpServer((_, response) => void response.writeHead(404).end());
    await using mcp = await startAuthorizationServer(issue);
    const error = await failureOf(enterprise({ idp, mcp })({ signal: signal() }), canaries);
    expect(error.code).toBe("discovery_failed");
    expect(error.message).toContain(idp.origin);
    expect(mcp.tokenRequests()).toEqual([]);
  });
});

describe("the response of the identity provider", () => {
  const jwt = unsignedJwt({ sub: "canary" });

  it.each<[string, object, string]>([
    [
      "another type",
      { issued_token_type: "urn:ietf:params:oauth:token-type:access_token" },
      '"issued_token_type" is not urn:ietf:params:oauth:token-type:id-jag',
    ],
    ["no type", { issued_token_type: undefined }, '"issued_token_type" is not'],
    ["an unregistered type", { issued_token_type: "canary" }, '"issued_token_type" is not'],
    ["an access token", { token_type: "Bearer" }, '"token_type" is not N_A'],
    ["no token_type", { token_type: undefined }, '"token_type" is not N_A'],
    ["no token", { access_token: undefined }, '"access_token" is not a JWT'],
    ["an opaque token", { access_token: "canary-opaque" }, '"access_token" is not a JWT'],
    ["a JWT without claims", { access_token: "canary.canary.canary" }, '"access_token" is not a JWT'],
  ])("with %s is refused, and nothing is sent to the second server", async (_, more, problem) => {
    await using both = await servers(idJags({ access_token: jwt, ...more }));
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error).toMatchObject({ code: "token_response_invalid", retryable: false });
    expect(error.message).toContain(
      `the response of the token endpoint of the identity provider ${both.idp.origin} cannot be used`,
    );
    expect(error.message).toContain(problem);
    expect(both.mcp.tokenRequests()).toEqual([]);
  });

  it("may have N_A in any case", async () => {
    await using both = await servers(idJags({ token_type: "n_a" }));
    expect((await enterprise(both)({ signal: signal() })).accessToken).toBe("granted");
  });

  it("that is larger than 1 MiB names the identity provider", async () => {
    await using both = await servers(idJags({ padding: "canary".repeat(200_000) }));
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error.message).toContain(
      `the token endpoint of the identity provider ${both.idp.origin} is larger than 1 MiB`,
    );
  });

  it.each([
    ["invalid_grant", 400, "does not accept the user's token. Check that it has not expired"],
    ["invalid_request", 400, "does not accept the user's token. Check that it has not expired"],
    ["invalid_target", 400, "issues nothing for this server. Register the server"],
    ["invalid_client", 401, 'Check the "idp" client\'s "id" and secret'],
    ["unsupported_grant_type", 400, "The identity provider http://127.0.0.1"],
    ["unauthorized_client", 400, `Allow this client the grant type ${tokenExchange}`],
    ["use_dpop_nonce", 400, "requires a DPoP proof, which a request to an identity provider never has"],
    ["access_denied", 403, "Check what this client is allowed"],
  ])("with %s and status %i ends the attempt with its advice", async (code, status, advice) => {
    await using both = await servers(refusing(code, status));
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: code, retryable: false });
    expect(error.message).toContain("the token endpoint of the identity provider http://127.0.0.1");
    expect(error.message).toContain(both.idp.origin);
    expect(error.message).toContain(advice);
    expect(both.idp.tokenRequests()).toHaveLength(1);
    expect(both.mcp.tokenRequests()).toEqual([]);
  });

  it("with a Retry-After does not delay requests to the other authorization server", async () => {
    await using both = await servers(refusing("temporarily_unavailable", 503, { "retry-after": "7" }));
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error).toMatchObject({ code: "unavailable", retryable: true, retryAfter: 7_000 });
    expect(tokenEndpointAsksToWait(error)).toBe(false);
  });
});

describe("the response of the second server", () => {
  it("with invalid_grant leads to advice about the ID-JAG, and is not retried", async () => {
    await using both = await servers(idJags(), refusing("invalid_grant"));
    const error = await failureOf(enterprise(both)({ signal: signal() }), canaries);
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_grant" });
    expect(error.message).toContain(`does not accept what the identity provider ${both.idp.origin} issued.`);
    expect(both.idp.tokenRequests()).toHaveLength(1);
    expect(both.mcp.tokenRequests()).toHaveLength(1);
  });

  it("with a Retry-After delays all requests to that server", async () => {
    await using both = await servers(idJags(), refusing("server_error", 503, { "retry-after": "7" }));
    expect(tokenEndpointAsksToWait(await failureOf(enterprise(both)({ signal: signal() }), canaries))).toBe(
      true,
    );
  });

  it("with status 404, because its endpoint has moved, leads to a request with another ID-JAG", async () => {
    let path = "/old";
    await using both = await servers(
      idJags(),
      (request, response) => {
        if (request.url === "/new") return issue(request, response);
        path = "/new";
        response.writeHead(404).end();
      },
      {},
      () => ({ token_endpoint: `${both.mcp.origin}${path}` }),
    );
    await enterprise(both)({ signal: signal() });
    expect(new Set(idJagsSent(both.mcp)).size).toBe(2);
  });
});

describe("DPoP in an enterprise-managed grant", () => {
  it("is used only in the second request, and a new nonce needs a new ID-JAG", async () => {
    let requestCount = 0;
    await using both = await servers(idJags(), (_, response) => {
      requestCount += 1;
      if (requestCount === 1) {
        return sendJson(response, { error: "use_dpop_nonce" }, 400, { "dpop-nonce": "n-1" });
      }
      sendJson(response, { access_token: "bound", token_type: "DPoP" });
    });
    const token = await enterprise(both, {}, { dpop: createDpop({ clock }) })({ signal: signal() });
    expect(token.tokenType).toBe("DPoP");
    for (const { headers } of both.idp.tokenRequests()) expect(headers["dpop"]).toBeUndefined();
    for (const { headers } of both.mcp.tokenRequests()) expect(headers["dpop"]).toBeDefined();
    expect(idJagsSent(both.mcp)).toEqual([
      unsignedJwt({ jti: "canary-1" }),
      unsignedJwt({ jti: "canary-2" }),
    ]);
  });
});

it("an enterprise-managed attempt that is aborted in the first request does not send the second", async () => {
  const controller = new AbortController();
  await using both = await servers(() => controller.abort());
  const error = await failureOf(enterprise(both)({ signal: controller.signal }), canaries);
  expect(error.code).toBe("aborted");
  expect(both.mcp.tokenRequests()).toEqual([]);
});
