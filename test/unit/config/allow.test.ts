import { mkdtempSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { forPrograms } from "../../../scripts/editor-schema.js";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { allowRules } from "../../../src/lib/allow.js";
import type { Allow } from "../../../src/lib/permissions.js";

const root = new URL("../../..", import.meta.url).pathname;
type Node = Readonly<Record<string, unknown>>;
let schema: Node;

beforeAll(async () => {
  schema = forPrograms(JSON.parse(await readFile(join(root, "schema/mcp-auth.schema.json"), "utf8")));
});

const kinds = ["origin", "host", "sentinel", "file", "variable", "command", "resolver", "identity", "none"];

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;

/** Returns a schema and all schemas inside of it that apply to the same value. */
function* schemasFor(node: Node): Generator<Node> {
  yield node;
  // All references begin with #/$defs/.
  if (typeof node["$ref"] === "string") yield* schemasFor(definition(node["$ref"]));
  for (const keyword of ["then", "else", "allOf", "anyOf", "oneOf"]) {
    for (const inner of [node[keyword]].flat()) if (isNode(inner)) yield* schemasFor(inner);
  }
}

const definition = (reference: string): Node =>
  (schema["$defs"] as Readonly<Record<string, Node>>)[reference.slice("#/$defs/".length)] ?? {};

/** Returns the `confine` of a schema, or of another schema that applies to the same value. */
const confinedAs = (node: Node): unknown =>
  [...schemasFor(node)].map(({ confine }) => confine).find((confine) => confine !== undefined);

/** Returns the schemas of the properties and items of a schema, each with a name for its place. */
function* below(node: Node, at: string): Generator<readonly [string, Node]> {
  const kind = confinedAs(node);
  for (const part of schemasFor(node)) {
    const own = typeof part["title"] === "string" ? part["title"] : at;
    for (const [name, inner] of Object.entries(
      (part["properties"] ?? {}) as Readonly<Record<string, Node>>,
    )) {
      yield [`${own}.${name}`, inner];
    }
    // The `confine` of a list applies to each of its items, except that a command is one value.
    if (isNode(part["items"]) && kind !== "command") yield [`${own}[]`, { confine: kind, ...part["items"] }];
    if (isNode(part["additionalProperties"])) yield [`${own}.*`, part["additionalProperties"]];
  }
}

/** Returns every place of the schema where a config can have a value. */
function places(): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>();
  const visit = (node: Node, at: string): void => {
    for (const [place, inner] of below(node, at)) {
      if (found.has(place)) continue;
      found.set(place, inner);
      visit(inner, place);
    }
  };
  visit(schema, "Config");
  return found;
}

const takesText = (node: Node): boolean => {
  const parts = [...schemasFor(node)];
  return parts.some((part) => [part["type"]].flat().includes("string") && !("enum" in part));
};

it("each place of the schema that takes text says what the text refers to, so that `allow` can confine it", () => {
  const unsaid = [...places()]
    .filter(([, node]) => takesText(node))
    .filter(([, node]) => {
      const said = confinedAs(node);
      return typeof said !== "string" || !kinds.includes(said);
    })
    .map(([place]) => place);
  expect(unsaid).toEqual([]);
});

const client = { issuer: "https://auth.example", id: "agent" };
const server = (grant: object, more: object = {}) => ({ url: "https://mcp.example/mcp", grant, ...more });
const withClient = (more: object) => server({ client: { ...client, ...more } });

const hostFolder = mkdtempSync(join(tmpdir(), "allow-import-"));
afterAll(() => rm(hostFolder, { recursive: true }));
const hostFile = join(hostFolder, ".mcp.json");
writeFileSync(hostFile, '{ "mcpServers": {} }');

