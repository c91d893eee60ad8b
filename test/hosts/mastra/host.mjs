/** @type {import("../host.js").Host} */
export const host = {
  title: "Mastra",
  page: "mastra",
  packages: ["@mastra/mcp"],
  ways: [
    {
      way: "adapter",
      write: "`new MCPClient({ servers: mcpServers(auth) })`",
      program: "agent.ts",
    },
    {
      way: "register",
      write: "the URL and `connectTimeout`; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
    },
  ],
};
