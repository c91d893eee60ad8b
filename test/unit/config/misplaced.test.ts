import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { correctPlaceOf } from "../../../src/config/misplaced.js";
import { client } from "./folder.js";
import {
  crm,
  violationsOf,
  withClient,
  withCredential,
  withGrant,
  withKey,
  withSecret,
} from "./violations-of.js";

const url = "https://crm.example/mcp";
const reference = { env: "T" };
const subject = { token: reference };
const exchange = { type: "token_exchange", client, subject };
const enterprise = { type: "enterprise_managed", client, idp: { client, subject } };

it.each([
  [
    "a subject under client_credentials",
    withGrant({ type: "client_credentials", client, subject }),
    '/grant/subject: "subject" belongs to the grant type token_exchange.',
  ],
  [
    "an assertion beside client_credentials",
    withGrant({ type: "client_credentials", client, assertion: reference }),
    '/grant/assertion: "assertion" belongs to the grant type jwt_bearer. The assertion of a client belongs in the `client`.',
  ],
  [
    "an idp under token_exchange",
    withGrant({ ...exchange, idp: { client, subject } }),
    '/grant/idp: "idp" belongs to the grant type enterprise_managed.',
  ],
  [
    "a token under jwt_bearer",
    withGrant({ type: "jwt_bearer", client, assertion: reference, token: reference }),
    '/grant/token: "token" belongs to the grant type static.',
  ],
  [
    "several fields of one other grant",
    withGrant({ type: "client_credentials", client, actor: subject, requestedType: "jwt" }),
    '/grant/actor: "actor" and "requestedType" belong to the grant type token_exchange.',
  ],
  [
    "an audience under static",
    withGrant({ type: "static", token: reference, audience: "x" }),
    '/grant/audience: "audience" belongs to the grant types client_credentials, jwt_bearer, token_exchange, enterprise_managed, refresh_token and extension.',
  ],
  [
    "the token beside the subject",
    withGrant({ type: "token_exchange", client, token: reference }),
    '/grant/token: "token" belongs in `subject`.',
  ],
  [
    "the subject beside the idp",
    withGrant({ type: "enterprise_managed", client, idp: { client }, subject }),
    '/grant/subject: "subject" belongs in `idp`.',
  ],
  ["scopes beside the grant", crm({ scopes: ["a"] }), '/scopes: "scopes" belongs in `grant`.'],
  [
    "scope beside the grant",
    crm({ scope: "a" }),
    '/scope: "scope" belongs in `grant`. Its name is "scopes".',
  ],
  [
    "the client in place of the grant",
    { servers: { crm: { url, client } } },
    '/client: "client" belongs in `grant`.',
  ],
  [
    "the client beside an empty grant",
    { servers: { crm: { url, grant: {}, client } } },
    '/client: "client" belongs in `grant`.',
  ],
  [
    "a subject beside the grant",
    { servers: { crm: { url, grant: { type: "token_exchange", client }, subject } } },
    '/subject: "subject" belongs in a `grant` of type token_exchange.',
  ],
  [
    "the fields of the client in the grant",
    withGrant(client),
    '/grant/issuer: "issuer", "id" and "secret" belong in the `client`.',
  ],
  [
    "the fields of the client in the server",
    { servers: { crm: { url, ...client } } },
    '/issuer: "issuer", "id" and "secret" belong in the `client`.',
  ],
  [
    "stepUp in the grant",
    withGrant({ client, stepUp: ["a"] }),
    '/grant/stepUp: "stepUp" belongs in the server, beside `grant`.',
  ],
  [
    "the URL of the server in the grant",
    { servers: { crm: { grant: { url, client } } } },
    '/grant/url: "url" belongs in the server, beside `grant`.',
  ],
  [
    "dpop in the client",
    withClient({ dpop: true }),
    '/grant/client/dpop: "dpop" belongs in the server, beside `grant`.',
  ],
  [
    "a key's reference as dpop",
    crm({ dpop: reference }),
    '/dpop/env: "env" belongs in the `privateKey` of the `key`. Write { "key": { "privateKey": { "env": … } } }.',
  ],
  [
    "the parts of a key in dpop",
    crm({ dpop: { privateKey: reference, alg: "ES256" } }),
    '/dpop/privateKey: "privateKey" and "alg" belong in the `key`.',
  ],
  [
    "an audience in the client",
    withClient({ audience: "x" }),
    '/grant/client/audience: "audience" belongs in `grant`.',
  ],
  [
    "a token endpoint in the client",
    withClient({ tokenEndpoint: url }),
    '/grant/client/tokenEndpoint: "tokenEndpoint" belongs in the `metadata` of the `client`.',
  ],
  [
    "the parts of a key in the client",
    withCredential({ privateKey: reference, alg: "ES256" }),
    '/grant/client/privateKey: "privateKey" and "alg" belong in the `key`.',
  ],
  [
    "the headers of a client in its metadata",
    withClient({ metadata: { tokenEndpoint: url, headers: { "x-a": "1" } } }),
    '/grant/client/metadata/headers: "headers" belongs in the `client`, beside `metadata`.',
  ],
  [
    "headers in the grant",
    withGrant({ client, headers: { "x-a": "1" } }),
    '/grant/headers: "headers" belongs in the server, for the MCP server, or in the `client`, for its authorization server.',
  ],
  [
    "the headers of a certificate in the client",
    withClient({ certificateHeaders: ["x5c"] }),
    '/grant/client/certificateHeaders: "certificateHeaders" belongs in the `key`.',
  ],
  [
    "the headers of a certificate in a certificate for TLS",
    withCredential({ certificate: { cert: reference, key: reference, certificateHeaders: ["x5c"] } }),
    '/grant/client/certificate/certificateHeaders: "certificateHeaders" belongs in a `key` that signs, beside its `certificate`.',
  ],
  [
    "the lifetime of client assertions in the key",
    withKey({ privateKey: reference, assertionLifetime: "2m" }),
    '/grant/client/key/assertionLifetime: "assertionLifetime" belongs in the `client`.',
  ],
  [
    "a proxy in the server",
    crm({ proxy: false }),
    '/proxy: "proxy" belongs in `network`, at the top of the config.',
  ],
  ["the keys in the server", crm({ keys: {} }), '/keys: "keys" belongs at the top of the config.'],
  [
    "a schedule beside refresh",
    crm({ schedule: "* * * * *" }),
    '/schedule: "schedule" belongs in `refresh`.',
  ],
  [
    "a file as a key",
    withKey({ file: "k.pem" }),
    '/grant/client/key/file: "file" belongs in `privateKey`. Write { "privateKey": { "file": … } }.',
  ],
  [
    "a command as a key",
    withKey({ exec: ["x"] }),
    '/grant/client/key/exec: "exec" belongs in `privateKey`. Write { "privateKey": { "exec": … } }, or { "signer": { "exec": … } } for a command that signs.',
  ],
  [
    "a file as a certificate",
    withCredential({ certificate: { file: "c.pem" } }),
    '/grant/client/certificate/file: "file" belongs in `cert`. Write { "cert": { "file": … }, "key": { "file": … } }.',
  ],
  [
    "a reference as a subject",
    withGrant({ ...exchange, subject: { file: "t" } }),
    '/grant/subject/file: "file" belongs in `token`. Write { "token": { "file": … } }.',
  ],
  [
    "a reference as a static grant",
    withGrant({ type: "static", env: "T" }),
    '/grant/env: "env" belongs in `token`. Write { "token": { "env": … } }.',
  ],
  [
    "a reference as a grant jwt_bearer",
    withGrant({ type: "jwt_bearer", client, file: "t" }),
    '/grant/file: "file" belongs in `assertion`. Write { "assertion": { "file": … } }.',
  ],
  [
    "the schema of an editor in the server",
    crm({ $schema: "s.json" }),
    '/$schema: "$schema" belongs at the top of the config.',
  ],
  [
    "a reference as a client",
    withCredential({ env: "T" }),
    '/grant/client/env: "env" belongs in `secret`. Write { "secret": { "env": … } }.',
  ],
  [
    "a run-time subject without its token",
    withGrant({ ...exchange, subject: { runtime: true } }),
    '/grant/subject/runtime: "runtime" belongs in `token`. Write { "token": { "runtime": true } }.',
  ],
  [
    "the subject of an assertion beside it",
    withGrant({
      type: "jwt_bearer",
      client,
      assertion: { key: { privateKey: reference }, issuer: "a" },
      subject: "b",
    }),
    '/grant/subject: "subject" belongs in `assertion`.',
  ],
  [
    "the audience of GitHub beside it",
    withSecret({ githubActions: {}, audience: "a" }),
    '/grant/client/secret/audience: "audience" belongs in `githubActions`.',
  ],
  [
    "the audience of AWS beside it",
    withSecret({ aws: {}, audience: "a" }),
    '/grant/client/secret/audience: "audience" belongs in `aws`.',
  ],
  [
    "an audience without a platform",
    withSecret({ audience: "a" }),
    '/grant/client/secret/audience: "audience" belongs in `githubActions` or `gcp` or `aws`.',
  ],
  [
    "the resource and the client id of Azure beside it",
    withSecret({ azure: {}, resource: "a", clientId: "b" }),
    '/grant/client/secret/resource: "resource" and "clientId" belong in `azure`.',
  ],
  [
    "a passphrase in the client",
    withCredential({ certificate: { cert: reference, key: reference }, passphrase: reference }),
    '/grant/client/passphrase: "passphrase" belongs in the `key` or the `certificate`.',
  ],
  [
    "the form of a signature beside the signer",
    withKey({ signer: { name: "kms" }, alg: "ES256", format: "der" }),
    '/grant/client/key/format: "format" belongs in `signer`.',
  ],
  [
    "a run-time token as an actor",
    withGrant({ ...exchange, actor: { token: { runtime: true } } }),
    '/grant/actor/token/runtime: "runtime" belongs in the `token` of a `subject` or the `assertion` of a jwt_bearer grant, and nowhere else.',
  ],
  [
    "a run-time token as a secret",
    withSecret({ runtime: true }),
    '/grant/client/secret/runtime: "runtime" belongs in the `token` of a `subject` or the `assertion` of a jwt_bearer grant, and nowhere else.',
  ],
])("%s is one violation, which says where the property belongs", async (_what, config, expected) => {
  expect(await violationsOf(config)).toEqual([`/servers/crm${expected}`]);
});