/** Configs that together use every place of the schema that `allow` confines. */
const samples: readonly object[] = [
  {
    import: hostFile,
    network: { proxy: "http://proxy.example:3128", ca: "./ca.pem", allowInsecureHttp: ["plain.example"] },
    store: { type: "file", path: "./tokens", encryptionKey: [{ env: "STORE_KEY" }] },
    proxy: { token: { env: "PROXY_TOKEN" }, listen: "127.0.0.1:8484", socket: "./proxy.sock" },
    keys: {
      pem: {
        privateKey: { file: "./agent.pem" },
        passphrase: { env: "PASS" },
        certificate: { file: "./cert.pem" },
      },
      command: { signer: { exec: ["./sign", "alias"] }, alg: "ES256" },
      code: { signer: { name: "kms" }, alg: "ES256" },
    },
    clients: { acme: { ...client, key: "pem" } },
    defaults: { headers: { "x-tenant": { env: "TENANT" } } },
    servers: {
      a: server(
        { client: "acme", params: { p: { env: "PARAM" } } },
        { headers: { "x-key": { file: "./x-key" } }, resourceMetadata: "https://meta.example/crm" },
      ),
      b: withClient({ secret: { exec: ["op", "read"] }, metadata: endpoints() }),
      c: withClient({ assertion: { githubActions: {} } }),
      d: withClient({ certificate: { cert: { file: "c" }, key: { file: "k" }, passphrase: { env: "P" } } }),
      e: withClient({ key: { privateKey: { resolver: "aws", ref: "prod/key" } } }),
      g: withClient({ assertion: { gcp: { audience: "a" } } }),
      h: withClient({ assertion: { azure: { resource: "a" } } }),
      i: withClient({ assertion: { aws: { audience: "a" } } }),
      f: server(
        { client: { ...client, secret: { env: "F" } } },
        { dpop: { key: { privateKey: { env: "DPOP" } } } },
      ),
    },
  },
  {
    network: { ca: ["./a.pem", "./b.pem"] },
    store: {
      type: "redis",
      url: { env: "REDIS_URL" },
      sentinel: { name: "main", nodes: ["10.0.0.5:26379"] },
      encryptionKey: { env: "STORE_KEY" },
    },
    servers: {
      a: server({ type: "static", token: { env: "TOKEN" } }),
      b: server({ type: "jwt_bearer", client: { issuer: client.issuer }, assertion: { file: "./jwt" } }),
      c: server({
        type: "jwt_bearer",
        client: { ...client, secret: { env: "C" } },
        assertion: {
          key: { privateKey: { env: "SIGN" } },
          issuer: "me",
          subject: "me",
          claims: { env: "no reference" },
        },
        params: { p: { env: "PARAM" } },
      }),
      d: server({
        type: "token_exchange",
        client: { ...client, secret: { env: "D" } },
        subject: { token: { env: "SUBJECT" } },
        actor: { token: { env: "ACTOR" } },
        params: { p: { env: "PARAM" } },
      }),
      e: server({
        type: "enterprise_managed",
        client: { ...client, secret: { env: "E" } },
        idp: { client: { ...client, secret: { env: "IDP" } }, subject: { token: { env: "ID_TOKEN" } } },
        params: { p: { env: "PARAM" } },
      }),
      f: server({
        type: "refresh_token",
        client: { ...client, secret: { env: "F" } },
        refreshToken: { env: "SEED" },
        params: { p: { env: "PARAM" } },
      }),
    },
  },
  {
    store: {
      type: "redis",
      url: { env: "REDIS_URL" },
      cluster: ["rediss://10.0.0.6:6380"],
      encryptionKey: { env: "STORE_KEY" },
    },
    servers: { a: server({ client: { ...client, secret: { env: "A" } } }) },
  },
];

function endpoints(): object {
  return {
    tokenEndpoint: "https://auth.example/token",
    mtlsTokenEndpoint: "https://mtls.example/token",
    revocationEndpoint: "https://auth.example/revoke",
    deviceAuthorizationEndpoint: "https://auth.example/device",
  };
}

/** Returns the places of the schema that a config uses, and the pointers to all values in it that `allow` confines. */
function usedBy(config: unknown): {
  readonly places: ReadonlySet<string>;
  readonly pointers: ReadonlySet<string>;
} {
  const used = new Set<string>();
  const pointers = new Set<string>();
  const visit = (value: unknown, node: Node, at: string, pointer: string): void => {
    const kind = confinedAs(node);
    const leads = kind !== undefined && kind !== "none";
    if (leads && (typeof value === "string" || kind === "command" || kind === "identity"))
      pointers.add(pointer);
    for (const [own, inner] of Object.entries(isNode(value) ? value : {})) {
      for (const [place, part] of placesOf(node, at, Array.isArray(value) ? undefined : own)) {
        used.add(place);
        visit(inner, part, place, `${pointer}/${own}`);
      }
    }
  };
  visit(config, schema, "Config", "");
  return { places: used, pointers };
}

/** Returns the places in the schema that describe the property `name` or, without a name, an item. */
function placesOf(node: Node, at: string, name: string | undefined): readonly (readonly [string, Node])[] {
  const all = [...below(node, at)];
  if (name === undefined) return all.filter(([place]) => place.endsWith("[]"));
  const own = all.filter(([place]) => place.endsWith(`.${name}`));
  return own.length > 0 ? own : all.filter(([place]) => place.endsWith(".*"));
}

async function refusedIn(
  config: object,
  allow: Allow,
  env: Record<string, string> = {},
): Promise<readonly string[]> {
  try {
    await loadConfig({
      config: config as McpAuthConfig,
      cwd: "/etc/agent",
      env,
      allow: allowRules(allow, "/etc/agent"),
    });
    return [];
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.violations === undefined) throw error;
    return error.violations.map(({ pointer }) => pointer).sort();
  }
}

