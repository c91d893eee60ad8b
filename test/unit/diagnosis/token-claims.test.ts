import { describe, expect, test } from "vitest";
import { checkTokenClaims, type TokenClaims } from "../../../src/diagnosis/token-claims.js";

const now = Date.UTC(2026, 5, 1);
const seconds = now / 1_000;

function check(claims: object, more: Partial<TokenClaims> = {}) {
  return checkTokenClaims({
    claims: { ...claims },
    issuer: "https://auth.example",
    audiences: ["https://crm.example/mcp", undefined, "api://crm"],
    scopes: ["crm:read"],
    now,
    binding: {},
    ...more,
  });
}

describe("the claims of an access token", () => {
  test.each([
    ["no claims at all", {}],
    ["the URL of the server as aud", { aud: "https://crm.example/mcp" }],
    ["the URL with a slash at the end as aud", { aud: "https://crm.example/mcp/" }],
    ["one of several aud that fits", { aud: ["https://other.example", "api://crm"] }],
    ["the issuer with a slash at the end", { iss: "https://auth.example/" }],
    ["scopes in one text", { scope: "crm:write crm:read" }],
    ["scopes in a list", { scp: ["crm:read"] }],
    ["times around now", { exp: seconds + 60, nbf: seconds + 30 }],
  ])("with %s have nothing wrong", (_, claims) => {
    expect(check(claims)).toBeUndefined();
  });

  test.each([
    ["another aud", { aud: "https://other.example" }, "token_audience", false],
    ["another iss", { iss: "https://other.example" }, "token_issuer", false],
    ["fewer scopes", { scope: "crm:write" }, "token_lacks_scopes", false],
    ["an exp in the past", { exp: seconds }, "token_expired", true],
    ["an nbf in the future", { nbf: seconds + 61 }, "token_not_yet_valid", true],
    ["active: false", { active: false }, "token_inactive", true],
    ["the key of somebody else", { cnf: { jkt: "other" } }, "token_bound_to_other_key", true],
    [
      "a certificate of somebody else",
      { cnf: { "x5t#S256": "other" } },
      "token_bound_to_other_certificate",
      true,
    ],
  ])("with %s have a finding", (_, claims, id, isFatal) => {
    expect(check(claims)).toMatchObject({ id, isFatal });
  });

  test("a fatal finding comes before one that is only suspicious", () => {
    expect(check({ aud: "https://other.example", exp: 1 })?.id).toBe("token_expired");
  });

  test("a token that is bound to our key and certificate is in order", () => {
    const binding = { jkt: "ours", x5t: "ours-too" };
    expect(check({ cnf: { jkt: "ours", "x5t#S256": "ours-too" } }, { binding })).toBeUndefined();
    expect(check({ cnf: { jkt: "ours" } }, { binding: { x5t: "ours-too" } })?.remedy).toContain(
      '"dpop": true',
    );
  });

  test("the iss of a static token is compared with nothing", () => {
    expect(check({ iss: "https://other.example" }, { issuer: undefined })).toBeUndefined();
  });

  test.each([["openid"], ["https://graph.example/.default"], ["api://crm/read"]])(
    "the scope %s of a request is not missing from a token that names others",
    (scope) => {
      expect(check({ scp: "read" }, { scopes: [scope] })).toBeUndefined();
    },
  );
});
