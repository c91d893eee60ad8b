import { describe, expect, it } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { reservedParams } from "../../../src/config/reserved.js";
import type { ServerSpec } from "../../../src/config/spec.js";
import { client, folder, smallest } from "./folder.js";
import { crm, violationsOf, withGrant } from "./violations-of.js";

type Server = McpAuthConfig["servers"][string];
const issuer = client.issuer;
const key = { privateKey: { env: "K" } };
const reference = { env: "T" };
const subject = { token: reference };
const uri = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;
const inGrant = "/servers/crm/grant";

async function specOf(server: Omit<Server, "url">, more: Partial<McpAuthConfig> = {}): Promise<ServerSpec> {
  const config = { ...more, servers: { crm: { url: "https://crm.example", ...server } } };
  const entry = (await loadConfig({ config, cwd: "/etc/agent", env: {} })).servers.get("crm");
  if (entry === undefined || !("spec" in entry)) throw new Error("expected a server that is ready");
  return entry.spec;
}
const grantOf = async (grant: Server["grant"], more?: Partial<McpAuthConfig>) =>
  (await specOf({ grant }, more)).grant;

const clientSpec = { issuer, id: "crm-agent", credential: { kind: "secret", secret: { env: "CRM_SECRET" } } };
const nothing = { audience: [], params: {} };