it.each([
  ["subject", { client, subject }, "token_exchange"],
  ["actor", { client, actor: subject }, "token_exchange"],
  ["idp", { client, idp: enterprise.idp }, "enterprise_managed"],
  ["assertion", { client, assertion: reference }, "jwt_bearer"],
  ["token", { token: reference }, "static"],
])("a grant with %s and without a type gets a hint with the type", async (field, grant, type) => {
  const article = /^[ai]/.test(field) ? "an" : "a";
  expect(await violationsOf(withGrant(grant))).toEqual([
    `/servers/crm/grant: The property "type" is missing. A grant with ${article} "${field}" is { "type": "${type}", "${field}": … }.`,
  ]);
});

it("a grant with an unknown type is still checked", async () => {
  const grant = { type: "jwt-bearer", client: { ...client, secret: "hunter2" }, assertion: { flie: "x" } };
  const lines = await violationsOf(withGrant(grant));
  expect(lines).toHaveLength(3);
  expect(lines.join()).not.toContain("hunter2");
  expect(lines[2]).toContain('found "jwt-bearer". Did you mean "jwt_bearer"?');
});

it("a misplaced property of one server does not hide a missing property of another", async () => {
  const servers = { one: { url, client }, two: { url } };
  expect(await violationsOf({ servers })).toEqual([
    '/servers/one/client: "client" belongs in `grant`.',
    '/servers/two: The property "grant" is missing.',
  ]);
});

it("every property of the schema has a correct place for hints", async () => {
  const schema = JSON.parse(
    await readFile(new URL("../../../schema/mcp-auth.schema.json", import.meta.url), "utf8"),
  );
  const definitions: { title: string; properties?: object }[] = [schema, ...Object.values(schema.$defs)];
  const names = (title: string) =>
    Object.keys(definitions.find((each) => each.title === title)?.properties ?? {});
  const homeless: string[] = [];
  for (const title of ["Server", "Client", "Refresh", "Retry", "Network", "Metadata", "Key"]) {
    for (const name of names(title)) {
      // A property that both definitions have is not misplaced.
      const inOther = title === "Key" || title === "Server" ? "Client" : "Server";
      const here = names(inOther).includes(name);
      if (!here && correctPlaceOf(name, inOther) === undefined) homeless.push(`${title}.${name}`);
    }
  }
  for (const title of definitions.map((each) => each.title).filter((each) => each.endsWith("Grant"))) {
    for (const name of names(title)) {
      if (correctPlaceOf(name, "Server") === undefined) homeless.push(`${title}.${name}`);
    }
  }
  expect(homeless).toEqual([]);
});
