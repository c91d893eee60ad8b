// Mistakes, and what an editor says about each. `at` is what it underlines; a mistake of two parts has two messages.
import { schemaPath } from "./editors.mjs";

const client = { issuer: "https://auth.example", id: "crm-agent" };
const secret = { env: "CRM_SECRET" };
const grant = { client: { ...client, secret } };
const url = "https://crm.example/mcp";

export const config = (server, rest = {}) => ({
  $schema: schemaPath,
  ...rest,
  servers: { crm: { url, grant, ...server } },
});
export const smallest = config({});
const withClient = (change) => config({ grant: { client: { ...client, ...change } } });
const withGrant = (grant) => config({ grant });

const notTheSecret =
  'Must be a reference to a secret: write { "env": "NAME" } or { "file": "path" }, not the secret itself or "${NAME}"';
const notTheToken =
  'Must be a reference to a token, such as { "file": "path" }, or { "runtime": true }; not the token itself or "${NAME}"';
const duration = 'Must be a duration longer than zero, such as "500ms", "30s", "5m" or "1h"';
const ofServer =
  "url, grant, stepUp, dpop, headers, resourceMetadata, refresh, timeout, deadline, retry, reach";
const ofClient =
  "issuer, id, secret, key, assertion, certificate, method, basicEncoding, assertionAudience, assertionLifetime, assertionType, headers, metadata";
const grants =
  '"client_credentials", "jwt_bearer", "token_exchange", "enterprise_managed", "refresh_token", "extension", "static"';
const unknown = (names) => `Unknown property. Allowed here: ${names}`;

/** The mistake, the config, and for each message what is marked and the text. */
export const mistakes = [
  [
    "a misspelled required property",
    { $schema: schemaPath, servers: { crm: { url, grants: grant } } },
    [
      ["crm", 'Missing property "grant".'],
      ["grants", unknown(ofServer)],
    ],
  ],
  ["a misspelled property", config({ timout: "5s" }), [["timout", unknown(ofServer)]]],
  ["a misspelled credential", withClient({ sccret: secret }), [["sccret", unknown(ofClient)]]],
  [
    "a misspelled property at the top",
    { ...smallest, server: {} },
    [
      [
        "server",
        unknown("$schema, version, import, defaults, store, network, proxy, keys, clients, servers"),
      ],
    ],
  ],
  [
    "a misspelled property of a reference",
    withClient({ secret: { ...secret, pionter: "/a" } }),
    [
      [
        "pionter",
        unknown("env, file, exec, timeout, githubActions, gcp, azure, aws, resolver, ref, pointer"),
      ],
    ],
  ],
  [
    "a misspelled grant type",
    withGrant({ ...grant, type: "client_credential" }),
    [['"client_credential"', `Value is not accepted. Valid values: ${grants}.`]],
  ],
  [
    "a misspelled method",
    withClient({ secret, method: "client_secret_bsic" }),
    [
      [
        '"client_secret_bsic"',
        /^Value is not accepted. Valid values: "client_secret_basic", "client_secret_post"/,
      ],
    ],
  ],
  ["a literal secret", withClient({ secret: "hunter2" }), [['"hunter2"', notTheSecret]]],
  [
    "a variable in place of a secret",
    withClient({ secret: "${CRM_SECRET}" }),
    [['"${CRM_SECRET}"', notTheSecret]],
  ],
  ["a literal private key", withClient({ key: { privateKey: "MIIE" } }), [['"MIIE"', notTheSecret]]],
  ["a literal token", withGrant({ type: "static", token: "eyJ" }), [['"eyJ"', notTheSecret]]],
  [
    "a literal subject token",
    withGrant({ type: "token_exchange", client, subject: { token: "eyJ" } }),
    [['"eyJ"', notTheToken]],
  ],
  [
    "a literal assertion",
    withGrant({ type: "jwt_bearer", client, assertion: "${JWT}" }),
    [['"${JWT}"', /^Must be a reference, .*; not the token itself or "\$\{NAME\}"$/]],
  ],
  [
    "a literal encryption key",
    config({}, { store: { type: "file", encryptionKey: "abc" } }),
    [['"abc"', notTheSecret]],
  ],
  ["a reference without a source", withClient({ secret: {} }), [["{}", notTheSecret]]],
  [
    "the value of a variable as its name",
    withClient({ secret: { env: "${CRM_SECRET}" } }),
    [['"${CRM_SECRET}"', /^Must be the name of an environment variable/]],
  ],
  [
    "two sources of a secret",
    withClient({ secret: { ...secret, file: "./secret" } }),
    [[/env/, "A secret must have one source"]],
  ],
  [
    "a timeout without a command",
    withClient({ secret: { ...secret, timeout: "1s" } }),
    [['"1s"', "A `timeout` can be used only with `exec`"]],
  ],
  [
    "two credentials",
    withClient({ secret, key: "agent" }),
    [['"agent"', "A client has one credential, and this one has `secret` and `key`"]],
  ],
  [
    "a property of another grant",
    withGrant({ ...grant, type: "static", token: secret }),
    [["client", unknown("type, token, lifetime, scopes")]],
  ],
  [
    "a grant without its type",
    withGrant({ client, assertion: secret }),
    [["grant", 'Missing property "type".']],
  ],
  ["a number in place of a duration", config({ timeout: 10 }), [["10", duration]]],
  ["a duration without a unit", config({ timeout: "10" }), [['"10"', duration]]],
  ["`true` where only `false` is allowed", config({ refresh: true }), [["true", /^Must be `false`/]]],
  ["`false` where only `true` is allowed", config({ dpop: false }), [["false", /^Must be `true`/]]],
  [
    "a server without a grant",
    { $schema: schemaPath, servers: { crm: { url } } },
    [["crm", 'Missing property "grant".']],
  ],
  [
    "a server without a URL",
    { $schema: schemaPath, servers: { crm: { grant } } },
    [["crm", 'Missing property "url".']],
  ],
  [
    "a client without an id",
    withGrant({ client: { issuer: client.issuer, secret } }),
    [["client", 'Missing property "id".']],
  ],
  [
    "a client without an issuer",
    withGrant({ client: { id: "a", secret } }),
    [["client", 'Missing property "issuer".']],
  ],
  [
    "a store without its key",
    config({}, { store: { type: "file" } }),
    [["store", 'Missing property "encryptionKey".']],
  ],
  [
    "text in place of a list",
    withGrant({ ...grant, scopes: "a b" }),
    [['"a b"', "Must be a list of scopes"]],
  ],
  ["a URL without a scheme", config({ url: "crm.example" }), [['"crm.example"', /^Must be an absolute URL/]]],
  [
    "a name with a space",
    { $schema: schemaPath, servers: { "c rm": { url, grant } } },
    [["c rm", /^A name starts with a letter or digit/]],
  ],
  [
    "a number in place of a client",
    withGrant({ client: 5 }),
    [["5", 'Must be the name of a client in `clients`, or a client: { "issuer": …, "id": … }']],
  ],
];
