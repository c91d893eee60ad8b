import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/** Format: openclaw/mcporter, mcporter.schema.json and docs/config.md. Headers: src/runtime/http-transport.ts. */
export const mcporter: Host = {
  title: "mcporter",
  sendsHeaders: true,
  print: (endpoints) =>
    json({ mcpServers: byName(endpoints, ({ url, headers }) => ({ baseUrl: url, headers })) }),
  placement: ["Add this to ~/.mcporter/mcporter.json, or for one project to config/mcporter.json."],
  tokenNotes: [
    `In config/mcporter.json, which is usually committed, write \${MCP_AUTH_PROXY_TOKEN} in place of the token, and set that variable where mcporter starts.`,
  ],
};
