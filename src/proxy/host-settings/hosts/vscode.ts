import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: microsoft/vscode-docs, docs/copilot/reference/mcp-configuration.md, and microsoft/vscode,
 * src/vs/workbench/contrib/mcp/common/mcpConfiguration.ts. The socket, and the decoding of its path:
 * src/vs/workbench/api/node/extHostMcpNode.ts.
 */
export const vscode: Host = {
  title: "VS Code",
  sendsHeaders: true,
  print: (endpoints) =>
    json({ servers: byName(endpoints, ({ url, headers }) => ({ type: "http", url, headers })) }),
  printSocket: (endpoints) =>
    json({
      servers: byName(endpoints, ({ socket, path }) => ({ type: "http", url: socketUrl(socket, path) })),
    }),
  placement: [
    "Put this into the mcp.json of your profile (command MCP: Open User Configuration), or for one project into .vscode/mcp.json.",
  ],
  tokenNotes: [
    "Settings Sync uploads the mcp.json of your profile, and with it the local token, unless you exclude MCP servers from the sync.",
    `In .vscode/mcp.json, which is usually committed, write \${input:mcp-auth-proxy-token} in place of the token, and declare an input with that id under "inputs": VS Code asks for the token once and stores it encrypted.`,
  ],
  socketNotes: [
    "The editor may mark the URL as wrong, because its schema knows only http and https. VS Code connects nevertheless.",
    "The path of the socket is one of this machine: do not commit it, and exclude MCP servers from Settings Sync if you use other machines.",
  ],
};

/** The path of the socket is the path of the URL, and the path of the request is its fragment. */
function socketUrl(socket: string, path: string): string {
  return `unix://${socket.split("/").map(encodeURIComponent).join("/")}#${path}`;
}
