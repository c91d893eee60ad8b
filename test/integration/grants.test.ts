// Every grant with every client authentication method and every token binding: real servers, up to a tool call. The
// table in docs/grants.md lists the same combinations.
import { readFileSync } from "node:fs";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { IssuedToken } from "../support/authorization-server.js";
import { certificateThumbprint } from "../support/mutual-tls.js";
import type { TokenRequest } from "../support/token-requests.js";
import { createTestRuntime, viaFetchV2 } from "./harness.js";
import {
  type ClientId,
  type GrantConfig,
  type IdentityServers,
  startIdentityServers,
  vendorAccount,
} from "./identity-servers.js";

type Binding = "none" | "DPoP" | "mTLS";

let world: IdentityServers;

const urn = "urn:ietf:params:oauth";
const scopes = ["read"];

interface GrantCase {
  readonly name: string;
  /** Returns the grant config for the client that authenticates. */
  config(client: object, id: ClientId): object;
  /** `grant_type` of the request for the access token. */
  readonly grantType: string;
  /** Subject of the token. Default: the client itself. */
  readonly subject?: string;
  /** Further checks of the request. */
  check?(request: TokenRequest, id: ClientId): void;
}

const grants: readonly GrantCase[] = [
  {
    name: "client_credentials",
    config: (client) => ({ type: "client_credentials", client, scopes }),
    grantType: "client_credentials",
  },
  {
    name: "jwt_bearer of the platform",
    config: (client) => ({
      type: "jwt_bearer",
      client,
      scopes,
      assertion: { resolver: "platform", ref: "workload" },
    }),
    grantType: `${urn}:grant-type:jwt-bearer`,
    subject: "workload-7",
  },
  {
    name: "jwt_bearer signed by us",
    config: (client) => ({
      type: "jwt_bearer",
      client,
      scopes,
      assertion: { key: { privateKey: { env: "KEY" } }, issuer: world.account.issuer, subject: "robot-9" },
    }),
    grantType: `${urn}:grant-type:jwt-bearer`,
    subject: "robot-9",
  },
  {
    name: "token_exchange",
    config: (client) => ({
      type: "token_exchange",
      client,
      scopes,
      subject: { token: { resolver: "platform", ref: "person" }, type: `${urn}:token-type:jwt` },
      actor: { token: { resolver: "platform", ref: "robot" }, type: `${urn}:token-type:jwt` },
    }),
    grantType: `${urn}:grant-type:token-exchange`,
    subject: "ann",
    check: ({ params }) => expect(decodeJwt(String(params["actor_token"])).sub).toBe("robot"),
  },
  {
    name: "enterprise_managed",
    config: (client, id) => ({
      type: "enterprise_managed",
      client,
      scopes,
      idp: {
        client: world.idpClient(id),
        subject: {
          token: { resolver: "platform", ref: `sign-in-${id}` },
          type: `${urn}:token-type:id_token`,
        },
      },
    }),
    grantType: `${urn}:grant-type:jwt-bearer`,
    subject: "ann",
    check: ({ params }, id) => {
      const assertion = String(params["assertion"]);
      expect(decodeProtectedHeader(assertion).typ).toBe("oauth-id-jag+jwt");
      expect(decodeJwt(assertion)).toMatchObject({ iss: world.idp.issuer, client_id: id });
      expect(world.idp.tokenRequests.at(-1)).toMatchObject({ clientId: `${id}-at-idp`, status: 200 });
    },
  },
  {
    name: "extension",
    config: (client) => ({
      type: "extension",
      client,
      scopes,
      grantType: "account_credentials",
      params: { account_id: vendorAccount },
    }),
    grantType: "account_credentials",
    subject: vendorAccount,
  },
];

interface AuthenticationCase {
  readonly name: string;
  readonly id: ClientId;
  /** Checks how the request authenticates the client. */
  check(request: TokenRequest): void;
}

const noSecret = ({ headers, params }: TokenRequest) => {
  expect(headers.authorization).toBeUndefined();
  expect(params).not.toHaveProperty("client_secret");
};
const assertionOf = ({ params }: TokenRequest) => {
  expect(params["client_assertion_type"]).toBe(`${urn}:client-assertion-type:jwt-bearer`);
  return String(params["client_assertion"]);
};
const authentications: readonly AuthenticationCase[] = [
  {
    name: "client_secret_basic",
    id: "basic",
    check: ({ headers, params }) => {
      expect(headers.authorization).toMatch(/^Basic /);
      expect(params).not.toHaveProperty("client_secret");
    },
  },
  {
    name: "client_secret_post",
    id: "post",
    check: ({ headers, params }) => {
      expect(headers.authorization).toBeUndefined();
      expect(params).toHaveProperty("client_secret");
    },
  },
  {
    name: "client_secret_jwt",
    id: "hmac",
    check: (request) => {
      noSecret(request);
      expect(decodeProtectedHeader(assertionOf(request)).alg).toBe("HS256");
    },
  },
  {
    name: "private_key_jwt",
    id: "signer",
    check: (request) => {
      noSecret(request);
      expect(decodeProtectedHeader(assertionOf(request)).alg).toBe("ES256");
      expect(decodeJwt(assertionOf(request))).toMatchObject({ iss: "signer", aud: world.issuer.issuer });
    },
  },
  {
    name: "platform assertion",
    id: "federated",
    check: (request) => {
      noSecret(request);
      expect(decodeProtectedHeader(assertionOf(request)).kid).toBe(world.platform.keys[0]?.kid);
    },
  },
  {
    name: "none",
    id: "public",
    check: (request) => {
      noSecret(request);
      expect(request.params).toMatchObject({ client_id: "public" });
      expect(request.params).not.toHaveProperty("client_assertion");
    },
  },
];

