// Imports the installed package and uses what works without a network.
import assert from "node:assert/strict";
import { createMcpAuth, defineConfig, discover, McpAuthError } from "mcp-auth-runtime";
import { authProvider, oauthProvider } from "mcp-auth-runtime/hosts/mcp-sdk";
import manifest from "mcp-auth-runtime/package.json" with { type: "json" };
import schema from "mcp-auth-runtime/schema.json" with { type: "json" };

const token = { env: "CRM_TOKEN" };
const config = defineConfig({
  servers: { crm: { url: "https://crm.example/mcp", grant: { type: "static", token } } },
});

const auth = await createMcpAuth({ config, env: {} });
assert.deepEqual(auth.servers, ["crm"]);
assert.equal(auth.version, manifest.version);
assert.equal(auth.resolve("crm"), auth.resolve("crm"));
assert.equal(auth.resolve("crm").status().state, "none");
assert.throws(
  () => auth.resolve("crn"),
  (error) =>
    error instanceof McpAuthError && error.code === "unknown_server" && error.message.includes("crm"),
);
await assert.rejects(auth.resolve("crm").getAccessToken(), { code: "secret_unavailable", server: "crm" });
assert.equal(typeof discover, "function");
assert.equal(typeof authProvider(auth.resolve("crm")).token, "function");
assert.throws(() => oauthProvider(auth.resolve("crm")), /only for the grant client_credentials/);
const hosts = Object.keys(manifest.exports).filter((entry) => entry.startsWith("./hosts/"));
assert.ok(hosts.length > 0);
// Each adapter loads without its host.
for (const entry of hosts) assert.notDeepEqual(await import(`mcp-auth-runtime/${entry.slice(2)}`), {});
assert.match(schema.$schema, /2020-12/);
// No adapter needs its host to be loaded.
const adapters = Object.keys(manifest.exports).filter((path) => path.startsWith("./hosts/"));
assert.ok(adapters.length >= 10);
for (const path of adapters) {
  const functions = Object.values(await import(`mcp-auth-runtime${path.slice(1)}`));
  assert.ok(functions.length > 0 && functions.every((each) => typeof each === "function"), path);
}
await auth.stop();
console.log("esm: done");