describe("the spec of a grant", () => {
  it("the spec of jwt_bearer with the platform's assertion has a reference", async () => {
    const assertion = { githubActions: { audience: "x" } };
    expect(await grantOf({ type: "jwt_bearer", client: { issuer }, assertion })).toEqual({
      type: "jwt_bearer",
      client: { issuer, credential: { kind: "none" } },
      assertion: { kind: "platform", reference: assertion },
      ...nothing,
    });
  });

  it("the spec of jwt_bearer with the token of a user says that code gives it", async () => {
    expect(await grantOf({ type: "jwt_bearer", client, assertion: { runtime: true } })).toEqual({
      type: "jwt_bearer",
      client: clientSpec,
      assertion: { kind: "runtime" },
      ...nothing,
    });
  });

  it("the spec of token_exchange can have its subject in `params`, and a client without an id", async () => {
    const params = { subject_token: reference, subject_token_type: uri("jwt") };
    expect(await grantOf({ type: "token_exchange", client: { issuer }, params })).toEqual({
      type: "token_exchange",
      client: { issuer, credential: { kind: "none" } },
      audience: [],
      params,
    });
  });

  it("the spec of jwt_bearer with a signed assertion has its key, claims and lifetime", async () => {
    const keys = { agent: { ...key, alg: "RS256" } } as const;
    const assertion = { key: "agent", issuer: "a", subject: "b" };
    expect(await grantOf({ type: "jwt_bearer", client, assertion }, { keys })).toEqual({
      type: "jwt_bearer",
      client: clientSpec,
      assertion: {
        kind: "signed",
        key: keys.agent,
        issuer: "a",
        subject: "b",
        audience: "issuer",
        lifetime: 300_000,
        claims: {},
      },
      ...nothing,
    });
    const claims = { scope: "a b", nested: { list: [1, null, true] } };
    const told = { ...assertion, key, audience: "token_endpoint", lifetime: "1h", claims };
    expect(await grantOf({ type: "jwt_bearer", client, assertion: told })).toMatchObject({
      assertion: { kind: "signed", key, audience: "token_endpoint", lifetime: 3_600_000, claims },
    });
  });

  it("the spec of token_exchange has the URIs of token types, also for short names", async () => {
    expect(await grantOf({ type: "token_exchange", client, subject })).toEqual({
      type: "token_exchange",
      client: clientSpec,
      subject: { token: reference, type: uri("access_token") },
      ...nothing,
    });
    expect(
      await grantOf({
        type: "token_exchange",
        client,
        subject: { token: { runtime: true }, type: "saml2" },
        actor: subject,
        requestedType: "urn:x:y",
      }),
    ).toMatchObject({
      subject: { token: { runtime: true }, type: uri("saml2") },
      actor: { token: reference, type: uri("access_token") },
      requestedType: "urn:x:y",
    });
    for (const type of ["access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt"] as const) {
      const grant = { type: "token_exchange", client, subject, requestedType: type } as const;
      expect(await grantOf(grant)).toMatchObject({ requestedType: uri(type) });
    }
  });

  it("the spec of enterprise_managed has both clients", async () => {
    const clients = { idp: { issuer: "https://idp.example", id: "y" } };
    const idp = { client: "idp", subject: { token: { runtime: true } } } as const;
    expect(await grantOf({ type: "enterprise_managed", client, idp }, { clients })).toEqual({
      type: "enterprise_managed",
      client: clientSpec,
      idp: {
        client: { ...clients.idp, credential: { kind: "none" } },
        subject: { token: { runtime: true }, type: uri("id_token") },
      },
      ...nothing,
    });
    const typed = { client: "idp", subject: { ...subject, type: "saml2" } } as const;
    expect(await grantOf({ type: "enterprise_managed", client, idp: typed }, { clients })).toMatchObject({
      idp: { subject: { type: uri("saml2") } },
    });
  });

  it("the spec of extension has the grant type, and the parameters as its own", async () => {
    const params = { account_id: "a-1", assertion: { file: "saml" } };
    const grantType = "urn:ietf:params:oauth:grant-type:saml2-bearer";
    expect(await grantOf({ type: "extension", client, grantType, params })).toEqual({
      type: "extension",
      client: clientSpec,
      grantType,
      ...nothing,
      params: { account_id: "a-1", assertion: { file: "/etc/agent/saml" } },
    });
  });

  it("the spec of a grant says which token is used only if it is the ID token", async () => {
    expect(await grantOf({ client, use: "id_token" })).toMatchObject({ use: "id_token" });
    for (const more of [{}, { use: "access_token" } as const])
      expect(await grantOf({ client, ...more })).not.toHaveProperty("use");
    const claims = { target_audience: "https://crm.run.example" };
    const assertion = { key, issuer: "a", subject: "b", claims };
    const google = { type: "jwt_bearer", client: { issuer }, assertion, use: "id_token" } as const;
    expect(await grantOf(google)).toMatchObject({ use: "id_token", assertion: { claims } });
  });

  it("the spec of each grant has the settings that all grants share", async () => {
    const common = {
      scopes: ["a"],
      resource: "https://crm.example/MCP/",
      audience: "x",
      params: { organization: "acme", pin: { file: "pin" } },
    };
    const expected = {
      ...common,
      audience: ["x"],
      params: { organization: "acme", pin: { file: "/etc/agent/pin" } },
    };
    const grants: Server["grant"][] = [
      { client },
      { type: "jwt_bearer", client, assertion: reference },
      { type: "token_exchange", client, subject },
      { type: "enterprise_managed", client, idp: { client, subject } },
      { type: "extension", client, grantType: "account_credentials", params: {} },
    ];
    for (const grant of grants) {
      expect(await grantOf({ ...grant, ...common } as Server["grant"])).toMatchObject(expected); // Of the same type.
    }
    expect(await grantOf({ client, resource: false, audience: ["x", "y"] })).toMatchObject({
      resource: false,
      audience: ["x", "y"],
    });
  });
});

it("a server can have step-up scopes, and a DPoP key by name, inline or generated", async () => {
  expect(await specOf({ grant: { client }, stepUp: ["a", "b"], dpop: true })).toMatchObject({
    stepUp: ["a", "b"],
    dpop: {},
  });
  expect((await specOf({ grant: { client } })).dpop).toBeUndefined();
  expect((await specOf({ grant: { client }, dpop: { key } })).dpop).toEqual({ key });
  const keys = { agent: { signer: { name: "kms" }, alg: "ES256" } } as const;
  expect((await specOf({ grant: { client }, dpop: { key: "agent" } }, { keys })).dpop).toEqual({
    key: { signer: { name: "kms", format: "raw" }, alg: "ES256" },
  });
});

const signed = { key, issuer: "a", subject: "b" };
const extension = {
  type: "extension",
  client,
  grantType: "account_credentials",
  params: { account_id: "a" },
};
const exchange = { type: "token_exchange", client };
const subjectParams = { subject_token: reference, subject_token_type: uri("jwt") };
const withGrantType = (grantType: unknown) => withGrant({ ...extension, grantType });
const withSigned = (change: object) => {
  return withGrant({ type: "jwt_bearer", client, assertion: { ...signed, ...change } });
};

