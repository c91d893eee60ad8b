// What the schema says twice: in the words of JSON Schema, and in the words that the services of editors understand.
// `npm run generate` writes the second into schema/mcp-auth.schema.json. The validator, the types and the reference
// page are generated from the schema without it. docs/config.md says which services these are.
const single = ["items", "additionalProperties", "propertyNames", "not", "if", "then", "else"];
const lists = ["allOf", "anyOf"];
const maps = ["$defs", "properties", "patternProperties", "dependentSchemas"];
/** Marks a part that only suggests properties. It allows everything. */
const forSuggestions = "For suggestions.";

/** Properties that exclude each other, and those that need one of others. They are suggested only where they may be. */
const choices = {
  SecretReference: {
    oneOf: ["env", "file", "exec", "githubActions", "gcp", "azure", "aws", "resolver"],
    needs: { timeout: ["exec"], ref: ["resolver"], pointer: ["env", "file", "exec", "resolver"] },
  },
  Signer: { oneOf: ["exec", "name"], needs: { timeout: ["exec"] } },
  Key: {
    oneOf: ["privateKey", "signer"],
    needs: { passphrase: ["privateKey"], certificateHeaders: ["certificate"] },
  },
  Client: {
    oneOf: ["secret", "key", "assertion", "certificate"],
    needs: {
      basicEncoding: ["secret"],
      assertionAudience: ["secret", "key"],
      assertionLifetime: ["secret", "key"],
      assertionType: ["secret", "key", "assertion"],
    },
  },
};

const reference = 'Must be a reference to a secret, such as { "env": "NAME" } or { "file": "path" }';
/** A program says what to write in place of each wrong value. An editor has one message for all of them. */
const messages = new Map([
  [
    reference,
    'Must be a reference to a secret: write { "env": "NAME" } or { "file": "path" }, not the secret itself or "${NAME}"',
  ],
  ...[
    'Must be a reference to a token, such as { "file": "path" }, or { "runtime": true }',
    'Must be a reference, such as { "file": "path" }, an assertion to sign: { "key": …, "issuer": …, "subject": … }, or { "runtime": true }',
  ].map((message) => [message, `${message}; not the token itself or "\${NAME}"`]),
]);
// Two messages at one place are shown as one if they are the same: this one and that of the reference inside of it.
const listOfKeys = "Must be a reference to a key, or a list of references";

/** Returns the schema with what editors need. It may have that already. */
export function forEditors(schema) {
  const plain = visit(schema, withoutEditors);
  return visit(plain, (node) => withEditors(node, plain));
}

/** Returns the schema as it is without editors. */
export function forPrograms(schema) {
  return visit(schema, (node) => {
    const { defaultSnippets: _, ...rest } = withoutEditors(node);
    return rest;
  });
}

/** Replaces each part of a schema, the inner ones first. */
function visit(node, replace) {
  if (typeof node !== "object") return node;
  const inner = ([name, value]) => {
    if (single.includes(name)) return [name, visit(value, replace)];
    if (lists.includes(name)) return [name, value.map((each) => visit(each, replace))];
    if (!maps.includes(name)) return [name, value];
    const all = Object.entries(value).map(([key, each]) => [key, visit(each, replace)]);
    return [name, Object.fromEntries(all)];
  };
  return replace(Object.fromEntries(Object.entries(node).map(inner)));
}

function withEditors(original, schema) {
  const node = isOneBoolean(original) ? withOneBoolean(original) : original;
  const { title, properties = {} } = node;
  const changed = replaced(node, {
    // Editors show Markdown. The JSON service shows the description of a definition in place of the one beside its
    // `$ref`, but definitions have no Markdown.
    description: (text) => ({ description: text, ...(title === undefined && { markdownDescription: text }) }),
    // It shows the first title that it finds.
    title: (text) => (isRefused(node) ? { $comment: text } : { title: text }),
    errorMessage: (text) => {
      if (isRefused(node)) return {};
      return {
        errorMessage: title === "EncryptionKey" ? messages.get(reference) : (messages.get(text) ?? text),
      };
    },
    // The JSON service ignores what stands beside a `$ref` if the definition has it too.
    $ref: ($ref) => (node.required === undefined ? { $ref } : { allOf: [{ $ref }] }),
    // The YAML service has no message for `not`.
    not: (not) => {
      if (isNothing(not)) return { type: "null", doNotSuggest: true };
      if (!isRefused(node)) return { not };
      return conditional({ type: "object", ...not }, { type: "null", errorMessage: node.errorMessage });
    },
    properties: (all) => ({ properties: mapped(all, (each) => (isLimit(each) ? quietLimit(each) : each)) }),
    // Both services name the property that is wrong, and not those that are right.
    additionalProperties: (value) => {
      if (value !== false) return { additionalProperties: value };
      const names = Object.keys(properties);
      const errorMessage = `Unknown property. Allowed here: ${names.join(", ")}`;
      return { propertyNames: { enum: names, errorMessage, doNotSuggest: true } };
    },
  });
  return Object.hasOwn(choices, title ?? "") ? withSuggestions(changed, node, schema) : changed;
}

/**
 * Both services suggest what is in `properties`. A property that is allowed only beside others is therefore in
 * `patternProperties`, and is suggested by a part that applies where it is allowed.
 */
