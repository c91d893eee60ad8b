import { ownTokenRequests } from "../phases.mjs";

/** @type {import("../host.js").Host} */
export const host = {
  title: "MCP SDK 1",
  page: "mcp-sdk",
  packages: ["@modelcontextprotocol/sdk"],
  ways: [
    { way: "adapter", write: "`transportOptions(manager)`", program: "agent.ts" },
    {
      way: "adapter",
      variant: "`oauthProvider`",
      write: "`authProvider: oauthProvider(manager)`",
      program: "oauth-provider.ts",
      phases: ownTokenRequests,
    },
    { way: "register", write: "the URL; `node --import mcp-auth-runtime/register`", program: "plain.ts" },
  ],
};