function withCertificate(
  name: string,
  id: "pki" | "pinned",
  binding: Binding,
): readonly [AuthenticationCase, Binding] {
  const check = (request: TokenRequest) => {
    noSecret(request);
    expect(request.url).toBe(world.issuer.mtlsTokenEndpoint);
    expect(request.certificateThumbprint).toBe(certificateThumbprint(world.identities[id].certificate));
  };
  return [{ name, id: binding === "mTLS" ? id : `${id}-unbound`, check }, binding];
}

const columns: readonly (readonly [AuthenticationCase, Binding])[] = [
  ...authentications.flatMap((each) => [[each, "none"] as const, [each, "DPoP"] as const]),
  ...(["none", "DPoP", "mTLS"] as const).flatMap((binding) => [
    withCertificate("tls_client_auth", "pki", binding),
    withCertificate("self_signed_tls_client_auth", "pinned", binding),
  ]),
];

const cells = grants.flatMap((grant) =>
  columns.map(([authentication, binding]) => ({
    grant,
    authentication,
    binding,
    cell: `${grant.name} × ${authentication.name} × ${binding === "none" ? "no binding" : binding}`,
  })),
);

const withoutClient = ["jwt_bearer of the platform", "jwt_bearer signed by us", "token_exchange"].flatMap(
  (name) =>
    (["none", "DPoP"] as const).map((binding) => ({
      name,
      binding,
      cell: `${name} × no client × ${binding === "none" ? "no binding" : binding}`,
    })),
);

describe("every combination of grant, client authentication and token binding", () => {
  beforeAll(async () => {
    world = await startIdentityServers();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.each(cells.map((each) => [each.cell, each] as const))(
    "a tool is called with a token from %s",
    async (_, { grant, authentication, binding }) => {
      const { id } = authentication;
      await callTool(grant.config(world.client(id), id), binding, (request, token) => {
        expect(request).toMatchObject({ clientId: id, status: 200 });
        expect(request.params["grant_type"]).toBe(grant.grantType);
        authentication.check(request);
        grant.check?.(request, id);
        expect(token).toMatchObject({ clientId: id, subject: grant.subject });
      });
    },
  );

  test.each(withoutClient.map((each) => [each.cell, each] as const))(
    "a tool is called with a token from %s",
    async (_, { name, binding }) => {
      const grant = grants.find((each) => each.name === name);
      if (grant === undefined) throw new Error(`There is no grant ${name}.`);
      await callTool(grant.config({ issuer: world.issuer.issuer }, "public"), binding, (request, token) => {
        expect(request.params["grant_type"]).toBe(grant.grantType);
        expect(request.headers.authorization).toBeUndefined();
        expect(Object.keys(request.params).filter((field) => field.startsWith("client_"))).toEqual([]);
        expect(token.subject).toBe(grant.subject);
      });
    },
  );
});

test("the table in docs/grants.md lists exactly the tested combinations", () => {
  const lines = readFileSync("docs/grants.md", "utf8").split("\n");
  const rows = lines
    .filter((line) => line.startsWith("|"))
    .map((line) => line.replaceAll("`", "").split(/ *\| */));
  const header = rows.find(([, first]) => first === "client authentication") ?? [];
  const table = rows
    .filter((row) => row.length === header.length && row.includes("✓"))
    .flatMap(([, authentication, binding, ...cells]) =>
      cells.flatMap((cell, index) =>
        cell === "✓" ? [`${header[index + 3]} × ${authentication} × ${binding}`] : [],
      ),
    );
  expect(table.sort()).toEqual([...cells, ...withoutClient].map(({ cell }) => cell).sort());
});

/** Connects an MCP client, calls a tool twice, and checks the one token that this needed. */
async function callTool(
  grant: object,
  binding: Binding,
  check: (request: TokenRequest, token: IssuedToken) => void,
): Promise<void> {
  const mcp = world.mcp[binding];
  const [issuedBefore, answeredBefore] = [world.issuer.tokensIssued, mcp.requests.length];
  const auth = await createTestRuntime({
    config: {
      network: world.network,
      // Built from parts of the config's union types.
      servers: {
        tools: { url: mcp.url, grant: grant as GrantConfig, ...(binding === "DPoP" && { dpop: true }) },
      },
    },
    env: world.env,
    resolvers: world.resolvers,
  });
  const client = await viaFetchV2(auth.resolve("tools"));
  expect([await client.echo("one"), await client.echo("two")]).toEqual(["one", "two"]);

  const [token, ...more] = world.issuer.issued.slice(issuedBefore);
  const request = world.issuer.tokenRequests.at(-1);
  expect(more).toEqual([]);
  if (token === undefined || request === undefined) throw new Error("There was no token request.");
  check(request, token);
  expect(request.params["scope"] ?? token.scope).toBe("read");
  expect(token).toMatchObject({ resource: mcp.url, scope: "read" });
  expect([token.jkt !== undefined, token.certificateThumbprint !== undefined]).toEqual([
    binding === "DPoP",
    binding === "mTLS",
  ]);
  const answered = mcp.requests.slice(answeredBefore).filter(({ path }) => path === "/mcp");
  const refused = answered.filter(({ status }) => status === 401 || status === 403);
  // The first request to a server that requires a nonce has none.
  expect(refused.length).toBe(binding === "DPoP" ? 1 : 0);
  for (const { jti, certificateThumbprint: presented } of answered) {
    expect(jti).toBe(token.jti);
    if (binding === "mTLS") expect(presented).toBe(token.certificateThumbprint);
  }
  expect(world.issuer.failures).toEqual([]);
}
