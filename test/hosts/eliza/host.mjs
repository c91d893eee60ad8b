/** @type {import("../host.js").Host} */
export const host = {
  title: "ElizaOS",
  page: "eliza",
  packages: ["@elizaos/core"],
  plugin: "plugins/eliza",
  // The declarations of @elizaos/core import each other without file extensions.
  moduleResolution: "bundler",
  ways: [
    {
      way: "plugin",
      write: '`plugins: ["mcp-auth-eliza"]`',
      program: "agent.ts",
      env: { LOG_LEVEL: "warn" },
    },
  ],
};
