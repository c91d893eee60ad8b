import { quotedScalar } from "../format.js";
import type { Host } from "../host.js";
import { lettersDigitsAndDashes } from "../names.js";

/**
 * Format: openai/codex, codex-rs/core/config.schema.json (`RawMcpServerConfig`). The names that it accepts:
 * `validate_mcp_server_name` in codex-rs/codex-mcp/src/rmcp_client.rs; TOML takes them as keys without quotes.
 * Headers: codex-rs/rmcp-client/src/utils.rs.
 */
export const codex: Host = {
  title: "Codex",
  names: lettersDigitsAndDashes('Codex accepts only letters, digits, "-" and "_" in the name of a server'),
  sendsHeaders: true,
  print: (endpoints) =>
    endpoints
      .map(({ name, url, headers = {} }) => {
        const pairs = Object.entries(headers).map(
          ([header, value]) => `${quotedScalar(header)} = ${quotedScalar(value)}`,
        );
        return [
          `[mcp_servers.${name}]`,
          `url = ${quotedScalar(url)}`,
          `http_headers = { ${pairs.join(", ")} }`,
          // Codex waits 30 seconds for a server, and the proxy as long for a token.
          "startup_timeout_sec = 60",
        ].join("\n");
      })
      .join("\n\n"),
  placement: ["Add this to ~/.codex/config.toml, or for one trusted project to .codex/config.toml."],
  tokenNotes: [
    'In a project\'s .codex/config.toml, which is usually committed, replace the line "http_headers" by env_http_headers = { "MCP-Auth-Proxy-Token" = "MCP_AUTH_PROXY_TOKEN" }, and set that variable where Codex starts.',
  ],
};
