import { describe, expect, it } from "vitest";
import {
  clientCredentialsGrant,
  failureOf,
  secretClient,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";
import { issue, sentTokenRequest } from "../sent-token-request.js";

const decoded = (authorization = "") =>
  Buffer.from(authorization.replace(/^Basic /, ""), "base64").toString("utf8");

describe("client_secret_basic", () => {
  it.each([
    ["plain", "crm-agent", "s3cret", "crm-agent:s3cret"],
    ["with : % + and space", "crm:agent", "p:a%s+s w", "crm%3Aagent:p%3Aa%25s%2Bs+w"],
    [
      "with non-Latin letters",
      "агент",
      "пароль é",
      "%D0%B0%D0%B3%D0%B5%D0%BD%D1%82:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C+%C3%A9",
    ],
    ["with the characters that only URLs leave alone", "a~b", "*-._~!'()", "a%7Eb:*-._%7E%21%27%28%29"],
    ["with characters beyond the basic plane", "crm", "🔑", "crm:%F0%9F%94%91"],
  ])("form-encodes id and secret before base64: %s", async (_, id, value, sent) => {
    const { request } = await sentTokenRequest((issuer) => secretClient(issuer, { id }), {
      CRM_SECRET: value,
    });
    expect(decoded(request.headers.authorization)).toBe(sent);
    // The values that a server decodes according to RFC 6749 §2.3.1.
    const [first, second] = sent.split(":").map((part) => new URLSearchParams(`v=${part}`).get("v"));
    expect([first, second]).toEqual([id, value]);
  });

  it("puts no credential into the body", async () => {
    const { request, origin } = await sentTokenRequest(secretClient, { CRM_SECRET: "s3cret" });
    const resource = encodeURIComponent(`${origin}/mcp`);
    expect(request.body).toBe(`grant_type=client_credentials&resource=${resource}`);
  });

  it("comes before post when a server lists both", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"] };
    const { request } = await sentTokenRequest(secretClient, { CRM_SECRET: "s3cret" }, metadata);
    expect(request.headers.authorization).toBe("Basic Y3JtLWFnZW50OnMzY3JldA==");
  });
});

describe("client_secret_basic with basicEncoding raw", () => {
  it.each([
    ["% + and space", "crm%agent", "p+a%s s w"],
    ["a colon in the secret", "crm", "p:a:s"],
    ["non-Latin letters", "агент", "пароль é"],
  ])("sends id and secret without encoding: %s", async (_, id, value) => {
    const client = (issuer: string) => secretClient(issuer, { id, basicEncoding: "raw" });
    const { request } = await sentTokenRequest(client, { CRM_SECRET: value });
    expect(decoded(request.headers.authorization)).toBe(`${id}:${value}`);
  });

  it("refuses a colon in the id before the secret is read", async () => {
    await using server = await startAuthorizationServer(issue);
    const client = secretClient(server.origin, { id: "crm:agent", basicEncoding: "raw" });
    const error = await failureOf(
      clientCredentialsGrant(server.origin, client, { env: {} })({ signal: signal() }),
    );
    expect(error).toMatchObject({ code: "config_invalid", retryable: false });
    expect(error.message).toContain('"client_secret_post"');
    expect(server.tokenRequests()).toEqual([]);
  });

  it("does not change the body of client_secret_post", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] };
    const client = (issuer: string) => secretClient(issuer, { id: "crm:agent", basicEncoding: "raw" });
    const { form } = await sentTokenRequest(client, { CRM_SECRET: "a b" }, metadata);
    expect([form.get("client_id"), form.get("client_secret")]).toEqual(["crm:agent", "a b"]);
  });
});
