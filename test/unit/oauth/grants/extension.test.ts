import { describe, expect, it } from "vitest";
import type { ExtensionSpec } from "../../../../src/config/spec.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import { failureOf, fieldsOf, grantOf, secretClient, signal, startAuthorizationServer } from "../fixtures.js";
import { issue } from "../sent-token-request.js";

const env = { CRM_SECRET: "canary-5ecret", ASSERTION: "canary assertion+saml=" };
const canaries = Object.values(env);
const saml = "urn:ietf:params:oauth:grant-type:saml2-bearer";

function extension(origin: string, more: Partial<ExtensionSpec> = {}) {
  const client = secretClient(origin);
  const grant = { type: "extension", client, grantType: "account_credentials", resource: false } as const;
  return grantOf(origin, { ...grant, params: { account_id: "a-1" }, ...more }, { env });
}

const rejecting =
  (error: string): Handler =>
  (_, response) =>
    sendJson(response, { error, error_description: `canary ${env.ASSERTION}` }, 400);

describe("a request of an extension grant", () => {
  it("an extension grant sends its grant type and parameters, with the client's credential", async () => {
    await using server = await startAuthorizationServer(issue);
    await extension(server.origin)({ signal: signal() });
    const [request] = server.tokenRequests();
    expect(request?.body).toBe("grant_type=account_credentials&account_id=a-1");
    expect(request?.headers.authorization).toBe(`Basic ${btoa("crm-agent:canary-5ecret")}`);
  });

  it("an extension grant can send a parameter of another grant, from a reference", async () => {
    await using server = await startAuthorizationServer(issue);
    const more = { grantType: saml, params: { assertion: { env: "ASSERTION" } }, scopes: ["read"] };
    await extension(server.origin, { ...more, resource: "https://mcp.example", audience: ["x"] })({
      signal: signal(),
    });
    expect(fieldsOf(server.tokenRequests()[0])).toEqual([
      ["grant_type", saml],
      ["scope", "read"],
      ["resource", "https://mcp.example"],
      ["audience", "x"],
      ["assertion", env.ASSERTION],
    ]);
  });

  it("an extension grant reads a reference in `params` again for each request", async () => {
    await using server = await startAuthorizationServer(issue);
    const grant = extension(server.origin, { params: { assertion: { env: "ASSERTION" } } });
    const first = env.ASSERTION;
    await grant({ signal: signal() });
    env.ASSERTION = "another";
    await grant({ signal: signal() });
    env.ASSERTION = first;
    const sent = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));
    expect(sent).toEqual([first, "another"]);
  });

  it("a parameter of an extension grant never replaces the client's credential or the grant type", async () => {
    await using server = await startAuthorizationServer(issue);
    const params = { grant_type: "password", client_id: "other", client_secret: "x", account_id: "a-1" };
    await extension(server.origin, { params })({ signal: signal() });
    expect(server.tokenRequests()[0]?.body).toBe("grant_type=account_credentials&account_id=a-1");
  });
});

describe("an extension grant that the server rejects", () => {
  it.each(["invalid_grant", "invalid_request"])(
    "%s to an extension grant gives advice about `params`, shows no secret, and is not retried",
    async (code) => {
      await using server = await startAuthorizationServer(rejecting(code));
      const params = { assertion: { env: "ASSERTION" }, realm: "x" };
      const grant = extension(server.origin, { grantType: saml, params });
      const error = await failureOf(grant({ signal: signal() }), canaries);
      expect(error).toMatchObject({ code: "token_request_rejected", oauthError: code, retryable: false });
      expect(error.message).toContain(
        'does not accept the "params" of the grant. Check that they are those that ' +
          `${server.origin} requires for the grant type ${saml},`,
      );
      expect(error.details?.["error_description"]).toBe("canary <secret>");
      expect(server.tokenRequests()).toHaveLength(1);
    },
  );

  it("unsupported_grant_type to an extension grant names its grant type", async () => {
    await using server = await startAuthorizationServer(rejecting("unsupported_grant_type"));
    const error = await failureOf(extension(server.origin)({ signal: signal() }), canaries);
    expect(error.message).toContain("does not offer the grant type account_credentials.");
  });
});
