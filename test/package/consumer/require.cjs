// Loads the installed package with `require`, which works for ES modules without a top-level await.
const assert = require("node:assert/strict");
const { createMcpAuth, McpAuthError } = require("mcp-auth-runtime");
const { authProvider } = require("mcp-auth-runtime/hosts/mcp-sdk");
const { exports: entryPoints } = require("mcp-auth-runtime/package.json");

for (const path of Object.keys(entryPoints).filter((path) => path.startsWith("./hosts/")))
  assert.equal(typeof Object.values(require(`mcp-auth-runtime${path.slice(1)}`))[0], "function");

const token = { env: "TOKEN" };
const config = { servers: { crm: { url: "https://crm.example/mcp", grant: { type: "static", token } } } };

createMcpAuth({ config, env: { TOKEN: "abc" } })
  .then(async (auth) => {
    assert.equal(await auth.resolve("crm").getAccessToken(), "abc");
    // Both ways of loading return the same classes.
    const { McpAuthError: imported } = await import("mcp-auth-runtime");
    assert.equal(imported, McpAuthError);
    assert.equal(await authProvider(auth.resolve("crm")).token(), "abc");
    await auth.stop();
    console.log("require: done");
  })
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
