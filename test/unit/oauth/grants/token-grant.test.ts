import { describe, expect, it } from "vitest";
import type { ClientCredentialsSpec } from "../../../../src/config/spec.js";
import type { Target } from "../../../../src/discovery/metadata.js";
import { startHttpServer } from "../../../support/http-server.js";
import {
  failureOf,
  fieldsOf,
  type GrantSettings,
  grantOf,
  secretClient,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";
import { issue } from "../sent-token-request.js";

const env = { CRM_SECRET: "canary-5ecret", TENANT: "canary-tenant" };

/** Returns the token of a grant, and the fields of its only request without the grant type. */
async function sentTokenRequest(more: Partial<ClientCredentialsSpec>, settings: GrantSettings = {}) {
  await using server = await startAuthorizationServer(issue);
  const grant = grantOf(
    server.origin,
    { type: "client_credentials", client: secretClient(server.origin), ...more },
    { env, ...settings },
  );
  const token = await grant({ signal: signal() });
  const requests = server.tokenRequests();
  expect(requests).toHaveLength(1);
  return { fields: fieldsOf(requests[0]).slice(1), token, origin: server.origin };
}

describe("the resource", () => {
  it("is by default the URL of the server", async () => {
    const { fields, token, origin } = await sentTokenRequest({});
    expect(fields).toEqual([["resource", `${origin}/mcp`]]);
    expect(token.resource).toBe(`${origin}/mcp`);
  });

  it("is sent as the config has it, byte for byte", async () => {
    const { fields, token } = await sentTokenRequest({ resource: "https://MCP.example:443/a/../b" });
    expect(fields).toEqual([["resource", "https://MCP.example:443/a/../b"]]);
    expect(token.resource).toBe("https://MCP.example:443/a/../b");
  });

  it("is not sent when the config says so", async () => {
    const { fields, token } = await sentTokenRequest({ resource: false });
    expect(fields).toEqual([]);
    expect(token.resource).toBeUndefined();
  });
});

describe("the fields that the config adds", () => {
  it("include each audience, in the order of the config", async () => {
    const { fields } = await sentTokenRequest({ resource: false, audience: ["api://b", "api://a"] });
    expect(fields).toEqual([
      ["audience", "api://b"],
      ["audience", "api://a"],
    ]);
  });

  it("include the params, with the values of references", async () => {
    const { fields } = await sentTokenRequest({
      resource: false,
      params: { tenant: { env: "TENANT" }, flavour: "mild" },
    });
    expect(fields).toEqual([
      ["tenant", "canary-tenant"],
      ["flavour", "mild"],
    ]);
  });

  it("are read again for each request", async () => {
    await using server = await startAuthorizationServer(issue);
    const changing = { ...env };
    const params = { tenant: { env: "TENANT" } };
    const client = secretClient(server.origin);
    const grant = grantOf(server.origin, { type: "client_credentials", client, params }, { env: changing });
    await grant({ signal: signal() });
    changing.TENANT = "another";
    await grant({ signal: signal() });
    const sent = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("tenant"));
    expect(sent).toEqual(["canary-tenant", "another"]);
  });

  it("that cannot be read are secret_unavailable, and nothing is sent", async () => {
    await using server = await startAuthorizationServer(issue);
    const params = { tenant: { env: "ABSENT" } };
    const client = secretClient(server.origin);
    const grant = grantOf(server.origin, { type: "client_credentials", client, params }, { env });
    const error = await failureOf(grant({ signal: signal() }));
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toContain("ABSENT is not set");
    expect(server.tokenRequests()).toEqual([]);
  });
});

describe("the requested scopes", () => {
  it("are those of the caller, before those of the config", async () => {
    const { fields, token } = await sentTokenRequest(
      { resource: false, scopes: ["config"] },
      { scopes: ["wanted", "more"] },
    );
    expect(fields).toEqual([["scope", "wanted more"]]);
    expect(token.scopes).toEqual(["wanted", "more"]);
  });

  it("are none if the caller asks for none", async () => {
    const { fields } = await sentTokenRequest({ resource: false, scopes: ["config"] }, { scopes: [] });
    expect(fields).toEqual([]);
  });
});

describe("the metadata of the two servers", () => {
  it("is stored in the manager's state", async () => {
    const targets: (Target | undefined)[] = [];
    const manager = {
      set target(target: Target | undefined) {
        targets.push(target);
      },
    };
    const { origin } = await sentTokenRequest({}, { manager });
    expect(targets).toEqual([
      {
        authorizationServer: { issuer: origin, token_endpoint: `${origin}/token` },
        resource: `${origin}/mcp`,
      },
    ]);
  });

  it("comes from the config if the config has it, without a request to the authorization server", async () => {
    await using server = await startHttpServer((request, response) =>
      request.method === "POST" ? issue(request, response) : void response.writeHead(404).end(),
    );
    const metadata = { tokenEndpoint: `${server.origin}/elsewhere?tenant=7` };
    const client = secretClient(server.origin, { metadata });
    const token = await grantOf(server.origin, { type: "client_credentials", client })({ signal: signal() });
    expect(token.accessToken).toBe("granted");
    expect(
      server.requests.map(({ url }) => url).filter((url) => !url.includes("protected-resource")),
    ).toEqual(["/elsewhere?tenant=7"]);
  });

  it("from the config is not looked up again when its endpoint is gone", async () => {
    await using server = await startHttpServer((_, response) => void response.writeHead(404).end());
    const client = secretClient(server.origin, { metadata: { tokenEndpoint: `${server.origin}/token` } });
    const grant = grantOf(server.origin, { type: "client_credentials", client });
    expect((await failureOf(grant({ signal: signal() }))).code).toBe("token_request_rejected");
    expect(server.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
  });
});

describe("a grant type that the server does not list", () => {
  it.each([
    [["authorization_code"], ["unsupported_by_server"]],
    [[], ["unsupported_by_server"]],
    [["client_credentials"], []],
    [undefined, []],
  ])("is used with one warning, for the list %j", async (listed, expected) => {
    await using server = await startAuthorizationServer(
      issue,
      listed === undefined ? {} : { grant_types_supported: listed },
    );
    const warnings: string[] = [];
    const attempt = { signal: signal(), warn: (code: string) => warnings.push(code) };
    const grant = grantOf(server.origin, { type: "client_credentials", client: secretClient(server.origin) });
    await grant(attempt);
    await grant(attempt);
    expect(warnings).toEqual(expected);
    expect(server.tokenRequests()).toHaveLength(2);
  });

  it("is used without a function that reports warnings", async () => {
    await using server = await startAuthorizationServer(issue, { grant_types_supported: [] });
    const grant = grantOf(server.origin, { type: "client_credentials", client: secretClient(server.origin) });
    expect((await grant({ signal: signal() })).accessToken).toBe("granted");
  });
});

describe("a client authentication method that the server does not list", () => {
  it("is used if the config names it, with one warning for all attempts", async () => {
    await using server = await startAuthorizationServer(issue, {
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
    });
    const warnings: string[] = [];
    const attempt = { signal: signal(), warn: (code: string) => warnings.push(code) };
    const client = secretClient(server.origin, { method: "client_secret_post" });
    const grant = grantOf(server.origin, { type: "client_credentials", client });
    await grant(attempt);
    await grant(attempt);
    expect(warnings).toEqual(["unsupported_by_server"]);
  });
});
