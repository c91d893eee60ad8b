import { helperTokens } from "../claude-code/phases.mjs";
import { addNpx, claudeEnv, unattended } from "../claude-code/settings.mjs";

/** @type {import("../host.js").Host} */
export const host = {
  title: "Claude Agent SDK",
  page: "claude-agent-sdk",
  packages: ["@anthropic-ai/claude-agent-sdk"],
  ways: [
    {
      way: "adapter",
      write: "`query({ prompt, options: { mcpServers: await mcpServers(auth) } })`",
      program: "agent.ts",
      env: claudeEnv,
    },
    {
      way: "headers helper",
      write: '`mcpServers: { crm: { type: "http", url, ...headersHelper("crm") } }`',
      program: "headers.ts",
      env: { ...claudeEnv, ...unattended },
      phases: helperTokens,
      // Claude Code waits ten seconds for the command.
      retryIf: /rejected the credential from its headersHelper|no tool echo/,
      startsSlow: false,
      prepare: addNpx,
    },
  ],
};