const everything: Allow = {
  exec: [
    ["./sign", "alias"],
    ["op", "read"],
  ],
  env: ["*"],
  files: ["/etc/agent", hostFile],
  origins: [
    ...["https://auth.example", "https://mtls.example", "https://mcp.example", "http://proxy.example:3128"],
    "https://meta.example",
    ...["http://plain.example", "redis://10.0.0.5:26379", "rediss://10.0.0.6:6380"],
  ],
  resolvers: ["aws", "kms"],
  identities: ["githubActions", "gcp", "azure", "aws"],
};

describe("a config confined by `allow`", () => {
  it("the sample config uses each place of the schema that refers to something outside", () => {
    const leads = [...places()].filter(
      ([, node]) => ![undefined, "none"].includes(confinedAs(node) as string),
    );
    const sampled = new Set(samples.flatMap((sample) => [...usedBy(sample).places]));
    expect(leads.map(([place]) => place).filter((place) => !sampled.has(place))).toEqual([]);
  });

  it("an empty `allow` refuses every URL, file, variable, command, function and identity of a config", async () => {
    for (const sample of samples) {
      const { pointers } = usedBy(sample);
      expect(pointers.size).toBeGreaterThan(5);
      expect(await refusedIn(sample, {})).toEqual([...pointers].sort());
    }
  });

  it("a config can use everything that `allow` names", async () => {
    for (const sample of samples) expect(await refusedIn(sample, everything)).toEqual([]);
  });

  it.each(Object.keys(everything))(
    "without the list %s in `allow`, only what that list would name is refused",
    async (list) => {
      const { [list as keyof Allow]: _left, ...others } = everything;
      const refused = (await Promise.all(samples.map((sample) => refusedIn(sample, others)))).flat();
      const all = samples.flatMap((sample) => [...usedBy(sample).pointers]);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThan(all.length);
    },
  );
});

const smallest = {
  servers: {
    crm: { url: "https://crm.example/mcp", grant: { client: { ...client, secret: { env: "CRM_SECRET" } } } },
  },
};
const allowed: Allow = { env: ["CRM_SECRET"], origins: ["https://crm.example", "https://auth.example"] };

it("a variable that `allow` does not name is never interpolated, with or without a default", async () => {
  const leaking = {
    servers: {
      crm: {
        ...smallest.servers.crm,
        headers: { "x-a": "${GITHUB_TOKEN}", "x-b": "${env:GITHUB_TOKEN:-none}", "x-c": "$${GITHUB_TOKEN}" },
      },
    },
  };
  expect(await refusedIn(leaking, allowed, { GITHUB_TOKEN: "t0ken" })).toEqual([
    "/servers/crm/headers/x-a",
    "/servers/crm/headers/x-b",
  ]);
});

it("the message says which list of `allow` to extend, and shows neither the value nor that of the variable", async () => {
  const config = { servers: { crm: { ...smallest.servers.crm, url: "https://canary.example/mcp" } } };
  const loading = loadConfig({
    config: config as McpAuthConfig,
    cwd: "/",
    env: {},
    allow: allowRules(allowed, "/"),
  });
  await expect(loading).rejects.toMatchObject({
    code: "config_invalid",
    message:
      "The config has 1 mistake:\n  /servers/crm/url: `allow.origins` does not include the origin of this URL. " +
      "Add it to `allow` where createMcpAuth() is called, or remove it here.",
  });
});

it("a refused URL that comes from a variable fails only the servers that use it", async () => {
  const config = {
    servers: { ...smallest.servers, other: { ...smallest.servers.crm, url: "${OTHER_URL}" } },
  };
  const spec = await loadConfig({
    config: config as McpAuthConfig,
    cwd: "/",
    env: { OTHER_URL: "https://evil.example/mcp" },
    allow: allowRules({ ...allowed, env: ["CRM_SECRET", "OTHER_URL"] }, "/"),
  });
  expect(spec.servers.get("crm")).toHaveProperty("spec");
  expect(spec.servers.get("other")).toMatchObject({ failure: { code: "config_invalid" } });
});

it("a file is checked against `allow` by its real path when the config is loaded", async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "allow-config-")));
  try {
    await writeFile(join(folder, "outside.pem"), "x");
    await symlink(join(folder, "outside.pem"), join(folder, "link.pem"));
    const config = { ...smallest, network: { ca: join(folder, "link.pem") } };
    expect(await refusedIn(config, { ...allowed, files: [join(folder, "outside.pem")] })).toEqual([]);
    expect(await refusedIn(config, { ...allowed, files: [join(folder, "other")] })).toEqual(["/network/ca"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