it.each([
  [
    "an undefined client",
    withGrant({ type: "token_exchange", client: "acme", subject }),
    `${inGrant}/client: Must be the name of one of the \`clients\`. There are no \`clients\`.`,
  ],
  [
    "an undefined client of the identity provider",
    withGrant({ type: "enterprise_managed", client, idp: { client: "okta", subject } }),
    `${inGrant}/idp/client: Must be the name of one of the \`clients\`. There are no \`clients\`.`,
  ],
  [
    "an undefined key of an assertion",
    withSigned({ key: "agent" }),
    `${inGrant}/assertion/key: Must be the name of one of the \`keys\`. There are no \`keys\`.`,
  ],
  [
    "an undefined key for DPoP",
    crm({ dpop: { key: "agent" } }),
    "/servers/crm/dpop/key: Must be the name of one of the `keys`. There are no `keys`.",
  ],
  [
    "an http issuer of the identity provider",
    withGrant({
      type: "enterprise_managed",
      client,
      idp: { client: { ...client, issuer: "http://idp.example" }, subject },
    }),
    `${inGrant}/idp/client/issuer: Must be https: plain http is only for loopback. Write https://.`,
  ],
  [
    "an assertion without an issuer",
    withSigned({ issuer: undefined }),
    `${inGrant}/assertion: The property "issuer" is missing.`,
  ],
  [
    "a signed assertion that is also a reference",
    withSigned({ env: "X" }),
    `${inGrant}/assertion/env: Unknown property "env". Allowed here: key, issuer, subject, audience, lifetime, claims.`,
  ],
  [
    "an assertion that is valid for more than an hour",
    withSigned({ lifetime: "61m" }),
    `${inGrant}/assertion/lifetime: An assertion can be valid for at most one hour, 1h.`,
  ],
  [
    "a claim that has its own property",
    withSigned({ claims: { aud: "x" } }),
    `${inGrant}/assertion/claims/aud: The claim aud is set by this package. Use the property \`audience\` of the \`assertion\`.`,
  ],
  [
    "a claim that only the package can set",
    withSigned({ claims: { jti: "x" } }),
    `${inGrant}/assertion/claims/jti: The claim jti is set by this package. Remove it.`,
  ],
  [
    "the claim nbf",
    withSigned({ claims: { nbf: 1 } }),
    `${inGrant}/assertion/claims/nbf: The claim nbf is not sent: it fails if clocks differ, and \`exp\` is enough. Remove it.`,
  ],
  [
    "a misspelled token type",
    withGrant({ type: "token_exchange", client, subject: { ...subject, type: "acces_token" } }),
    `${inGrant}/subject/type: Must be access_token, refresh_token, id_token, saml1, saml2, jwt, or the URI of a token type, found a string of 11 characters. Did you mean "access_token"?`,
  ],
  [
    "runtime false",
    withGrant({ type: "token_exchange", client, subject: { token: { runtime: false } } }),
    `${inGrant}/subject/token/runtime: Must be \`true\`, found false.`,
  ],
  [
    "a subject in one string",
    withGrant({ type: "token_exchange", client, subject: "eyJ" }),
    `${inGrant}/subject: Must be an object: { "token": … }, found a string of 3 characters.`,
  ],
  [
    "a resource with a fragment",
    withGrant({ client, resource: "https://a.example/#b" }),
    `${inGrant}/resource: Must be an absolute URI without fragment (RFC 8707), found a string of 20 characters.`,
  ],
  [
    "a resource that is no URI",
    withGrant({ client, resource: "crm" }),
    `${inGrant}/resource: Must be an absolute URI without fragment (RFC 8707), found a string of 3 characters.`,
  ],
  [
    "a resource that is true",
    withGrant({ client, resource: true }),
    `${inGrant}/resource: Must be \`false\` or the URI of a resource, found true.`,
  ],
  [
    "an audience twice",
    withGrant({ client, audience: ["a", "a"] }),
    `${inGrant}/audience/1: This is in the list twice. Keep one of them.`,
  ],
  [
    "scopes in one string",
    withGrant({ client, scopes: "a b" }),
    `${inGrant}/scopes: Must be a list of scopes, found a string of 3 characters. Write a list, with each value as a separate item: ["first", "second"].`,
  ],
  [
    "a parameter that is a number",
    withGrant({ client, params: { pin: 31415 } }),
    `${inGrant}/params/pin: Must be a string or a reference, such as { "env": "NAME" } or { "file": "path" }, found a number. Write it in quotes.`,
  ],
  [
    "a parameter with a space in its name",
    withGrant({ client, params: { "a b": "x" } }),
    `${inGrant}/params/a b: The name of a parameter is printable ASCII without spaces.`,
  ],
  [
    "DPoP for a static token",
    crm({ grant: { type: "static", token: reference }, dpop: true }),
    "/servers/crm/dpop: A static token cannot be bound to a key: it was issued without one. Remove `dpop`, or use another grant.",
  ],
  [
    "DPoP that is false",
    crm({ dpop: false }),
    '/servers/crm/dpop: Must be `true` or { "key": … }, found false; leave it out instead of `false`.',
  ],
  ["DPoP with an empty object", crm({ dpop: {} }), '/servers/crm/dpop: The property "key" is missing.'],
  [
    "an extension without a grant type",
    withGrant({ ...extension, grantType: undefined }),
    `${inGrant}: The property "grantType" is missing.`,
  ],
  [
    "an extension without parameters",
    withGrant({ ...extension, params: undefined }),
    `${inGrant}: The property "params" is missing.`,
  ],
  [
    "a grant type that is a number",
    withGrantType(1),
    `${inGrant}/grantType: Must be a string, found 1. Write it in quotes.`,
  ],
  [
    "a grant type with a space",
    withGrantType("account credentials"),
    `${inGrant}/grantType: Must be the name of a grant type (letters, digits, \`.\`, \`_\` and \`-\`) or an absolute URI, found a string of 19 characters.`,
  ],
  [
    "a grant type beside client_credentials",
    withGrant({ type: "client_credentials", client, grantType: "account_credentials" }),
    `${inGrant}/grantType: "grantType" belongs to the grant type extension.`,
  ],
  [
    "a grant type without a type",
    withGrant({ client, grantType: "account_credentials", params: {} }),
    `${inGrant}: The property "type" is missing. A grant with a "grantType" is { "type": "extension", "grantType": … }.`,
  ],
  [
    "a grant type inside of the client",
    withGrant({ client: { ...client, grantType: "account_credentials" } }),
    `${inGrant}/client/grantType: "grantType" belongs in a \`grant\` of type extension.`,
  ],
  [
    "a literal assertion in `params`",
    withGrant({ ...extension, params: { assertion: "eyJ" } }),
    `${inGrant}/params/assertion: Must be a reference, such as { "env": "NAME" } or { "file": "path" }, found a string of 3 characters. Write { "env": "CRM_ASSERTION" }, or { "file": "path" }, and remove the secret from the config.`,
  ],
  [
    "a variable in place of a reference in `params`",
    withGrant({ ...extension, params: { password: "${PASSWORD:-x}" } }),
    `${inGrant}/params/password: Must be a reference, such as { "env": "NAME" } or { "file": "path" }, found a string of 14 characters. Write { "env": "PASSWORD" }.`,
  ],
  [
    "a parameter of an extension that every request sets",
    withGrant({ ...extension, params: { scope: "x" } }),
    `${inGrant}/params/scope: The parameter scope cannot be set in \`params\`. Its value comes from the \`scopes\` of the grant.`,
  ],
  [
    "a token exchange without a subject",
    withGrant(exchange),
    `${inGrant}: The property "subject" is missing. Or give \`params\` a \`subject_token\` and a \`subject_token_type\`.`,
  ],
  [
    "a token exchange with other parameters and no subject",
    withGrant({ ...exchange, params: { organization: "acme" } }),
    `${inGrant}: The property "subject" is missing. Or give \`params\` a \`subject_token\` and a \`subject_token_type\`.`,
  ],
  [
    "a subject in `params`, whose name is misspelled",
    withGrant({ ...exchange, praams: subjectParams }),
    `${inGrant}/praams: Unknown property "praams". Did you mean "params"?`,
  ],
  [
    "a subject in `params` without the type of its token",
    withGrant({ ...exchange, params: { subject_token: reference } }),
    `${inGrant}/params: The property "subject_token_type" is missing. A token exchange without \`subject\` needs both parameters.`,
  ],
  [
    "a subject in `params` without its token",
    withGrant({ ...exchange, params: { subject_token_type: uri("jwt") } }),
    `${inGrant}/params: The property "subject_token" is missing. A token exchange without \`subject\` needs both parameters.`,
  ],
  [
    "a literal subject token in `params`",
    withGrant({ ...exchange, params: { ...subjectParams, subject_token: "eyJ" } }),
    `${inGrant}/params/subject_token: Must be a reference, such as { "env": "NAME" } or { "file": "path" }, found a string of 3 characters. Write { "env": "CRM_SUBJECT_TOKEN" }, or { "file": "path" }, and remove the secret from the config.`,
  ],
  [
    "the short name of a token type in `params`",
    withGrant({ ...exchange, params: { ...subjectParams, subject_token_type: "jwt" } }),
    `${inGrant}/params/subject_token_type: Must be the URI of a token type, because \`params\` are sent as they are written. Write ${uri("jwt")}.`,
  ],
  [
    "a subject token in `params` beside the subject",
    withGrant({ ...exchange, subject, params: { subject_token: reference } }),
    `${inGrant}/params/subject_token: The parameter subject_token cannot be set in \`params\`. Its value comes from the \`subject.token\` of a grant "token_exchange".`,
  ],
  [
    "a credential without a client id in token_exchange",
    withGrant({ ...exchange, client: { issuer, secret: reference }, subject }),
    `${inGrant}/client: The property "id" is missing. Only a client without a credential can omit it.`,
  ],
  [
    "a runtime assertion that is false",
    withGrant({ type: "jwt_bearer", client, assertion: { runtime: false } }),
    `${inGrant}/assertion/runtime: Must be \`true\`, found false.`,
  ],
  [
    "a runtime assertion that is also a reference",
    withGrant({ type: "jwt_bearer", client, assertion: { runtime: true, env: "X" } }),
    `${inGrant}/assertion/env: Unknown property "env". Allowed here: runtime.`,
  ],
  [
    "`runtime` beside the assertion",
    withGrant({ type: "jwt_bearer", client, runtime: true }),
    `${inGrant}/runtime: "runtime" belongs in \`assertion\`. Write { "assertion": { "runtime": true } }.`,
  ],
  [
    "the subject of a user under jwt_bearer",
    withGrant({ type: "jwt_bearer", client, subject: { token: { runtime: true } } }),
    `${inGrant}/subject: "subject" belongs in \`assertion\`.`,
  ],
  [
    "a runtime assertion of a client",
    withGrant({ client: { issuer, id: "x", assertion: { runtime: true } } }),
    `${inGrant}/client/assertion/runtime: "runtime" belongs in the \`token\` of a \`subject\` or the \`assertion\` of a jwt_bearer grant, and nowhere else.`,
  ],
  [
    "an unknown use",
    withGrant({ client, use: "jwt" }),
    `${inGrant}/use: Must be one of "access_token", "id_token", found a string of 3 characters.`,
  ],
  [
    "a misspelled use",
    withGrant({ client, use: "id-token" }),
    `${inGrant}/use: Must be one of "access_token", "id_token", found "id-token". Did you mean "id_token"?`,
  ],
  [
    "a use that is a list",
    withGrant({ client, use: ["id_token"] }),
    `${inGrant}/use: Must be one of "access_token", "id_token", found a list.`,
  ],
  [
    "a use of a static token",
    withGrant({ type: "static", token: reference, use: "id_token" }),
    `${inGrant}/use: "use" belongs to the grant types client_credentials, jwt_bearer, token_exchange, enterprise_managed, refresh_token and extension.`,
  ],
  ["a use beside the grant", crm({ use: "id_token" }), '/servers/crm/use: "use" belongs in `grant`.'],
  [
    "a use inside of the client",
    withGrant({ client: { ...client, use: "id_token" } }),
    `${inGrant}/client/use: "use" belongs in \`grant\`.`,
  ],
  [
    "DPoP for an ID token",
    crm({ grant: { client, use: "id_token" }, dpop: true }),
    "/servers/crm/dpop: An ID token cannot be bound to a key. Remove `dpop`, or remove `use` from the grant.",
  ],
  [
    "an ID token whose audience is not known",
    withGrant({ type: "jwt_bearer", client: { issuer }, assertion: signed, use: "id_token" }),
    `${inGrant}/use: The config does not tell for which audience the ID token must be. Set \`audience\`, or the claim \`target_audience\` of the \`assertion\` if it is signed here.`,
  ],
  [
    "an ID token whose target_audience is a number",
    withGrant({
      ...{ type: "jwt_bearer", client: { issuer }, use: "id_token" },
      assertion: { ...signed, claims: { target_audience: 7 } },
    }),
    `${inGrant}/use: The config does not tell for which audience the ID token must be. Set \`audience\`, or the claim \`target_audience\` of the \`assertion\` if it is signed here.`,
  ],
  ["an empty step-up", crm({ stepUp: [] }), "/servers/crm/stepUp: Must not be empty. Omit it instead."],
])("one violation is reported for %s", async (_what, config, expected) => {
  expect(await violationsOf(config)).toEqual([expected]);
});

