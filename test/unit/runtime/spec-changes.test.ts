import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import type { ServerEntry, ServerSpec } from "../../../src/config/spec.js";
import { isSameEntry, specChange } from "../../../src/runtime/spec-changes.js";

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };
const base = { url: "https://crm.example/mcp", grant: { client, scopes: ["read"] }, stepUp: ["write"] };

async function entry(server: object): Promise<ServerEntry> {
  // Built from parts.
  const config = { servers: { crm: { ...base, ...server } } } as McpAuthConfig;
  const { servers } = await loadConfig({ config, cwd: "/project", env: {} });
  return servers.get("crm") ?? expect.unreachable();
}

async function spec(server: object): Promise<ServerSpec> {
  const made = await entry(server);
  return "spec" in made ? made.spec : expect.unreachable();
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
    const [before, after] = [await spec({}), await spec(server)];
    expect(specChange(before, after)).toBe(change);
    expect(isSameEntry({ name: "crm", spec: before }, { name: "crm", spec: after })).toBe(change === "none");
  });
});

test("a server that cannot be used is unchanged as long as the reason is the same", async () => {
  const nowhere = { url: "https://${NOWHERE}/mcp" };
  expect(isSameEntry(await entry(nowhere), await entry(nowhere))).toBe(true);
  expect(isSameEntry(await entry(nowhere), await entry({ url: "https://${ELSEWHERE}/mcp" }))).toBe(false);
  expect(isSameEntry(await entry(nowhere), await entry({}))).toBe(false);
  expect(isSameEntry(await entry({}), await entry(nowhere))).toBe(false);
});
