// plugin-mcp 1.8.2 does not load with @elizaos/core 1.7.2, which lacks `getRequestContext`.
const env = { LOG_LEVEL: "warn" };

/** @type {import("../host.js").Host} */
export const host = {
  title: "ElizaOS with plugin-mcp",
  page: "eliza",
  packages: ["@elizaos/core", "@elizaos/plugin-mcp"],
  ways: [
    {
      way: "register",
      write: "the plain URL; `node --import mcp-auth-runtime/register`",
      program: "plain.mjs",
      env,
      // After a request that failed, plugin-mcp takes the server for disconnected, and never connects again over HTTP.
      recovers: false,
    },
    { way: "proxy", write: "the URL of the proxy", program: "plain.mjs", env },
  ],
};