it("the hint for a reserved parameter names the property to use instead", async () => {
  const params = Object.fromEntries([...reservedParams.keys(), "username"].map((name) => [name, "x"]));
  const lines = await violationsOf(withGrant({ client, params }));
  expect(lines).toHaveLength(18);
  expect(lines).toContain(
    `${inGrant}/params/scope: The parameter scope cannot be set in \`params\`. Its value comes from the \`scopes\` of the grant.`,
  );
  expect(lines).toContain(
    `${inGrant}/params/redirect_uri: The parameter redirect_uri cannot be set in \`params\`. No grant here uses it.`,
  );
  for (const [name, field] of reservedParams) {
    const named = lines.find((line) => line.startsWith(`${inGrant}/params/${name}:`));
    expect(named).toContain(field ?? "No grant here");
  }
});

const ownTypes = [
  ["client_credentials", "client_credentials"],
  ["refresh_token", "refresh_token"],
  ["jwt_bearer", "jwt_bearer"],
  ["urn:ietf:params:oauth:grant-type:jwt-bearer", "jwt_bearer"],
  ["token_exchange", "token_exchange"],
  ["urn:ietf:params:oauth:grant-type:token-exchange", "token_exchange"],
];
it.each(ownTypes)("an extension with the grant type %s is told to use the type %s", async (name, type) => {
  expect(await violationsOf(withGrantType(name))).toEqual([
    `${inGrant}/grantType: This grant has a type of its own. Write { "type": "${type}" }.`,
  ]);
});

