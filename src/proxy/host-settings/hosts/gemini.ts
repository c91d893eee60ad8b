import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: google-gemini/gemini-cli, schemas/settings.schema.json and docs/tools/mcp-server.md. Headers, and why not
 * `httpUrl`, which is deprecated: packages/core/src/tools/mcp-client.ts.
 */
export const gemini: Host = {
  title: "Gemini CLI",
  names: {
    rename: (server) => server.replaceAll("_", "-"),
    reason: 'Gemini CLI misreads "_" in the name of a server',
  },
  sendsHeaders: true,
  print: (endpoints) =>
    json({ mcpServers: byName(endpoints, ({ url, headers }) => ({ type: "http", url, headers })) }),
  placement: ["Add this to ~/.gemini/settings.json, or for one project to .gemini/settings.json."],
  tokenNotes: [
    `In a project's .gemini/settings.json, which is usually committed, write \${MCP_AUTH_PROXY_TOKEN} in place of the token, and set that variable where Gemini CLI starts.`,
  ],
};
