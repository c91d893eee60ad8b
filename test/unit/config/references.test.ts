import { expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { client } from "./folder.js";
import { violationsOf, withCredential, withGrant, withKey, withSecret } from "./violations-of.js";

const place = "/servers/crm/grant/client/secret";
const reference = 'Must be a reference to a secret, such as { "env": "NAME" } or { "file": "path" }';
const pointer = "A `pointer` can be used only with `env`, `file`, `exec` and `resolver`";

it.each([
  [
    { file: "s.json", pointer: "/client_secret" },
    { file: "/etc/agent/s.json", pointer: "/client_secret" },
  ],
  [
    { file: "/run/s", pointer: "" },
    { file: "/run/s", pointer: "" },
  ],
  [{ exec: ["op", "read", ""] }, { exec: ["op", "read", ""], cwd: "/etc/agent", timeout: 10_000 }],
  [
    { exec: ["x"], timeout: "500ms", pointer: "/a~0b/c~1d/0" },
    { exec: ["x"], cwd: "/etc/agent", timeout: 500, pointer: "/a~0b/c~1d/0" },
  ],
  [
    { env: "VCAP_SERVICES", pointer: "/xsuaa/0/credentials/clientsecret" },
    { env: "VCAP_SERVICES", pointer: "/xsuaa/0/credentials/clientsecret" },
  ],
  [{ githubActions: {} }, { githubActions: {} }],
  [{ githubActions: { audience: "a" } }, { githubActions: { audience: "a" } }],
  [{ gcp: { audience: "a" } }, { gcp: { audience: "a" } }],
  [{ azure: { resource: "api://a" } }, { azure: { resource: "api://a" } }],
  [{ azure: { resource: "a", clientId: "b" } }, { azure: { resource: "a", clientId: "b" } }],
  [{ aws: { audience: "a" } }, { aws: { audience: "a" } }],
  [
    { resolver: "aws", ref: "prod/crm" },
    { resolver: "aws", ref: "prod/crm" },
  ],
  [
    { resolver: "aws", ref: "prod/crm", pointer: "/s" },
    { resolver: "aws", ref: "prod/crm", pointer: "/s" },
  ],
])("the reference %j is built as %j", async (secret, expected) => {
  const config = withSecret(secret);
  const spec = await loadConfig({ config: config as never, cwd: "/etc/agent", env: {} });
  expect(spec.servers.get("crm")).toMatchObject({
    spec: { grant: { client: { credential: { kind: "secret", secret: expected } } } },
  });
});

it.each([
  [
    "a pointer that is a list",
    { env: "A", pointer: ["x"] },
    `${place}/pointer: Must be a string, found a list.`,
  ],
  ["a pointer with githubActions", { githubActions: {}, pointer: "/x" }, `${place}/pointer: ${pointer}.`],
  [
    "a pointer without a leading slash",
    { file: "A", pointer: "x" },
    `${place}/pointer: Must be a JSON pointer (RFC 6901), such as "/client_secret", found a string of 1 character; in a name ~ is written ~0 and / is written ~1.`,
  ],
  [
    "a pointer with an unescaped tilde",
    { file: "A", pointer: "/a~b" },
    `${place}/pointer: Must be a JSON pointer (RFC 6901), such as "/client_secret", found a string of 4 characters; in a name ~ is written ~0 and / is written ~1.`,
  ],
  [
    "two sources and a pointer",
    { env: "A", file: "b", pointer: "/x" },
    `${place}: A secret must have one source. Keep one of the two.`,
  ],
  [
    "a function and a command",
    { resolver: "aws", exec: ["x"] },
    `${place}: A secret must have one source. Keep one of the two.`,
  ],
  ["no source", { pointer: "/x" }, `${place}: ${reference}, found an object.`],
  ["a ref without a resolver", { ref: "x" }, `${place}: ${reference}, found an object.`],
  [
    "a ref for a file",
    { file: "x", ref: "y" },
    `${place}/ref: A \`ref\` can be used only with \`resolver\`.`,
  ],
  ["a resolver without its ref", { resolver: "aws" }, `${place}: The property "ref" is missing.`],
  [
    "a timeout for a file",
    { file: "x", timeout: "1s" },
    `${place}/timeout: A \`timeout\` can be used only with \`exec\`.`,
  ],
  ["a misspelled source", { exce: ["x"] }, `${place}/exce: Unknown property "exce". Did you mean "exec"?`],
  [
    "a command in one string",
    { exec: "op read x" },
    `${place}/exec: Must be a command and its arguments as a list, such as ["cmd", "arg"], found a string of 9 characters.`,
  ],
  ["an empty command", { exec: [] }, `${place}/exec: Must not be empty.`],
  [
    "a number as an argument",
    { exec: ["x", 31415] },
    `${place}/exec/1: Must be a string, found a number. Write it in quotes.`,
  ],
  [
    "githubActions that is true",
    { githubActions: true },
    `${place}/githubActions: Must be an object: {} or { "audience": … }, found true.`,
  ],
  ["gcp without an audience", { gcp: {} }, `${place}/gcp: The property "audience" is missing.`],
  ["gcp that is true", { gcp: true }, `${place}/gcp: Must be an object: { "audience": … }, found true.`],
  [
    "the audience itself in place of gcp",
    { gcp: "https://auth.example" },
    `${place}/gcp: Must be an object: { "audience": … }, found a string of 20 characters.`,
  ],
  ["an empty audience", { gcp: { audience: "" } }, `${place}/gcp/audience: Must not be empty.`],
  [
    "a list of audiences",
    { aws: { audience: ["a"] } },
    `${place}/aws/audience: Must be a string, found a list.`,
  ],
  [
    "the resource of azure in gcp",
    { gcp: { resource: "a" } },
    `${place}/gcp/resource: Unknown property "resource". Did you mean "audience"?`,
  ],
  [
    "the audience of gcp in azure",
    { azure: { audience: "a" } },
    `${place}/azure/audience: Unknown property "audience". Did you mean "resource"?`,
  ],
  ["azure without a resource", { azure: {} }, `${place}/azure: The property "resource" is missing.`],
  [
    "a scope in place of a resource",
    { azure: { resource: "api://a/.default" } },
    `${place}/azure/resource: Must be the application ID URI or the client ID of an application, without "/.default", found a string of 16 characters.`,
  ],
  [
    "a misspelled client id",
    { azure: { resource: "a", clientID: "b" } },
    `${place}/azure/clientID: Unknown property "clientID". Did you mean "clientId"?`,
  ],
  ["aws with a pointer", { aws: { audience: "a" }, pointer: "/x" }, `${place}/pointer: ${pointer}.`],
  [
    "gcp with a timeout",
    { gcp: { audience: "a" }, timeout: "1s" },
    `${place}/timeout: A \`timeout\` can be used only with \`exec\`.`,
  ],
  [
    "azure with a ref",
    { azure: { resource: "a" }, ref: "x" },
    `${place}/ref: A \`ref\` can be used only with \`resolver\`.`,
  ],
  [
    "two platforms",
    { gcp: { audience: "a" }, azure: { resource: "a" } },
    `${place}: A secret must have one source. Keep one of the two.`,
  ],
  [
    "a platform and a file",
    { aws: { audience: "a" }, file: "t" },
    `${place}: A secret must have one source. Keep one of the two.`,
  ],
])("in a reference, one violation is reported for %s", async (_what, secret, expected) => {
  expect(await violationsOf(withSecret(secret))).toEqual([expected]);
});

const literal = "s3cr3t-V4lue-0451";
const subject = { token: { env: "T" } };
const exchange = { type: "token_exchange", client, subject };
const certificate = { cert: { file: "c" }, key: { file: "k" } };

it.each([
  ["client assertion", (text: string) => withCredential({ assertion: text }), "CRM_ASSERTION"],
  [
    "grant assertion",
    (text: string) => withGrant({ type: "jwt_bearer", client, assertion: text }),
    "CRM_ASSERTION",
  ],
  [
    "subject token",
    (text: string) => withGrant({ ...exchange, subject: { token: text } }),
    "CRM_SUBJECT_TOKEN",
  ],
  ["actor token", (text: string) => withGrant({ ...exchange, actor: { token: text } }), "CRM_ACTOR_TOKEN"],
  [
    "subject token of the identity provider",
    (text: string) =>
      withGrant({ type: "enterprise_managed", client, idp: { client, subject: { token: text } } }),
    "CRM_IDP_SUBJECT_TOKEN",
  ],
  [
    "secret at the identity provider",
    (text: string) =>
      withGrant({
        type: "enterprise_managed",
        client,
        idp: { client: { ...client, secret: text }, subject },
      }),
    "CRM_IDP_SECRET",
  ],
  [
    "certificate",
    (text: string) => withCredential({ certificate: { ...certificate, cert: text } }),
    "CRM_CERTIFICATE",
  ],
  [
    "key of a certificate",
    (text: string) => withCredential({ certificate: { ...certificate, key: text } }),
    "CRM_PRIVATE_KEY",
  ],
  [
    "certificate of a key",
    (text: string) => withKey({ privateKey: { env: "K" }, certificate: text }),
    "CRM_CERTIFICATE",
  ],
])("a literal %s is one violation, which prints the reference to write", async (_what, config, name) => {
  const [line, ...more] = await violationsOf(config(literal));
  expect(more).toEqual([]);
  expect(line).toContain(`Write { "env": "${name}" }, or { "file": "path" }, and remove the secret`);
  expect(line).not.toMatch(/s3cr3t|V4lue|0451/);
  // The value of the variable is not read.
  const interpolated = await violationsOf(config("${OF_MINE}"), { OF_MINE: literal });
  expect(interpolated).toHaveLength(1);
  expect(interpolated[0]).toContain('Write { "env": "OF_MINE" }.');
});
