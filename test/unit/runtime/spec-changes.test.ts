import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import type { ServerEntries, ServerSpec } from "../../../src/config/spec.js";
import { sameServers, specChange } from "../../../src/runtime/spec-changes.js";

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };
const base = { url: "https://crm.example/mcp", grant: { client, scopes: ["read"] }, stepUp: ["write"] };

async function serversOf(server: object, others: object = {}): Promise<ServerEntries> {
  // Built from parts.
  const config = { servers: { crm: { ...base, ...server } }, ...others } as McpAuthConfig;
  return (await loadConfig({ config, cwd: "/project", env: {} })).servers;
}

function specIn(servers: ServerEntries): ServerSpec {
  const entry = servers.get("crm");
  return entry !== undefined && "spec" in entry ? entry.spec : expect.unreachable();
}

const changes: [change: string, servers: [what: string, server: object][]][] = [
  [
    "none",
    [
      ["the same values", {}],
      ["a default that is set explicitly", { timeout: "10s", reach: "origin" }],
    ],
  ],
  [
    "used",
    [
      ["another reach", { reach: "path" }],
      ["more stepUp", { stepUp: ["write", "admin"] }],
      ["a schedule", { refresh: { schedule: "0 * * * *" } }],
      ["another idle", { refresh: { idle: "1h" } }],
      ["refresh: false", { refresh: false }],
    ],
  ],
  [
    "requested",
    [
      ["other headers, which metadata requests also have", { headers: { "x-a": "1" } }],
      ["a header from a reference", { headers: { "x-a": { env: "A" } } }],
      ["another timeout", { timeout: "1s" }],
      ["another deadline", { deadline: "1m" }],
      ["another retry", { retry: { attempts: 1 } }],
      ["another ahead", { refresh: { ahead: "1m" } }],
      ["another jitter", { refresh: { jitter: 0.1 } }],
      ["another assumedLifetime", { refresh: { assumedLifetime: "1m" } }],
      ["another ahead and other headers", { refresh: { ahead: "1m" }, headers: { "x-a": "1" } }],
    ],
  ],
  [
    "tokens",
    [
      ["another url", { url: "https://crm.example/mcp/" }],
      [
        "another issuer",
        { grant: { client: { ...client, issuer: "https://auth.example/" }, scopes: ["read"] } },
      ],
      ["another client id", { grant: { client: { ...client, id: "other" }, scopes: ["read"] } }],
      [
        "another reference to the secret",
        { grant: { client: { ...client, secret: { env: "B" } }, scopes: ["read"] } },
      ],
      ["other scopes", { grant: { client, scopes: ["read", "write"] } }],
      ["no scopes", { grant: { client } }],
      ["another resource", { grant: { client, scopes: ["read"], resource: false } }],
      ["another audience", { grant: { client, scopes: ["read"], audience: "api" } }],
      ["other params", { grant: { client, scopes: ["read"], params: { a: "b" } } }],
      ["dpop", { dpop: true }],
      ["another resourceMetadata", { resourceMetadata: "https://crm.example/meta" }],
      ["no resource metadata", { resourceMetadata: false }],
      ["less stepUp", { stepUp: ["admin"] }],
    ],
  ],
];

describe.each(changes)("specChange: %s", (change, servers) => {
  test.each(servers)(`a config with %s is a change of kind ${change}`, async (_, server) => {
    const [before, after] = [await serversOf({}), await serversOf(server)];
    expect(specChange(specIn(before), specIn(after))).toBe(change);
    expect(sameServers(before, after)("crm")).toBe(change === "none");
  });
});

test.each<[string, object, object, object, boolean]>([
  [
    "another client with the same name",
    { grant: { client: "a" } },
    { clients: { a: client } },
    { clients: { a: { ...client, id: "b" } } },
    false,
  ],
  [
    "another client that it does not use",
    {},
    { clients: { a: client } },
    { clients: { a: { ...client, id: "b" } } },
    true,
  ],
  ["defaults that it inherits", {}, {}, { defaults: { timeout: "1s" } }, false],
  ["defaults that it replaces", { timeout: "2s" }, {}, { defaults: { timeout: "1s" } }, true],
])("a server with %s is the same: %#", async (_, server, before, after, isSame) => {
  expect(sameServers(await serversOf(server, before), await serversOf(server, after))("crm")).toBe(isSame);
});

test("a server that cannot be used is unchanged as long as the reason is the same", async () => {
  const isSame = async (before: object, after: object): Promise<boolean> =>
    sameServers(await serversOf(before), await serversOf(after))("crm");
  const nowhere = { url: "https://${NOWHERE}/mcp" };
  expect(await isSame(nowhere, nowhere)).toBe(true);
  expect(await isSame(nowhere, { url: "https://${ELSEWHERE}/mcp" })).toBe(false);
  expect(await isSame(nowhere, {})).toBe(false);
  expect(await isSame({}, nowhere)).toBe(false);
});

test("a server that only one of the configs has is not the same", async () => {
  const none = await serversOf({}, { servers: {} });
  expect(sameServers(none, await serversOf({}))("crm")).toBe(false);
  expect(sameServers(await serversOf({}), none)("crm")).toBe(false);
});
