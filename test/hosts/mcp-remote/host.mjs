import { undiciCopy } from "../phases.mjs";

/** @type {import("../host.js").Host} */
export const host = {
  title: "mcp-remote",
  page: "mcp-remote",
  packages: ["mcp-remote"],
  ways: [
    {
      way: "register",
      write: "the URL; `--import mcp-auth-runtime/register` in `NODE_OPTIONS`",
      program: "driver.mjs",
      phases: undiciCopy,
    },
    { way: "proxy", write: "the URL of the proxy", program: "driver.mjs" },
    {
      way: "proxy",
      variant: "`--stdio`, instead of mcp-remote",
      write: "`mcp-auth-runtime proxy --stdio crm`",
      program: "driver.mjs",
      startsProxy: false,
      env: { MCP_COMMAND: "mcp-auth-runtime proxy --stdio crm" },
    },
  ],
};
