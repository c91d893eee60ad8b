import { expect, test } from "vitest";
import type { GrantSpec } from "../../../src/config/spec.js";
import { clientCapabilities } from "../../../src/runtime/client-capabilities.js";

const key = { privateKey: { env: "KEY" } };
const client = { issuer: "https://auth.example", id: "agent", credential: { kind: "none" } } as const;
const common = { client, audience: [], params: {} } as const;
const subject = { token: { env: "TOKEN" }, type: "urn:ietf:params:oauth:token-type:id_token" };
const signed = {
  kind: "signed",
  key,
  issuer: "i",
  subject: "s",
  audience: "issuer",
  lifetime: 300_000,
  claims: {},
} as const;

const grants: readonly (readonly [name: string, grant: GrantSpec, extensions: readonly string[]])[] = [
  [
    "client_credentials",
    { type: "client_credentials", ...common },
    ["io.modelcontextprotocol/oauth-client-credentials"],
  ],
  [
    "enterprise_managed",
    { type: "enterprise_managed", ...common, idp: { client, subject } },
    ["io.modelcontextprotocol/enterprise-managed-authorization"],
  ],
  [
    "jwt_bearer with the platform's assertion",
    { type: "jwt_bearer", ...common, assertion: { kind: "platform", reference: { env: "JWT" } } },
    ["io.modelcontextprotocol/auth/wif"],
  ],
  ["jwt_bearer with a signed assertion", { type: "jwt_bearer", ...common, assertion: signed }, []],
  [
    "jwt_bearer with the token of a user",
    { type: "jwt_bearer", ...common, assertion: { kind: "runtime" } },
    [],
  ],
  ["token_exchange", { type: "token_exchange", ...common, subject }, []],
  ["extension", { type: "extension", ...common, grantType: "account_credentials" }, []],
  ["static", { type: "static", token: { env: "TOKEN" }, audience: [], params: {} }, []],
];

test.each(grants)("a client of the grant %s declares its extension", (_, grant, extensions) => {
  expect(Object.keys(clientCapabilities({ grant }).extensions)).toEqual(extensions);
  expect(Object.keys(clientCapabilities({ grant, dpop: {} }).extensions)).toEqual([
    ...extensions,
    "io.modelcontextprotocol/auth/dpop",
  ]);
});
