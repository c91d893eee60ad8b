/** @type {import("../host.js").Host} */
export const host = {
  title: "AI SDK",
  page: "ai-sdk",
  packages: ["@ai-sdk/mcp"],
  ways: [
    { way: "adapter", write: "`createMCPClient({ transport: transport(manager) })`", program: "agent.ts" },
    { way: "register", write: "the URL; `node --import mcp-auth-runtime/register`", program: "plain.ts" },
  ],
};
