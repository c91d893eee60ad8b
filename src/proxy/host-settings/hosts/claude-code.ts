import { byName, json } from "../format.js";
import type { Host } from "../host.js";
import { lettersDigitsAndDashes } from "../names.js";

/**
 * Format: Claude Code's documentation, https://code.claude.com/docs/en/mcp. Its source is not published, and users have
 * found versions that send no configured headers (anthropics/claude-code, issues 7290, 14977 and 64894), so the token
 * goes into the path.
 */
export const claudeCode: Host = {
  title: "Claude Code",
  names: lettersDigitsAndDashes(
    'Claude Code accepts only letters, digits, "-" and "_" in the name of a server',
  ),
  sendsHeaders: false,
  print: (endpoints) =>
    json({ mcpServers: byName(endpoints, ({ url, headers }) => ({ type: "http", url, headers })) }),
  placement: [
    "Add this to ~/.claude.json for all projects, or put it into .mcp.json in the root folder of one project.",
  ],
  tokenNotes: [
    `In .mcp.json, which is usually committed, write \${MCP_AUTH_PROXY_TOKEN} in place of the token, and set that variable where Claude Code starts.`,
  ],
};
