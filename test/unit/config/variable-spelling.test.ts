// Variables that are written as in a shell or another tool, where a config has `${NAME}` or `{ "env": "NAME" }`.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../src/config/load.js";
import { client, folder } from "./folder.js";
import { crm, violationsOf, withClient, withCredential, withGrant, withSecret } from "./violations-of.js";

const inClient = "/servers/crm/grant/client";
const place = `${inClient}/secret`;
const reference = 'Must be a reference to a secret, such as { "env": "NAME" } or { "file": "path" }';
const variableName =
  "Must be the name of an environment variable (letters, digits and `_`, not starting with a digit)";
const tilde = "`~` is not expanded in a path. Write an absolute path, or one relative to the config file.";
const found = (text: string) => `, found a string of ${text.length} characters`;

describe("a variable in place of a reference", () => {
  it.each([
    "$CRM",
    "$env:CRM",
    "%CRM%",
    "{env:CRM}",
    "env:CRM",
    "process.env.CRM",
    "${CRM}",
    "${env:CRM}",
    "${CRM:-none}",
  ])("%s is one violation, whose hint is the reference to write", async (text) => {
    expect(await violationsOf(withSecret(text), { CRM: "s" })).toEqual([
      `${place}: ${reference}${found(text)}. Write { "env": "CRM" }.`,
    ]);
  });

  it.each(["$Passw0rd", "$ecret", "100%CRM", "%41%", "pa$CRM", "$$CRM", "$CRM-SECRET"])(
    "%s may be a literal secret, of which no part is shown",
    async (text) => {
      expect(await violationsOf(withSecret(text))).toEqual([
        `${place}: ${reference}${found(text)}. Write { "env": "CRM_SECRET" }, or { "file": "path" }, and remove the secret from the config.`,
      ]);
    },
  );
});

describe("the name of a variable in a reference", () => {
  it.each(["$CRM", "${CRM}", "%CRM%", "{env:CRM}", "$env:CRM", "env:CRM", " CRM", "CRM\t", " $CRM "])(
    "%j is one violation, whose hint is the name alone",
    async (env) => {
      expect(await violationsOf(withSecret({ env }), { CRM: "s" })).toEqual([
        `${place}/env: ${variableName}. Write "CRM", the name alone.`,
      ]);
    },
  );

  it.each(["$crm", " crm", "%crm-secret%", "{crm}"])(
    "%j is one violation, whose hint shows no part of it, because it may be a secret",
    async (env) => {
      expect(await violationsOf(withSecret({ env }))).toEqual([
        `${place}/env: ${variableName}. Write the name alone, without spaces, $, % and braces.`,
      ]);
    },
  );

  it.each(["CRM-SECRET", "s3cr3t-V4lue", "1CRM"])("%j is one violation without a hint", async (env) => {
    expect(await violationsOf(withSecret({ env }))).toEqual([`${place}/env: ${variableName}${found(env)}.`]);
  });
});

describe("a path", () => {
  it.each(["~/agent.pem", "~", "~\\agent.pem"])(
    "%s is one violation, because a tilde is not expanded",
    async (file) => {
      expect(await violationsOf(withSecret({ file }))).toEqual([`${place}/file: ${tilde}`]);
      const network = { ...withClient({}), network: { ca: ["ca.pem", file] } };
      expect(await violationsOf(network)).toEqual([`/network/ca/1: ${tilde}`]);
      const store = { ...withClient({}), store: { type: "file", path: file, encryptionKey: { env: "K" } } };
      expect(await violationsOf(store)).toEqual([`/store/path: ${tilde}`]);
    },
  );

  it.each([
    ["$HOME/agent.pem", "$HOME", '"${HOME}"'],
    ["%USERPROFILE%\\agent.pem", "%USERPROFILE%", '"${USERPROFILE}"'],
    ["{env:HOME}/agent.pem", "{env:HOME}", '"${HOME}"'],
    ["./$STAGE/agent.pem", "$STAGE", '"${STAGE}"'],
  ])("%s is one violation, whose hint is the variable to write", async (file, variable, written) => {
    expect(await violationsOf(withSecret({ file }))).toEqual([
      `${place}/file: "${variable}" is not replaced by the value of a variable. Write ${written}.`,
    ]);
  });

  it("a tilde or a dollar sign elsewhere in a path is valid, and so is a variable of the config", async () => {
    for (const file of [
      "backup~/k",
      "~agent/k",
      "a/~/k",
      "$home/k",
      "price$/k",
      "100%/k",
      "${DIR}/k",
      "$/k",
    ]) {
      expect(await violationsOf(withSecret({ file }), { DIR: "/etc" })).toEqual([]);
    }
  });

  it("the value of a variable is checked too", async () => {
    expect(await violationsOf(withSecret({ file: "${DIR}/k" }), { DIR: "~" })).toEqual([
      `${place}/file: ${tilde}`,
    ]);
  });
});

