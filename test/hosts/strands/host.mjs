/** @type {import("../host.js").Host} */
export const host = {
  title: "Strands Agents",
  page: "strands",
  packages: ["@strands-agents/sdk"],
  ways: [
    {
      way: "adapter",
      write: "`new McpClient({ transport: transport(manager) })`",
      program: "agent.ts",
    },
    {
      way: "register",
      write: "the URL; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
    },
  ],
};
