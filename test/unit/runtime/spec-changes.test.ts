import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import type { ServerEntry, ServerSpec } from "../../../src/config/spec.js";
import { isSameEntry, specChange } from "../../../src/runtime/spec-changes.js";

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };
const base = { url: "https://crm.example/mcp", grant: { client, scopes: ["read"] }, stepUp: ["write"] };

async function entry(server: object): Promise<ServerEntry> {
  // Put together from parts.
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
      ["nothing", {}],
      ["a default that is written out", { timeout: "10s", reach: "origin" }],
    ],
  ],
  [
    "used",
    [
      ["reach", { reach: "path" }],
      ["more stepUp", { stepUp: ["write", "admin"] }],
      ["a schedule", { refresh: { schedule: "0 * * * *" } }],
      ["idle", { refresh: { idle: "1h" } }],
      ["refresh: false", { refresh: false }],
    ],
  ],
  [
    "requested",
    [
      ["headers, which go to metadata too", { headers: { "x-a": "1" } }],
      ["a header's reference", { headers: { "x-a": { env: "A" } } }],
      ["timeout", { timeout: "1s" }],
      ["deadline", { deadline: "1m" }],
      ["retry", { retry: { attempts: 1 } }],
      ["ahead", { refresh: { ahead: "1m" } }],
      ["jitter", { refresh: { jitter: 0.1 } }],
      ["assumedLifetime", { refresh: { assumedLifetime: "1m" } }],
      ["ahead and headers", { refresh: { ahead: "1m" }, headers: { "x-a": "1" } }],
    ],
  ],
  [
    "tokens",
    [
      ["url", { url: "https://crm.example/mcp/" }],
      ["issuer", { grant: { client: { ...client, issuer: "https://auth.example/" }, scopes: ["read"] } }],
      ["client id", { grant: { client: { ...client, id: "other" }, scopes: ["read"] } }],
      ["where the secret is", { grant: { client: { ...client, secret: { env: "B" } }, scopes: ["read"] } }],
      ["scopes", { grant: { client, scopes: ["read", "write"] } }],
      ["no scopes", { grant: { client } }],
      ["resource", { grant: { client, scopes: ["read"], resource: false } }],
      ["audience", { grant: { client, scopes: ["read"], audience: "api" } }],
      ["params", { grant: { client, scopes: ["read"], params: { a: "b" } } }],
      ["dpop", { dpop: true }],
      ["resourceMetadata", { resourceMetadata: "https://crm.example/meta" }],
      ["no resource metadata", { resourceMetadata: false }],
      ["less stepUp", { stepUp: ["admin"] }],
    ],
  ],
];

describe.each(changes)("%s is what changes with", (change, servers) => {
  test.each(servers)("%s", async (_, server) => {
    const [before, after] = [await spec({}), await spec(server)];
    expect(specChange(before, after)).toBe(change);
    expect(isSameEntry({ name: "crm", spec: before }, { name: "crm", spec: after })).toBe(change === "none");
  });
});

test("an unusable server is the same while it is so for the same reason", async () => {
  const nowhere = { url: "https://${NOWHERE}/mcp" };
  expect(isSameEntry(await entry(nowhere), await entry(nowhere))).toBe(true);
  expect(isSameEntry(await entry(nowhere), await entry({ url: "https://${ELSEWHERE}/mcp" }))).toBe(false);
  expect(isSameEntry(await entry(nowhere), await entry({}))).toBe(false);
  expect(isSameEntry(await entry({}), await entry(nowhere))).toBe(false);
});
