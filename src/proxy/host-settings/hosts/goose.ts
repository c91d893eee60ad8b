import { quotedScalar } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: aaif-goose/goose, ui/desktop/openapi.json (`ExtensionEntry`) and crates/goose/src/agents/extension.rs, where
 * the socket and variables in headers are too. The key of an extension is computed from its name, by `name_to_key` in
 * crates/goose/src/config/extensions.rs; here both are the same.
 */
export const goose: Host = {
  title: "goose",
  names: {
    rename: (server) => server.replaceAll(/[^A-Za-z0-9_-]/g, "_").toLowerCase(),
    reason: 'goose accepts only lowercase letters, digits, "-" and "_" in the name of an extension',
  },
  sendsHeaders: true,
  print: (endpoints) =>
    extensions(endpoints, ({ url, headers = {} }) => [
      `uri: ${quotedScalar(url)}`,
      "headers:",
      ...Object.entries(headers).map(([name, value]) => `  ${quotedScalar(name)}: ${quotedScalar(value)}`),
    ]),
  printSocket: (endpoints) =>
    extensions(endpoints, ({ socket, path }) => [
      // The host of the URL is only sent in the header Host.
      `uri: ${quotedScalar(`http://localhost${path}`)}`,
      `socket: ${quotedScalar(socket)}`,
    ]),
  placement: [
    "Add this to ~/.config/goose/config.yaml, on Windows to %APPDATA%\\Block\\goose\\config\\config.yaml. If the file has 'extensions:' already, add only what is below it.",
  ],
  tokenNotes: [
    `To keep the token out of the file, write \${MCP_AUTH_PROXY_TOKEN} in its place, add the line env_keys: ["MCP_AUTH_PROXY_TOKEN"] to each extension, and set that variable where goose starts.`,
  ],
};

function extensions<Endpoint extends { readonly name: string }>(
  endpoints: readonly Endpoint[],
  lines: (endpoint: Endpoint) => readonly string[],
): string {
  if (endpoints.length === 0) return "extensions: {}";
  const entries = endpoints.map((endpoint) => {
    const name = quotedScalar(endpoint.name);
    const entry = [
      "enabled: true",
      "type: streamable_http",
      `name: ${name}`,
      'description: ""',
      ...lines(endpoint),
      // In seconds. Five minutes are what goose itself writes.
      "timeout: 300",
    ];
    return [`  ${name}:`, ...entry.map((line) => `    ${line}`)].join("\n");
  });
  return ["extensions:", ...entries].join("\n");
}