it.each([
  "authorization_code",
  "device_code",
  "urn:ietf:params:oauth:grant-type:device_code",
  "urn:openid:params:grant-type:ciba",
])("the grant type %s is refused, because it needs a person", async (name) => {
  expect(await violationsOf(withGrantType(name))).toEqual([
    `${inGrant}/grantType: This grant needs a person who signs in for each token. If a person has signed in once, use the refresh token: { "type": "refresh_token" }.`,
  ]);
});

it("the grant type password is refused, with the grant to use instead", async () => {
  expect(await violationsOf(withGrantType("password"))).toEqual([
    `${inGrant}/grantType: This grant needs the password of a person, and must not be used (RFC 9700 §2.4). Register a client for the agent and use { "type": "client_credentials" }.`,
  ]);
});

it("an extension accepts parameters of other grants, and grant types that are names or URIs", async () => {
  for (const name of ["account_credentials", "x.y-z_1", "urn:acme:grant", "https://acme.example/grant"]) {
    const params = { assertion: reference, subject_token: reference, code: "x", redirect_uri: "y" };
    expect(await violationsOf(withGrant({ ...extension, grantType: name, params }))).toEqual([]);
  }
});

it("a misspelled token type is corrected", async () => {
  const text = JSON.stringify({
    servers: {
      crm: {
        ...smallest.servers.crm,
        grant: { type: "token_exchange", client, subject: { ...subject, type: "id-token" } },
      },
    },
  });
  const cwd = await folder({ "mcp-auth.config.json": text });
  const { fixed } = await checkConfig({ cwd, env: {} });
  expect(fixed).toEqual({ text: text.replace("id-token", "id_token"), count: 1 });
});
