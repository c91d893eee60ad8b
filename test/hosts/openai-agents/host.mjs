// The host sends its traces to OpenAI.
const env = { OPENAI_AGENTS_DISABLE_TRACING: "1" };

/** @type {import("../host.js").Host} */
export const host = {
  title: "OpenAI Agents SDK",
  page: "openai-agents",
  packages: ["@openai/agents"],
  ways: [
    {
      way: "adapter",
      write: "`new MCPServerStreamableHttp(serverOptions(manager))`",
      program: "agent.ts",
      env,
    },
    {
      way: "register",
      write: "the URL; `node --import mcp-auth-runtime/register`",
      program: "plain.ts",
      env,
    },
  ],
};