describe("a value that is not secret", () => {
  const notUrl = "Must be an absolute URL that starts with https:// (or http:// on loopback)";
  const notIssuer =
    "Must be the issuer of the authorization server: an https:// URL (or http:// on loopback) without query or fragment";
  const notReplaced = "is not replaced by the value of a variable";

  it.each([
    [
      "a URL",
      crm({ url: "$CRM_URL" }),
      `/servers/crm/url: ${notUrl}${found("$CRM_URL")}. Write "\${CRM_URL}".`,
    ],
    [
      "a URL",
      crm({ url: "%CRM_URL%" }),
      `/servers/crm/url: ${notUrl}${found("%CRM_URL%")}. Write "\${CRM_URL}".`,
    ],
    [
      "a URL",
      crm({ url: "{env:CRM}" }),
      `/servers/crm/url: ${notUrl}${found("{env:CRM}")}. Write "\${CRM}".`,
    ],
    [
      "the host of a URL",
      crm({ url: "https://$CRM_HOST/mcp" }),
      `/servers/crm/url: "$CRM_HOST" ${notReplaced}. Write "\${CRM_HOST}".`,
    ],
    [
      "the path of a URL",
      crm({ url: "https://crm.example/%TENANT%/mcp" }),
      `/servers/crm/url: "%TENANT%" ${notReplaced}. Write "\${TENANT}".`,
    ],
    [
      "the query of a URL beside a variable of the config",
      crm({ url: "https://${HOST}/mcp?tenant={env:TENANT}" }),
      `/servers/crm/url: "{env:TENANT}" ${notReplaced}. Write "\${TENANT}".`,
    ],
    [
      "an issuer",
      withClient({ issuer: "$ISSUER" }),
      `${inClient}/issuer: ${notIssuer}${found("$ISSUER")}. Write "\${ISSUER}".`,
    ],
    [
      "an issuer",
      withClient({ issuer: "https://auth.example/$TENANT/v2" }),
      `${inClient}/issuer: "$TENANT" ${notReplaced}. Write "\${TENANT}".`,
    ],
    ["an id", withClient({ id: "$CRM_ID" }), `${inClient}/id: "$CRM_ID" ${notReplaced}. Write "\${CRM_ID}".`],
    [
      "an id",
      withClient({ id: "%CRM_ID%" }),
      `${inClient}/id: "%CRM_ID%" ${notReplaced}. Write "\${CRM_ID}".`,
    ],
    [
      "a resource",
      withGrant({ client, resource: "https://$HOST" }),
      `/servers/crm/grant/resource: "$HOST" ${notReplaced}. Write "\${HOST}".`,
    ],
    [
      "an audience",
      withGrant({ client, audience: ["a", "{env:AUDIENCE}"] }),
      `/servers/crm/grant/audience/1: "{env:AUDIENCE}" ${notReplaced}. Write "\${AUDIENCE}".`,
    ],
    [
      "a token endpoint",
      withClient({ metadata: { tokenEndpoint: "https://$AUTH_HOST/token" } }),
      `${inClient}/metadata/tokenEndpoint: "$AUTH_HOST" ${notReplaced}. Write "\${AUTH_HOST}".`,
    ],
    [
      "one of several values",
      crm({ reach: "$REACH" }),
      `/servers/crm/reach: Must be one of "origin", "path"${found("$REACH")}. Write "\${REACH}".`,
    ],
    [
      "a duration",
      crm({ timeout: "%TIMEOUT%" }),
      `/servers/crm/timeout: Must be a duration longer than zero, such as "500ms", "30s", "5m" or "1h"${found("%TIMEOUT%")}. Write "\${TIMEOUT}".`,
    ],
  ])(
    "%s with a variable of a shell is one violation, whose hint is what to write",
    async (_what, config, line) => {
      expect(await violationsOf(config, { HOST: "crm.example" })).toEqual([line]);
    },
  );

  it.each([
    ["headers", (value: string) => crm({ headers: { "x-key": value } }), "/servers/crm/headers/x-key"],
    [
      "headers of a client",
      (value: string) => withCredential({ headers: { "x-key": value } }),
      `${inClient}/headers/x-key`,
    ],
    [
      "params",
      (value: string) => withGrant({ client, params: { account: value } }),
      "/servers/crm/grant/params/account",
    ],
  ])("a value of %s that is only such a variable is one violation", async (_what, config, pointer) => {
    for (const value of ["$API_KEY", "%API_KEY%", "{env:API_KEY}"]) {
      expect(await violationsOf(config(value))).toEqual([
        `${pointer}: "${value}" ${notReplaced}. Write { "env": "API_KEY" }, or "\${API_KEY}" if it is not secret.`,
      ]);
    }
    // Such a text can be meant. A default of a variable that has no value is used as it is.
    for (const value of ["$5", "a $API_KEY b", "100%", "$select", "${NOWHERE:-$API_KEY}"]) {
      expect(await violationsOf(config(value))).toEqual([]);
    }
  });

  it("encoded characters, a dollar sign in an id, and the value of a variable are valid", async () => {
    for (const config of [
      crm({ url: "https://crm.example/%CAFE%20/mcp" }),
      crm({ url: "https://crm.example/$metadata?$filter=1" }),
      crm({ url: "https://crm.example/~agent/mcp" }),
      crm({ url: "${URL}" }),
      withClient({ id: "agent$1" }),
    ]) {
      expect(await violationsOf(config, { URL: "https://crm.example/$TENANT" })).toEqual([]);
    }
  });
});

