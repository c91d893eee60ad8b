// What an editor suggests, and what our validator says of a config with it.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { parse } from "yaml";
import { check } from "./check.mjs";
import { openJson, openYaml, schema, schemaPath } from "./editors.mjs";
import { configs, inJson, inYaml, places } from "./places.mjs";
import { completed, gap } from "./snippet.mjs";
import { violationsOf } from "./validator.mjs";

/** Opens a JSON text with the cursor at `‸` and returns the completions by label. */
async function suggested(marked, open = openJson) {
  const offset = marked.indexOf("‸");
  const document = open(marked.replace("‸", ""));
  const items = await document.completions(offset);
  return new Map(items.map((item) => [item.label, item]));
}

const withSchema = (rest) => `{ "$schema": "${schemaPath}", ${rest} }`;
const inClient = (rest) => withSchema(`"servers": { "crm": { "grant": { "client": { ${rest} } } } }`);

const suggestions = [
  [
    "at the top",
    withSchema("‸"),
    ["version", "import", "defaults", "store", "network", "proxy", "keys", "clients", "servers"],
  ],
  ["the name of a server", withSchema('"servers": { ‸ }'), ["crm"]],
  [
    "whole servers",
    withSchema('"servers": { "crm": ‸ }'),
    ["server with a client secret", "server with a private key", "server with a token from elsewhere"],
  ],
  [
    "in a server",
    withSchema('"servers": { "crm": { ‸ } }'),
    [
      "url",
      "grant",
      "stepUp",
      "dpop",
      "headers",
      "resourceMetadata",
      "refresh",
      "timeout",
      "deadline",
      "retry",
      "reach",
    ],
  ],
  [
    "in a grant without a type",
    withSchema('"servers": { "crm": { "grant": { ‸ } } }'),
    ["type", "client", "scopes", "use", "resource", "audience", "params"],
  ],
  [
    "in a grant with a type",
    withSchema('"servers": { "crm": { "grant": { "type": "static", ‸ } } }'),
    ["token", "lifetime", "scopes"],
  ],
  [
    "in a client",
    inClient("‸"),
    ["issuer", "id", "secret", "key", "assertion", "certificate", "method", "headers", "metadata"],
  ],
  [
    "in a client with a credential",
    inClient('"key": "agent", ‸'),
    [
      "issuer",
      "id",
      "method",
      "headers",
      "metadata",
      "assertionAudience",
      "assertionLifetime",
      "assertionType",
    ],
  ],
  [
    "in a reference",
    inClient('"secret": { ‸ }'),
    ["env", "file", "exec", "githubActions", "gcp", "azure", "aws", "resolver"],
  ],
  ["in a reference to a command", inClient('"secret": { "exec": ["op"], ‸ }'), ["timeout", "pointer"]],
  [
    "in a key",
    withSchema('"keys": { "agent": { ‸ } }'),
    ["privateKey", "signer", "alg", "kid", "certificate"],
  ],
  ["kinds of stores", withSchema('"store": { "type": ‸ }'), ['"memory"', '"file"', '"redis"']],
  ["in a store", withSchema('"store": { "type": "file", ‸ }'), ["path", "encryptionKey"]],
  ["how to renew", withSchema('"servers": { "crm": { "refresh": ‸ } }'), ["false", "schedule"]],
];
for (const [place, text, expected] of suggestions) {
  await check(`the JSON service suggests ${place}`, async () => {
    assert.deepEqual([...(await suggested(text)).keys()].sort(), [...expected].sort());
  });
}

const client = { issuer: "https://auth.example" };
const inServer = (grant) => ({ $schema: schemaPath, servers: { crm: { grant } } });
const pathOfClient = ["servers", "crm", "grant", "client"];
const inYamlToo = [
  [
    "in a client",
    inServer({ client }),
    pathOfClient,
    ["id", "secret", "key", "assertion", "certificate", "method"],
  ],
  [
    "in a reference",
    inServer({ client: { ...client, secret: {} } }),
    [...pathOfClient, "secret"],
    ["env", "file", "exec", "githubActions", "gcp", "azure", "aws", "resolver"],
  ],
  ["in a grant", inServer({ type: "static" }), ["servers", "crm", "grant"], ["token", "lifetime", "scopes"]],
  ["at the top", { $schema: schemaPath }, [], ["servers", "clients", "keys", "store", "network", "proxy"]],
];
for (const version of [1, 2]) {
  const open = (text) => openYaml(text, version);
  for (const [place, config, path, expected] of inYamlToo) {
    await check(`the YAML server ${version} suggests ${place}`, async () => {
      const found = await suggested(inYaml(config, path, "name"), open);
      assert.deepEqual(
        expected.filter((name) => !found.has(name)),
        [],
      );
    });
  }
  await check(`the YAML server ${version} suggests the values of a list`, async () => {
    const config = inServer({ client: { ...client, method: "none" } });
    const found = await suggested(inYaml(config, [...pathOfClient, "method"], "value"), open);
    assert.equal(found.size, 7);
    assert.ok(found.get("private_key_jwt").documentation);
  });
}

