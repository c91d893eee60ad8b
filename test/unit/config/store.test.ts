import { describe, expect, test } from "vitest";
import { formatViolation } from "../../../src/config/format-violation.js";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import type { McpAuthConfig } from "../../../src/index.js";

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };
const servers = { crm: { url: "https://crm.example/mcp", grant: { client } } };
const encryptionKey = { env: "KEY" };
const options = { cwd: "/srv", env: {} };

async function wrong(config: object, hasStore = false): Promise<readonly string[]> {
  // Some of these configs do not compile.
  const { violations } = await checkConfig({ ...options, config: config as McpAuthConfig, hasStore });
  return violations.map(formatViolation);
}

describe("the store", () => {
  test.each([
    ["that is not configured", undefined, { type: "memory" }],
    ["in memory", { type: "memory" }, { type: "memory" }],
    [
      "in files",
      { type: "file", encryptionKey },
      { type: "file", encryptionKeys: [{ env: "KEY" }], lease: 10_000 },
    ],
    [
      "in files of a folder",
      { type: "file", path: "./tokens", encryptionKey: [encryptionKey, { file: "old.key" }] },
      {
        type: "file",
        path: "/srv/tokens",
        encryptionKeys: [{ env: "KEY" }, { file: "/srv/old.key" }],
        lease: 10_000,
      },
    ],
    [
      "in redis",
      { type: "redis", url: { env: "URL" }, encryptionKey },
      {
        type: "redis",
        url: { env: "URL" },
        prefix: "mcp-auth:",
        lease: 10_000,
        encryptionKeys: [{ env: "KEY" }],
      },
    ],
    [
      "in redis with all settings",
      {
        type: "redis",
        url: { env: "URL" },
        sentinel: { name: "main", nodes: ["10.0.0.5:26379", "[::1]:26379", "sentinel"] },
        prefix: "agents:",
        lease: "5s",
        encryptionKey,
      },
      {
        type: "redis",
        url: { env: "URL" },
        sentinel: { name: "main", nodes: ["10.0.0.5:26379", "[::1]:26379", "sentinel"] },
        prefix: "agents:",
        lease: 5_000,
        encryptionKeys: [{ env: "KEY" }],
      },
    ],
    [
      "in a cluster",
      { type: "redis", url: { env: "URL" }, cluster: ["rediss://10.0.0.2:6379"], encryptionKey },
      {
        type: "redis",
        url: { env: "URL" },
        cluster: ["rediss://10.0.0.2:6379"],
        prefix: "mcp-auth:",
        lease: 10_000,
        encryptionKeys: [{ env: "KEY" }],
      },
    ],
  ] as const)("the store %s is built with its settings and defaults", async (_name, store, expected) => {
    const config = { servers, ...(store !== undefined && { store }) };
    const spec = await loadConfig({ ...options, config });
    expect(spec.store).toEqual(expected);
  });

  test.each([
    ["without a type", {}, '/store: The property "type" is missing.'],
    [
      "of an unknown type",
      { type: "sqlite" },
      '/store/type: Must be one of "memory", "file", "redis", found a string of 6 characters.',
    ],
    ["without a key", { type: "file" }, '/store: The property "encryptionKey" is missing.'],
    [
      "with an empty list of keys",
      { type: "file", encryptionKey: [] },
      "/store/encryptionKey: Must not be empty.",
    ],
    [
      "with its key under another name",
      { type: "file", key: encryptionKey },
      '/store/key: Unknown property "key". Did you mean "encryptionKey"?',
    ],
    [
      "in redis with its keys under another name",
      { type: "redis", url: { env: "URL" }, keys: [encryptionKey] },
      '/store/keys: Unknown property "keys". Did you mean "encryptionKey"?',
    ],
    [
      "in memory with a key",
      { type: "memory", encryptionKey },
      '/store/encryptionKey: "encryptionKey" belongs to a store of type file or redis.',
    ],
    [
      "in memory with properties of a file store",
      { type: "memory", encryptionKey, path: "./tokens" },
      '/store/encryptionKey: "encryptionKey" and "path" belong to a store of type file.',
    ],
    [
      "in memory with properties of a redis store",
      { type: "memory", url: { env: "URL" }, prefix: "agents:", encryptionKey },
      '/store/url: "url", "prefix" and "encryptionKey" belong to a store of type redis.',
    ],
    [
      "in files with properties of a redis store",
      { type: "file", encryptionKey, url: { env: "URL" }, prefix: "agents:" },
      '/store/url: "url" and "prefix" belong to a store of type redis.',
    ],
    [
      "with an empty prefix",
      { type: "redis", url: { env: "URL" }, prefix: "", encryptionKey },
      "/store/prefix: Must not be empty.",
    ],
    [
      "with a prefix in braces",
      { type: "redis", url: { env: "URL" }, prefix: "{agents}", encryptionKey },
      "/store/prefix: Must not contain spaces or braces, found a string of 8 characters.",
    ],
    [
      "with an empty list of Sentinels",
      { type: "redis", url: { env: "URL" }, sentinel: { name: "main", nodes: [] }, encryptionKey },
      "/store/sentinel/nodes: Must not be empty.",
    ],
    [
      "in a cluster with an invalid port",
      { type: "redis", url: { env: "URL" }, cluster: ["redis://a:99999"], encryptionKey },
      expect.stringMatching(/^\/store\/cluster\/0: Must be the URL of a node/),
    ],
    [
      "with a literal key",
      { type: "file", encryptionKey: "c2VjcmV0" },
      '/store/encryptionKey: Must be a reference to a secret, such as { "env": "NAME" } or { "file": "path" }, found a string of 8 characters. Write { "env": "MCP_AUTH_STORE_KEY" }, or { "file": "path" }, and remove the secret from the config.',
    ],
    [
      "in files with a URL",
      { type: "file", encryptionKey, url: { env: "URL" } },
      '/store/url: "url" belongs to a store of type redis.',
    ],
    [
      "in redis with a literal URL",
      { type: "redis", url: "redis://user:hunter2@host", encryptionKey },
      expect.stringMatching(/^\/store\/url: Must be /),
    ],
    [
      "in a cluster with a password in it",
      { type: "redis", url: { env: "URL" }, cluster: ["redis://:hunter2@host"], encryptionKey },
      expect.stringMatching(/^\/store\/cluster\/0: Must be the URL of a node.* without user and password/),
    ],
    [
      "with Sentinel and a cluster",
      {
        type: "redis",
        url: { env: "URL" },
        sentinel: { name: "a", nodes: ["b"] },
        cluster: ["redis://c"],
        encryptionKey,
      },
      "/store/cluster: A store has `sentinel` or `cluster`, not both. Keep the one that your Redis uses.",
    ],
    [
      "with a lease that is too short",
      { type: "redis", url: { env: "URL" }, lease: "10ms", encryptionKey },
      "/store/lease: A lease must last at least one second, 1s.",
    ],
  ] satisfies [string, object, unknown][])("a store %s is one violation", async (_name, store, expected) => {
    const found = await wrong({ servers, store });
    expect(found).toEqual([expected]);
    expect(found.join()).not.toContain("hunter2");
  });

  test.each(["a:99999", "a:0", "a:b", "a/0"])("the invalid Sentinel %s is one violation", async (node) => {
    const sentinel = { name: "main", nodes: ["10.0.0.5", node] };
    const found = await wrong({
      servers,
      store: { type: "redis", url: { env: "URL" }, sentinel, encryptionKey },
    });
    expect(found).toEqual([
      expect.stringMatching(
        /^\/store\/sentinel\/nodes\/1: Must be a host, with a port unless that is 26379, such as "10\.0\.0\.5:26379"/,
      ),
    ]);
  });

  test("a refresh token needs a durable store, in the config or in code", async () => {
    const grant = { type: "refresh_token", client, refreshToken: { env: "SEED" } };
    const config = { servers: { crm: { ...servers.crm, grant } } };
    expect(await wrong(config)).toEqual([
      expect.stringMatching(
        /^\/servers\/crm\/grant\/type: The store is in memory, so a refresh token that the server replaces would be lost/,
      ),
    ]);
    expect(await wrong({ ...config, store: { type: "memory" } })).toHaveLength(1);
    expect(await wrong({ ...config, store: { type: "file", encryptionKey } })).toEqual([]);
    expect(await wrong(config, true)).toEqual([]);
  });

  test("a refresh token grant without a refresh token needs a durable store, too", async () => {
    const grant = { type: "refresh_token", client };
    const config = { servers: { crm: { ...servers.crm, grant } } };
    expect(await wrong(config)).toEqual([
      expect.stringMatching(/^\/servers\/crm\/grant\/type: The store is/),
    ]);
    expect(await wrong({ ...config, store: { type: "file", encryptionKey } })).toEqual([]);
  });

  test("a variable without a value in the store fails every server", async () => {
    const path = "/state/$" + "{AGENT}";
    const config = { servers, store: { type: "file", path, encryptionKey } } as const;
    const spec = await loadConfig({ ...options, config });
    expect(spec.servers.get("crm")).toMatchObject({ failure: { code: "config_invalid" } });
    const filled = await loadConfig({ ...options, env: { AGENT: "a" }, config });
    expect(filled.store).toMatchObject({ path: "/state/a" });
  });
});
