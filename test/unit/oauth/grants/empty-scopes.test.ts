// `"scopes": []` sends no `scope`, so that the authorization server uses its default.
import { expect, test } from "vitest";
import type { ClientSpec } from "../../../../src/config/spec.js";
import { Secret } from "../../../../src/lib/secret.js";
import type { RefreshTokenStore } from "../../../../src/oauth/refresh-token-store.js";
import { type HttpServer, sendJson, startHttpServer } from "../../../support/http-server.js";
import { grantFor, secretClient, serverSpec, signal, unsignedJwt } from "../fixtures.js";

const env = { CRM_SECRET: "secret", T: "token", JWT: unsignedJwt({ sub: "workload" }) };
const idJagType = "urn:ietf:params:oauth:token-type:id-jag";
const subject = { token: { env: "T" }, type: "urn:ietf:params:oauth:token-type:id_token" };

type Grant = Parameters<typeof serverSpec>[1];
const grants: readonly (readonly [string, (client: ClientSpec) => Grant])[] = [
  ["client_credentials", (client) => ({ type: "client_credentials", client })],
  [
    "jwt_bearer",
    (client) => ({ type: "jwt_bearer", client, assertion: { kind: "platform", reference: { env: "JWT" } } }),
  ],
  ["token_exchange", (client) => ({ type: "token_exchange", client, subject })],
  ["enterprise_managed", (client) => ({ type: "enterprise_managed", client, idp: { client, subject } })],
  ["refresh_token", (client) => ({ type: "refresh_token", client, refreshToken: { env: "T" } })],
  ["extension", (client) => ({ type: "extension", client, grantType: "account_credentials" })],
];

const refreshTokens: RefreshTokenStore = {
  isNew: async () => false,
  replace: async () => {},
  redeem: async ({ seed = new Secret("r0") }, limits, use) =>
    await use({ current: seed, signal: limits.signal, sending: async () => {}, answered: () => {} }),
};

/** Starts servers that name scopes wherever they can: in the metadata of both and in the identity assertion. */
async function startServer(): Promise<HttpServer> {
  const server = await startHttpServer((request, response) => {
    const { origin } = server;
    if (request.method === "POST") return sendJson(response, answerTo(server.requests.at(-1)?.body ?? ""));
    if (request.url === "/.well-known/oauth-protected-resource/mcp") {
      const servers = { authorization_servers: [origin] };
      return sendJson(response, { resource: `${origin}/mcp`, ...servers, scopes_supported: ["metadata"] });
    }
    if (request.url !== "/.well-known/oauth-authorization-server") return void response.writeHead(404).end();
    const endpoint = { token_endpoint: `${origin}/token`, scopes_supported: ["server"] };
    return sendJson(response, { issuer: origin, ...endpoint });
  });
  return server;
}

function answerTo(body: string): object {
  return new URLSearchParams(body).has("requested_token_type")
    ? { access_token: env.JWT, issued_token_type: idJagType, token_type: "N_A", scope: "of-the-assertion" }
    : { access_token: "granted", token_type: "Bearer", expires_in: 60 };
}

/** Returns the `scope` of each token request. */
async function scopesSent(
  of: (client: ClientSpec) => Grant,
  configured: readonly string[] | undefined,
  wanted?: readonly string[],
): Promise<readonly (string | null)[]> {
  await using server = await startServer();
  const grant = { ...of(secretClient(server.origin)), ...(configured && { scopes: configured }) };
  const spec = serverSpec(server.origin, grant, { stepUp: ["write"] });
  const challenge = { resourceMetadata: undefined, scopes: ["challenge"] };
  await grantFor(spec, { env, refreshTokens, challenge, ...(wanted && { scopes: wanted }) })({
    signal: signal(),
  });
  const bodies = server.requests.filter(({ method }) => method === "POST").map(({ body }) => body);
  return bodies.map((body) => new URLSearchParams(body).get("scope"));
}

test.each(grants)("an empty list of scopes sends no scope with the grant %s", async (name, of) => {
  const none = name === "enterprise_managed" ? [null, null] : [null];
  expect(await scopesSent(of, [])).toEqual(none);
  expect(await scopesSent(of, [], [])).toEqual(none);
});

test.each(grants)(
  "without a list of scopes, the grant %s sends those that a server names",
  async (name, of) => {
    const expected = name === "enterprise_managed" ? ["challenge", "of-the-assertion"] : ["challenge"];
    expect(await scopesSent(of, undefined)).toEqual(name === "refresh_token" ? [null] : expected);
  },
);

test.each(grants)(
  "after an empty list of scopes, a step-up of the grant %s sends its scope",
  async (name, of) => {
    const expected = name === "enterprise_managed" ? ["write", "of-the-assertion"] : ["write"];
    expect(await scopesSent(of, [], ["write"])).toEqual(expected);
  },
);
