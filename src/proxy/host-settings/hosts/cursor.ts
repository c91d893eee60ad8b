import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: Cursor's documentation, https://cursor.com/docs/mcp. Its source is not published, and some of its versions
 * leave out configured headers once the URL answers OAuth discovery, so the token goes into the path.
 */
export const cursor: Host = {
  title: "Cursor",
  sendsHeaders: false,
  print: (endpoints) => json({ mcpServers: byName(endpoints, ({ url, headers }) => ({ url, headers })) }),
  placement: ["Put this into ~/.cursor/mcp.json, or for one project into .cursor/mcp.json."],
  tokenNotes: [
    `In .cursor/mcp.json, which is usually committed, write \${env:MCP_AUTH_PROXY_TOKEN} in place of the token, and set that variable where Cursor starts.`,
  ],
};
