import { expect, test } from "vitest";
import { findingText } from "../../../src/diagnosis/finding.js";
import { type MetadataAnswer, missingMetadataFinding } from "../../../src/diagnosis/missing-metadata.js";

const notFound: readonly MetadataAnswer[] = [{ status: 404 }, { status: 404 }];
const page = { status: 200, isPage: true };

test.each<[string, string, readonly MetadataAnswer[], string, string]>([
  [
    "the token endpoint of a realm",
    "https://auth.example/realms/agents/protocol/openid-connect/token",
    notFound,
    "issuer_is_token_endpoint",
    "Write the issuer, perhaps https://auth.example/realms/agents.",
  ],
  [
    "the token endpoint of Entra ID",
    "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
    notFound,
    "issuer_is_token_endpoint",
    "perhaps https://login.microsoftonline.com/tenant/v2.0.",
  ],
  [
    "the token endpoint of Okta",
    "https://acme.okta.com/oauth2/default/v1/token",
    notFound,
    "issuer_is_token_endpoint",
    "perhaps https://acme.okta.com/oauth2/default.",
  ],
  [
    "a token endpoint",
    "https://auth.example/oauth/token",
    notFound,
    "issuer_is_token_endpoint",
    'write this URL as "tokenEndpoint" into the "metadata" of the client',
  ],
  [
    "Entra ID without a tenant",
    "https://login.microsoftonline.com",
    notFound,
    "entra_tenant_missing",
    "has the ID of the tenant",
  ],
  [
    "the domain of a Cognito user pool",
    "https://acme.auth.eu-west-1.amazoncognito.com",
    notFound,
    "cognito_domain",
    "https://cognito-idp.REGION.amazonaws.com/POOL-ID",
  ],
  [
    "a protected server",
    "https://auth.example",
    [{ status: 403 }, { status: 404 }],
    "metadata_protected",
    "perhaps by a gateway",
  ],
  [
    "a redirect to the metadata at another host",
    "https://auth.example",
    [{ status: 308, isMoved: true }, { status: 404 }],
    "issuer_moved",
    "Ask its operator for the new issuer",
  ],
  [
    "metadata that was removed for good",
    "https://auth.example",
    [{ status: 410 }, { status: 404 }],
    "issuer_gone",
    "Ask its operator for the new issuer",
  ],
  [
    "a web page",
    "https://app.example",
    [page, page],
    "issuer_is_website",
    "Check the host of the configured issuer.",
  ],
  [
    "a login",
    "https://app.example",
    [{ status: 302 }, { status: 302 }],
    "issuer_is_website",
    "behind a login",
  ],
  [
    "a web page for one URL",
    "https://app.example",
    [page, { status: 404 }],
    "issuer_path_missing",
    "such as that of a realm or tenant",
  ],
  [
    "a host",
    "https://auth.example/",
    notFound,
    "issuer_path_missing",
    'give the client "metadata": { "tokenEndpoint": "https://…/token" }',
  ],
  ["a path", "https://auth.example/a/b", notFound, "issuer_path_wrong", "or there is a segment too many"],
])(
  "if the configured issuer is %s, missing metadata is explained by it",
  (_what, issuer, answers, id, says) => {
    const finding = missingMetadataFinding(issuer, answers);
    expect(finding.id).toBe(id);
    expect(findingText(finding)).toContain(says);
  },
);
