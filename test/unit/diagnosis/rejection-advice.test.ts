import { describe, expect, it } from "vitest";
import { rejectionAdvice } from "../../../src/diagnosis/rejection-advice.js";
import type { Presented, TokenEndpoint } from "../../../src/diagnosis/token-endpoint.js";

const endpoint: TokenEndpoint = {
  server: "crm",
  issuer: "https://auth.example",
  name: "the token endpoint of https://auth.example",
  grantType: "client_credentials",
  presents: "client",
  dpop: false,
  credential: "secret",
  identified: true,
};

const advice = (more: Partial<TokenEndpoint>, oauthError: string | undefined, status = 400) =>
  rejectionAdvice({ ...endpoint, ...more }, { status, oauthError });

describe("what to do about a refusal", () => {
  it.each<[TokenEndpoint["credential"], string]>([
    ["secret", `the client's "id" and secret`],
    ["key", "the public half of this key"],
    ["assertion", 'trusts who issues its "assertion"'],
    ["certificate", "has this certificate or its subject registered"],
    ["none", "takes it without a credential"],
  ])("of a client is a matter of its %s", (credential, text) => {
    expect(advice({ credential }, "invalid_client", 401)).toContain(text);
    for (const status of [401, 403]) {
      for (const code of [undefined, "server_error", "temporarily_unavailable"]) {
        expect(advice({ credential }, code, status), `${code} with ${status}`).toContain(text);
      }
    }
  });

  it("of a client whose id is the address of a document is a matter of that document", () => {
    const more = { credential: "key", hasDocument: true } as const;
    expect(advice(more, "invalid_client", 401)).toContain(
      "takes the addresses of client id metadata documents",
    );
    expect(advice({ ...more, credential: "secret" }, "invalid_client", 401)).toContain('"id" and secret');
  });

  it("of a request without a client is to name one", () => {
    const more = { credential: "none", identified: false, presents: "platform_assertion" } as const;
    expect(advice(more, "invalid_client", 401)).toContain('give the client its "id"');
  });

  it.each<[Presented, string]>([
    ["client", "registration"],
    ["platform_assertion", "the platform's token"],
    ["signed_assertion", "the assertion"],
    ["subject_token", 'the "subject" of the grant'],
    ["identity", "the user's token"],
    ["id_jag", "what the identity provider https://idp.example has issued"],
  ])("of what is presented as %s is about that", (presents, text) => {
    expect(advice({ presents, idp: "https://idp.example" }, "invalid_grant")).toContain(text);
  });

  it.each<[Presented, string]>([
    ["client", 'the "scopes", "resource", "audience" and "params" of the grant'],
    ["platform_assertion", '"params" of the grant'],
    ["id_jag", '"params" of the grant'],
    ["subject_token", 'the "subject" of the grant'],
    ["identity", "the user's token"],
  ])("of a request with %s that is said to be invalid", (presents, text) => {
    expect(advice({ presents }, "invalid_request")).toContain(text);
  });

  it.each<[Presented, string]>([
    ["client", 'register its URL there as a resource, or set the "resource" or "audience"'],
    ["platform_assertion", '"resource" or "audience"'],
    ["subject_token", '"resource" or "audience"'],
    ["identity", "by its issuer, there."],
  ])("of a target with %s", (presents, text) => {
    expect(advice({ presents }, "invalid_target")).toContain(text);
  });

  it("of the grant itself is to have it switched on, or to use another", () => {
    const text = advice({ grantType: "urn:example" }, "unsupported_grant_type");
    expect(text).toContain(
      "does not offer the grant type urn:example. Have it switched on there, or use another",
    );
  });

  it.each<[Partial<TokenEndpoint>, string, string]>([
    [{}, "use_dpop_nonce", 'set "dpop" of this server to true'],
    [{}, "invalid_dpop_proof", 'set "dpop" of this server to true'],
    [{ dpop: true }, "use_dpop_nonce", "gives none that it then takes"],
    [{ dpop: true }, "invalid_dpop_proof", "clock of this machine"],
    [{ presents: "identity" }, "use_dpop_nonce", "of no use there"],
  ])("of a proof: %j %s", (more, code, text) => {
    expect(advice(more, code)).toContain(text);
  });

  it("always says at whom to look", () => {
    const presented: readonly Presented[] = [
      ...(["client", "platform_assertion", "signed_assertion"] as const),
      ...(["subject_token", "identity", "id_jag"] as const),
    ];
    const codes = [
      ...[
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_target",
        "invalid_scope",
        "slow_down",
      ],
      ...["unauthorized_client", "unsupported_grant_type", "access_denied", "use_dpop_nonce", undefined],
    ];
    for (const presents of presented) {
      for (const code of codes) expect(advice({ presents }, code)).toContain("https://auth.example");
    }
  });
});
