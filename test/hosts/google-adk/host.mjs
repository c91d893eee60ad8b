/** @type {import("../host.js").Host} */
export const host = {
  title: "Google ADK",
  page: "google-adk",
  packages: ["@google/adk"],
  ways: [
    {
      way: "adapter",
      write: "`new MCPToolset(connectionParams(manager))`",
      program: "agent.ts",
    },
    {
      way: "register",
      write: "the URL; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
    },
  ],
};
