import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: openclaw/openclaw, docs/cli/mcp/transports.md. Headers: src/agents/mcp-transport.ts. Without `transport`, it
 * would use the deprecated SSE transport. Without `requestTimeoutMs`, it waits 1.5 s for the list of tools
 * (src/agents/agent-bundle-mcp-runtime.ts), less than a token can take.
 */
export const openclaw: Host = {
  title: "OpenClaw",
  sendsHeaders: true,
  print: (endpoints) =>
    json({
      mcp: {
        servers: byName(endpoints, ({ url, headers }) => ({
          ...{ url, transport: "streamable-http", headers },
          ...{ connectionTimeoutMs: 45_000, requestTimeoutMs: 60_000 },
        })),
      },
    }),
  placement: ["Add this to ~/.openclaw/openclaw.json. It applies to all agents."],
  tokenNotes: [
    `"openclaw mcp doctor" warns of a token in the file. To keep it out, write \${MCP_AUTH_PROXY_TOKEN} in its place, and set that variable where the gateway starts.`,
  ],
};
