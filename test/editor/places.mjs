// Every place of a config where an editor can suggest something, as a text and the offset of the cursor.

/** Configs that together have objects of each kind. All are valid. */
const client = { issuer: "https://auth.example", id: "crm-agent", secret: { env: "CRM_SECRET" } };
const named = { issuer: "https://auth.example", id: "agent", key: "agent" };
const url = "https://crm.example/mcp";
const file = { type: "file", encryptionKey: { env: "MCP_AUTH_STORE_KEY" } };
const grants = [
  { client },
  { type: "client_credentials", client: "acme", scopes: ["a"] },
  { type: "jwt_bearer", client: { issuer: client.issuer }, assertion: { file: "./token" } },
  {
    type: "jwt_bearer",
    client: { issuer: client.issuer },
    assertion: { key: "agent", issuer: "me", subject: "me" },
  },
  { type: "token_exchange", client, subject: { token: { file: "./token" } } },
  { type: "enterprise_managed", client, idp: { client, subject: { token: { file: "./token" } } } },
  { type: "refresh_token", client, refreshToken: { file: "./token" } },
  { type: "extension", client, grantType: "account_credentials", params: { account_id: "a" } },
  { type: "static", token: { file: "./token" } },
];
const references = [
  { exec: ["op", "read"] },
  { resolver: "vault", ref: "a" },
  { gcp: { audience: "https://auth.example" } },
  { azure: { resource: "api://auth" } },
  { githubActions: {} },
];
export const configs = [
  { servers: {} },
  ...grants.map((grant) => ({
    store: file,
    keys: { agent: { privateKey: { file: "./agent.pem" } } },
    clients: { acme: named },
    servers: { crm: { url, grant } },
  })),
  ...references.map((secret) => ({ servers: { crm: { url, grant: { client: { ...client, secret } } } } })),
  {
    defaults: { retry: {}, refresh: {} },
    network: {},
    proxy: {},
    keys: { hsm: { signer: { exec: ["sign"] }, alg: "ES256" } },
    servers: {
      crm: {
        url,
        grant: { client: { ...client, metadata: { tokenEndpoint: "https://auth.example/token" } } },
        refresh: { schedule: "* * * * *" },
        dpop: { key: "hsm" },
      },
    },
  },
];

/**
 * Yields each place of a config: where a name can be added to an object, and where a value can be written.
 *
 * @param {typeof inJson} write `inJson` or `inYaml`
 */
export function* places(config, write) {
  for (const path of pathsOf(config, [])) {
    const value = path.reduce((inner, name) => inner[name], config);
    if (isObject(value))
      yield { kind: "name", path, isFilled: isFilled(value), ...marked(write(config, path, "name")) };
    if (path.length > 0) yield { kind: "value", path, ...marked(write(config, path, "value")) };
  }
}

function* pathsOf(value, path) {
  yield path;
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value)) yield* pathsOf(inner, [...path, name]);
}

const cursor = "\u2038";

function marked(text) {
  return { text: text.replace(cursor, ""), offset: text.indexOf(cursor) };
}

export function inJson(config, path, kind) {
  const write = (value, at, indent) => {
    const isHere = at.join("\0") === path.join("\0");
    if (isHere && kind === "value") return cursor;
    if (!isObject(value)) return JSON.stringify(value);
    const inner = Object.entries(value).map(
      ([name, each]) => `${indent}  ${JSON.stringify(name)}: ${write(each, [...at, name], `${indent}  `)}`,
    );
    const first = isHere ? `${indent}  ${cursor}\n` : "";
    return `{\n${first}${inner.join(",\n")}\n${indent}}`;
  };
  return write(config, [], "");
}

export function inYaml({ $schema, ...config }, path, kind) {
  const write = (value, at, indent) => {
    const isHere = at.join("\0") === path.join("\0");
    if (isHere && kind === "value") return ` ${cursor}\n`;
    if (!isObject(value)) return ` ${JSON.stringify(value)}\n`;
    if (!isHere && !isFilled(value)) return " {}\n";
    const inner = Object.entries(value).map(
      ([name, each]) => `${indent}${name}:${write(each, [...at, name], `${indent}  `)}`,
    );
    return `\n${inner.join("")}${isHere ? `${indent}${cursor}\n` : ""}`;
  };
  return `# yaml-language-server: $schema=${$schema}${write(config, [], "")}`;
}

function isFilled(value) {
  return Object.keys(value).length > 0;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
