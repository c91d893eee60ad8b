/** @type {import("../host.js").Host} */
export const host = {
  title: "LangChain",
  page: "langchain",
  packages: ["@langchain/mcp-adapters"],
  ways: [
    {
      way: "adapter",
      write: "`createAgent({ model, tools: await loadTools(auth) })`",
      program: "agent.ts",
    },
    {
      way: "register",
      write: "the URL; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
    },
  ],
};