await check("the JSON service writes a reference for a secret, with the cursor in the name", async () => {
  const secret = (await suggested(inClient("‸"))).get("secret");
  assert.equal(secret.textEdit.newText, '"secret": {\n\t"env": "$1"\n}');
});

await check("the JSON service describes each value of a list", async () => {
  const methods = await suggested(inClient('"method": ‸'));
  assert.equal(methods.size, 7);
  assert.match(methods.get('"private_key_jwt"').documentation, /^An assertion signed with `key`/);
});

await check("every suggestion of a property has a description", async () => {
  for (const [, text] of suggestions.filter(([place]) => place.startsWith("in ") || place === "at the top")) {
    for (const [label, { documentation }] of await suggested(text)) assert.ok(documentation, label);
  }
});

/** What a schema cannot see, because it is in another part of the file, or the person writes it next. */
const elsewhere = [
  "Must be the name of one of the `keys`",
  "The store is in memory, so a refresh token that the server replaces would be lost with this process",
  "A static token cannot be bound to a key: it was issued without one",
];

const snippets = new Set(labelsOf(schema));
const services = {
  "the JSON service": { open: openJson, write: inJson, read: JSON.parse },
  "the YAML server 1": { open: (text) => openYaml(text, 1), write: inYaml, read: parse },
  "the YAML server 2": { open: (text) => openYaml(text, 2), write: inYaml, read: parse },
};

// Each completion at each place, applied to a config that is valid. What remains to be typed may be wrong.
for (const [service, { open, write, read }] of Object.entries(services)) {
  for (const [number, config] of configs.entries()) {
    await check(`${service} suggests nothing that is refused, in config ${number + 1}`, async () => {
      const refused = [];
      let applied = 0;
      for (const { text, offset, kind, path, isFilled } of places(
        { $schema: schemaPath, ...config },
        write,
      )) {
        const document = open(text);
        for (const item of await document.completions(offset)) {
          // The YAML server suggests the snippets of an object inside of it too, whatever is there already.
          if (isFilled && snippets.has(item.label)) continue;
          applied += 1;
          const after = completed(text, document.offsetOf, item);
          const remaining = await refusals(after.text, path, read);
          if (remaining.length > 0) refused.push({ kind, at: path.join("/"), item: item.label, remaining });
        }
      }
      assert.ok(applied > 0);
      assert.equal(refused.length, 0, inspect(refused, { depth: 5, maxArrayLength: 500, breakLength: 400 }));
    });
  }
}

/** What our validator refuses, except for what the person still has to type. */
async function refusals(text, path, parsed) {
  const config = readAs(parsed, text);
  if (config instanceof Error) return [`${config.message}: ${text}`];
  const place = `/${path.join("/")}`;
  const parent = place.replace(/\/type$/, "");
  const violations = await violationsOf(config);
  return violations
    .filter(({ pointer, message }) => {
      const value = at(config, pointer);
      // In YAML, a gap is no value.
      const isGap = value === null || JSON.stringify(value ?? "").includes(gap) || isEmpty(value);
      const isMissing = / is missing$/.test(message) && pointer.startsWith(place);
      // Another type has other properties.
      const isOfType = parent !== place && pointer.startsWith(parent);
      return !isGap && !isMissing && !isOfType && !elsewhere.includes(message);
    })
    .map(({ pointer, message }) => `${pointer}: ${message}`);
}

function labelsOf(part) {
  if (typeof part !== "object" || part === null) return [];
  const own = (part.defaultSnippets ?? []).map?.(({ label }) => label) ?? [];
  return [...own, ...Object.values(part).flatMap(labelsOf)];
}

function readAs(parsed, text) {
  try {
    return parsed(text);
  } catch (error) {
    return error;
  }
}

function at(value, pointer) {
  return pointer
    .split("/")
    .slice(1)
    .reduce((inner, name) => inner?.[name], value);
}

function isEmpty(value) {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