function withSuggestions(changed, node, schema) {
  const { oneOf, needs } = choices[node.title];
  const isRestricted = ([name]) => oneOf.includes(name) || Object.hasOwn(needs, name);
  const all = Object.entries(changed.properties);
  const restricted = all.filter(isRestricted).map(([name, property]) => [`^${name}$`, property]);
  const has = (names) => ({ type: "object", anyOf: names.map((name) => ({ required: [name] })) });
  const suggest = (name, condition) => {
    const properties = { [name]: suggestion(node.properties[name], schema) };
    return { $comment: forSuggestions, ...conditional(condition, { properties }) };
  };
  const properties = Object.fromEntries(all.filter((each) => !isRestricted(each)));
  const split = replaced(changed, {
    properties: () => ({ properties, patternProperties: Object.fromEntries(restricted) }),
  });
  return {
    ...split,
    allOf: [
      ...(changed.allOf ?? []),
      ...oneOf.map((name) => suggest(name, { not: has(oneOf.filter((other) => other !== name)) })),
      ...Object.entries(needs).map(([name, others]) => suggest(name, has(others))),
    ],
  };
}

/**
 * What an editor shows and writes for a property. The rules for its value are elsewhere. The type, which an editor needs
 * to write the value, has the same message as there, so that it is shown once.
 */
function suggestion(property, schema) {
  const whole = { ...schema.$defs[property.$ref?.slice("#/$defs/".length)], ...property };
  const { description, default: initial, examples, defaultSnippets, enumDescriptions } = whole;
  const shown = {
    description,
    markdownDescription: description,
    default: initial,
    examples,
    defaultSnippets,
  };
  const { title, type, enum: values, errorMessage } = whole;
  const message = messages.get(errorMessage) ?? errorMessage;
  const written =
    typeof type === "string" ? { title, type, enum: values, enumDescriptions, errorMessage: message } : {};
  return JSON.parse(JSON.stringify({ ...shown, ...written }));
}

/** Whether a value is `true` (or `false`) or something else. */
function isOneBoolean(node) {
  return Array.isArray(node.type) && node.type.at(-1) === "boolean" && node.then?.const !== undefined;
}

/** For a value whose type includes booleans, both services suggest `true` and `false`, so the type moves into `else`. */
function withOneBoolean({ type: [type], errorMessage, else: other, ...node }) {
  return { ...node, else: { type, errorMessage, ...other } };
}

function withoutOneBoolean({ else: { type, errorMessage, ...other }, ...node }) {
  return { type: [type, "boolean"], ...node, else: other, errorMessage };
}

function withoutEditors(marked) {
  const hasOneBoolean = marked.type === undefined && marked.if?.type === "boolean";
  const node = hasOneBoolean ? withoutOneBoolean(marked) : marked;
  const program = [...messages].find(([, editor]) => editor === node.errorMessage)?.[0] ?? node.errorMessage;
  return replaced(node, {
    markdownDescription: () => ({}),
    doNotSuggest: () => ({}),
    errorMessage: () => ({ errorMessage: node.title === "EncryptionKey" ? listOfKeys : program }),
    $comment: (text) => ({ [node.if === undefined ? "description" : "title"]: text }),
    allOf: (all) => {
      // The comment has become a title.
      const rest = all.filter(({ title }) => title !== forSuggestions);
      const isReference = rest.length === 1 && Object.keys(rest[0]).join() === "$ref";
      if (isReference) return rest[0];
      return rest.length === 0 ? {} : { allOf: rest };
    },
    properties: (some) => ({ properties: withRestricted(some, node) }),
    patternProperties: (all) => {
      const others = Object.entries(all).filter(([pattern]) => nameIn(pattern) === undefined);
      return others.length === 0 ? {} : { patternProperties: Object.fromEntries(others) };
    },
    type: (type) => (type === "null" ? { not: {} } : { type }),
    if: (condition) => {
      if (node.$comment === undefined) return { if: condition };
      const { type: _, ...not } = condition;
      return { not };
    },
    // biome-ignore lint/suspicious/noThenProperty: It is a keyword of JSON Schema.
    then: (then) => (node.$comment === undefined ? { then } : { errorMessage: then.errorMessage }),
    propertyNames: (names) =>
      names.enum === undefined ? { propertyNames: names } : { additionalProperties: false },
  });
}

function conditional(condition, consequence) {
  // biome-ignore lint/suspicious/noThenProperty: It is a keyword of JSON Schema.
  return { if: condition, then: consequence };
}

function mapped(properties, replace) {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, replace(property, name)]),
  );
}

/** Returns all properties in the order of their names. */
function withRestricted(properties, { patternProperties = {}, propertyNames }) {
  const all = { ...properties };
  for (const [pattern, property] of Object.entries(patternProperties)) {
    const name = nameIn(pattern);
    if (name !== undefined) all[name] = property;
  }
  const names = new Set([...(propertyNames?.enum ?? []), ...Object.keys(all)]);
  return Object.fromEntries([...names].filter((name) => name in all).map((name) => [name, all[name]]));
}

/** Returns the name that a pattern stands for, if it is that of a single one. */
function nameIn(pattern) {
  return /^\^(\w+)\$$/.exec(pattern)?.[1];
}

/** Replaces keywords, each where it is, so that the order of all others stays. */
function replaced(node, replacements) {
  const keywords = Object.entries(node).flatMap(([name, value]) =>
    Object.entries(Object.hasOwn(replacements, name) ? replacements[name](value) : { [name]: value }),
  );
  return Object.fromEntries(keywords);
}

/** Whether the schema says what a value must not be, with a message. */
function isRefused({ not, errorMessage }) {
  return not !== undefined && !isNothing(not) && errorMessage !== undefined;
}

/** What only limits a property has nothing to suggest and nothing to show. */
function quietLimit({ description, markdownDescription: _, ...limit }) {
  return { ...(description !== undefined && { $comment: description }), ...limit, doNotSuggest: true };
}

function isLimit(property) {
  return !["type", "$ref", "allOf", "if"].some((name) => name in property);
}

function isNothing(not) {
  return Object.keys(not).length === 0;
}