describe("validate --fix", () => {
  async function fixed(name: string, text: string): Promise<string | undefined> {
    const cwd = await folder({ [name]: text });
    const env = { REACH: "$ELSEWHERE" };
    return (await checkConfig({ cwd, env, cliPath: join(cwd, name) })).fixed?.text;
  }
  const config = (url: string, id: string, secret: string, file: string) =>
    `{ "servers": { "crm": { "url": ${url}, "grant": { "client": { "issuer": "https://auth.example", "id": ${id}, "secret": ${secret} } },
  "headers": { "x-key": { "file": ${file} } } } } }`;

  it("corrects variables in JSON where only one thing can be meant", async () => {
    const wrong = config('"https://$HOST/%TENANT%/mcp"', '"{env:CRM_ID}"', '"$CRM_SECRET"', '"$HOME/key"');
    expect(await fixed("c.json", wrong)).toBe(
      config('"https://${HOST}/${TENANT}/mcp"', '"${CRM_ID}"', '{ "env": "CRM_SECRET" }', '"${HOME}/key"'),
    );
    const named = config('"https://crm.example"', '"a"', '{ "env": " $CRM_SECRET" }', '"k"');
    expect(await fixed("c.json", named)).toBe(named.replace(" $CRM_SECRET", "CRM_SECRET"));
  });

  it("writes a variable in quotes where YAML needs them", async () => {
    const text = (id: string, secret: string) =>
      `servers: { crm: { url: https://crm.example, grant: { client: { issuer: https://auth.example, id: ${id}, secret: ${secret} } } } }`;
    expect(await fixed("c.yaml", text("$CRM_ID", "{ env: $CRM_SECRET }"))).toBe(
      text('"${CRM_ID}"', "{ env: CRM_SECRET }"),
    );
  });

  it("leaves a home folder, a header and the value of a variable as they are", async () => {
    for (const text of [
      config('"https://crm.example"', '"a"', '{ "file": "~/secret" }', '"k"'),
      config('"https://crm.example"', '"a"', '{ "env": "$crm" }', '"k"'),
      config('"https://crm.example"', '"a"', '{ "env": "S" }', '"k"').replace('{ "file": "k" }', '"$KEY"'),
      config('"https://crm.example"', '"a"', '{ "env": "S" }', '"k"').replace(
        '"headers"',
        '"reach": "${REACH}", "headers"',
      ),
    ]) {
      expect(await fixed("c.json", text)).toBe(undefined);
    }
  });
});
