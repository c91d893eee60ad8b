import { describe, expect, test } from "vitest";
import type { TokenEndpoint } from "../../../../src/diagnosis/facts.js";
import { checkEntraCode } from "../../../../src/diagnosis/token-request/entra.js";
import { entraCauses } from "../../../../src/diagnosis/token-request/entra-causes.js";

const tenant = "72f988bf-0000-4000-8000-2d7cd011db47";

function findingAt(issuer: string, errorCodes: readonly number[], more: Partial<TokenEndpoint> = {}) {
  const endpoint: TokenEndpoint = {
    ...{ server: "crm", issuer, name: `the token endpoint of ${issuer}`, grantType: "client_credentials" },
    ...{ presents: "client", dpop: false, credential: "secret", hasClientId: true },
    ...more,
  };
  return checkEntraCode({ endpoint, rejection: { status: 400, oauthError: undefined, errorCodes } });
}

const withScope = (scope: string): Partial<TokenEndpoint> => ({
  sent: { scopes: { from: "config", configured: [scope] } },
});

describe("the numbers of Entra ID", () => {
  test("each has one meaning, in one sentence, and one remedy, in another", () => {
    const codes = entraCauses.flatMap((cause) => cause.codes);
    expect(new Set(codes).size).toBe(codes.length);
    expect(new Set(entraCauses.map(({ id }) => id)).size).toBe(entraCauses.length);
    for (const { id, cause, remedy } of entraCauses) {
      expect(id).toMatch(/^entra_[a-z_]+$/);
      for (const sentence of [cause, remedy]) expect(sentence).toMatch(/^[A-Z](?:[^.]|\.(?=\S))*\.$/);
    }
  });

  test("the remedy for a refresh token of a sign-in is another sign-in", () => {
    const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
    const found = findingAt(issuer, [700082], { presents: "refresh_token", isFromLogin: true });
    expect(found).toMatchObject({
      id: "entra_refresh_token",
      remedy: "Sign in again: npx mcp-auth-runtime login crm",
    });
    expect(findingAt(issuer, [700082], { presents: "refresh_token" })?.remedy).toContain('"refreshToken"');
  });

  test.each([
    `https://login.microsoftonline.com/${tenant}/v2.0`,
    `https://login.microsoftonline.us/${tenant}/v2.0`,
    `https://login.partner.microsoftonline.cn/${tenant}/v2.0`,
    `https://sts.windows.net/${tenant}/`,
    `https://acme.ciamlogin.com/${tenant}/v2.0`,
  ])("are explained for the issuer %s", (issuer) => {
    expect(findingAt(issuer, [700016])?.id).toBe("entra_application_not_found");
  });

  test.each([
    "https://auth.example",
    "https://login.microsoftonline.com.evil.example/x",
    "https://ciamlogin.com.evil.example",
    "not a URL",
  ])("are not explained for another issuer: %s", (issuer) => {
    expect(findingAt(issuer, [700016])).toBeUndefined();
  });

  test("are explained if the config has a token endpoint at Entra ID", () => {
    const url = `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`;
    const configured = { url, property: "tokenEndpoint" } as const;
    expect(findingAt("https://api.example", [7000222], { configured })?.id).toBe("entra_expired_secret");
  });

  test.each<[string, number, Partial<TokenEndpoint>, string, string]>([
    ["a scope of /.default", 1002012, withScope("api://x/.default"), "default_scope", "already ends in"],
    [
      "a scope of /.default",
      70011,
      withScope("api://x/.default"),
      "scope",
      "application ID URI may be wrong",
    ],
    ["another scope", 1002012, withScope("api://x/read"), "default_scope", "needs a scope that ends in"],
    ["no resource", 9010010, { sent: { hasResource: false } }, "resource_and_scope", "/.default, as in"],
    ["a resource", 9010010, { sent: { hasResource: true } }, "resource_and_scope", '"resource" to false'],
    ["a secret", 700213, {}, "federation_subject", "about an assertion, but the request had a secret."],
    ["an assertion", 700213, { credential: "assertion" }, "federation_subject", "Compare the two"],
    ["a secret", 700027, {}, "key_not_registered", "about a key, but the request had a secret."],
    ["a key", 700027, { credential: "key" }, "key_not_registered", "Upload the certificate"],
  ])("are explained by what was sent, which was %s: %i", (_, code, more, id, text) => {
    const finding = findingAt(`https://login.microsoftonline.com/${tenant}/v2.0`, [code], more);
    expect(finding?.id).toBe(`entra_${id}`);
    expect(`${finding?.cause} ${finding?.remedy}`).toContain(text);
  });

  test("are not explained if none of them is known", () => {
    expect(findingAt("https://login.microsoftonline.com/x/v2.0", [1, 2])).toBeUndefined();
    expect(findingAt("https://login.microsoftonline.com/x/v2.0", [])).toBeUndefined();
    expect(findingAt("https://login.microsoftonline.com/x/v2.0", [1, 65001])?.id).toBe("entra_consent");
  });
});
