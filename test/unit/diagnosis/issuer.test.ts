import { expect, test } from "vitest";
import { checkListedIssuers, checkMetadataIssuer, noIssuerListed } from "../../../src/diagnosis/issuer.js";

const tenant = "8e7a4d5c-3b21-4f6e-9a70-1c2d3e4f5a6b";

test.each([
  [
    "the metadata of Entra ID for `common` has a template as its issuer",
    ["https://login.microsoftonline.com/common/v2.0", "https://login.microsoftonline.com/{tenantid}/v2.0"],
    "entra_shared_tenant",
    "Write the ID of your tenant in its place. The error's `details` has it.",
  ],
  [
    "the metadata of Entra ID for the name of a tenant has the tenant's ID",
    [
      "https://login.microsoftonline.com/acme.example/v2.0",
      `https://login.microsoftonline.com/${tenant}/v2.0`,
    ],
    "entra_tenant_name",
    "Write the ID of the tenant in the configured issuer, not its name.",
  ],
  [
    "the metadata of Entra ID without a version has an issuer on another host",
    [`https://login.microsoftonline.com/${tenant}`, `https://sts.windows.net/${tenant}/`],
    "entra_version_missing",
    'ends in "/v2.0"',
  ],
  [
    "the metadata of another product has a template as its issuer",
    ["https://auth.example/all", "https://auth.example/{tenant}"],
    "issuer_template",
    "stands for all tenants",
  ],
  [
    "the authorization server is behind a proxy that adds TLS and publishes http",
    ["https://auth.example", "http://auth.example"],
    "issuer_http_not_https",
    "a proxy in front of it adds TLS",
  ],
  [
    "the authorization server publishes a localhost name",
    ["https://auth.example", "http://localhost:8080"],
    "issuer_loopback",
    'give the client "metadata" with the token endpoint',
  ],
  [
    "the configured issuer lacks a realm",
    ["https://auth.example", "https://auth.example/realms/agents"],
    "issuer_longer_path",
    "may lack a realm or tenant",
  ],
  [
    "the configured issuer has a segment too many",
    ["https://auth.example/oauth2/default", "https://auth.example"],
    "issuer_shorter_path",
    "a path segment too many",
  ],
] as const)("if %s, the message says what to write", (_what, [configured, found], id, says) => {
  const failure = checkMetadataIssuer(found, configured, `authorization server ${configured}`);
  expect(failure).toMatchObject({ code: "issuer_mismatch", finding: id, details: { issuer: found } });
  expect(failure?.detail).toContain(says);
  expect(failure?.detail).not.toContain(found === `https://auth.example` ? "nothing" : `${found}`);
});

test.each([
  [["https://auth.example/"], "issuer_listed_trailing_slash", "Write the issuer in the config exactly as"],
  [
    ["https://auth.example/realms/a"],
    "issuer_listed_longer_path",
    "one that has the same host and a longer path",
  ],
  [
    ["https://x.example", "https://auth.example/realms/a"],
    "issuer_listed_longer_path",
    "another realm or tenant",
  ],
  [["http://auth.example"], "issuer_listed_http_not_https", "has http in place of https"],
  [["https://x.example", "https://y.example"], "issuer_not_listed", "it lists 2 others."],
])(
  "if resource metadata lists %j, the message says how the most similar issuer differs",
  (listed, id, says) => {
    const failure = checkListedIssuers(listed, "https://auth.example");
    expect(failure).toMatchObject({ code: "issuer_mismatch", finding: id });
    expect(failure?.detail).toContain(says);
    for (const each of listed)
      expect(failure?.detail.replace("https://auth.example:", "")).not.toContain(each);
  },
);

test("resource metadata that lists the configured issuer, or none at all, is not a mismatch", () => {
  expect(
    checkListedIssuers(["https://a.example", "https://auth.example"], "https://auth.example"),
  ).toBeUndefined();
  expect(checkListedIssuers([], "https://auth.example")).toBeUndefined();
  expect(noIssuerListed("https://auth.example").finding).toBe("no_issuer_listed");
});
