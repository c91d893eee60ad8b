import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: anomalyco/opencode, packages/sdk/openapi.json (`McpRemoteConfig`). Headers, and what `oauth: false` changes:
 * packages/opencode/src/mcp/index.ts.
 */
export const opencode: Host = {
  title: "opencode",
  sendsHeaders: true,
  print: (endpoints) =>
    json({
      $schema: "https://opencode.ai/config.json",
      mcp: byName(endpoints, ({ url, headers }) => ({
        ...{ type: "remote", url, headers },
        // With its own OAuth, opencode would start a login when the proxy fails.
        oauth: false,
        // It waits 30 seconds for a server, and the proxy as long for a token. For calls, this is the default.
        timeout: 60_000,
      })),
    }),
  placement: [
    "Add this to ~/.config/opencode/opencode.json, or for one project to opencode.json in its root folder.",
  ],
  tokenNotes: [
    "In a project's opencode.json, which is usually committed, write {env:MCP_AUTH_PROXY_TOKEN} in place of the token, and set that variable where opencode starts.",
  ],
};
