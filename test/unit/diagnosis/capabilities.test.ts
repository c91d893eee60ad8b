import { expect, test } from "vitest";
import {
  checkCapabilities,
  type PublishedCapabilities,
  type WantedCapabilities,
} from "../../../src/diagnosis/capabilities.js";

const wanted: WantedCapabilities = {
  issuer: "https://auth.example",
  grantType: "client_credentials",
  method: undefined,
  dpop: false,
  scopes: [],
};

function idsOf(published: PublishedCapabilities, more: Partial<WantedCapabilities> = {}) {
  return checkCapabilities({ ...wanted, ...more }, published).map(({ id }) => id);
}

test("servers without lists say nothing about what they support", () => {
  expect(idsOf({}, { method: "client_secret_post", scopes: ["crm:read"] })).toEqual([]);
});

test.each<[string, PublishedCapabilities, Partial<WantedCapabilities>, string]>([
  ["the grant type", { grantTypes: ["authorization_code"] }, {}, "grant_type_not_listed"],
  ["the method of the config", { methods: ["private_key_jwt"] }, { method: "none" }, "method_not_listed"],
  ["DPoP", {}, { dpop: true }, "dpop_not_listed"],
  [
    "a scope",
    { issuerScopes: ["a"], resourceScopes: ["b"] },
    { scopes: ["a", "b", "c"] },
    "scopes_not_listed",
  ],
])("%s that no server lists is a finding", (_, published, more, id) => {
  expect(idsOf(published, more)).toEqual([id]);
});

test("a scope that one of the two servers lists is in order, and so are those that no resource lists", () => {
  const scopes = ["a", "openid", "https://crm.example/.default"];
  expect(idsOf({ issuerScopes: ["x"], resourceScopes: ["a"] }, { scopes })).toEqual([]);
});

test("all findings are returned, with escaped names", () => {
  const findings = checkCapabilities(
    { ...wanted, grantType: "urn:\u001bx", method: "none" },
    { grantTypes: [], methods: [] },
  );
  expect(findings.map(({ id }) => id)).toEqual(["grant_type_not_listed", "method_not_listed"]);
  expect(findings[0]?.cause).toContain("urn:\\u001bx");
});
