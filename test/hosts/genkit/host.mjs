/** @type {import("../host.js").Host} */
export const host = {
  title: "Genkit",
  page: "genkit",
  packages: ["@genkit-ai/mcp"],
  ways: [
    {
      way: "adapter",
      write: "`createMcpHost({ name, mcpServers: mcpServers(auth) })`",
      program: "agent.ts",
    },
    {
      way: "register",
      write: "the URL; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
    },
  ],
};
