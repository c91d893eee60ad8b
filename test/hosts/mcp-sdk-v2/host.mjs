import { unseenAcceptance } from "../phases.mjs";

/** @type {import("../host.js").Host} */
export const host = {
  title: "MCP SDK 2",
  page: "mcp-sdk",
  packages: ["@modelcontextprotocol/client"],
  ways: [
    { way: "adapter", write: "`transportOptions(manager)`", program: "agent.ts" },
    {
      way: "adapter",
      variant: "`authProvider`",
      write: "`authProvider: authProvider(manager)`",
      program: "auth-provider.ts",
      phases: unseenAcceptance,
    },
    { way: "register", write: "the URL; `node --import mcp-auth-runtime/register`", program: "plain.ts" },
  ],
};
