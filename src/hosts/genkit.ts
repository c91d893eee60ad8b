import "../lib/check-node.js";
import type { McpAuth } from "../index.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion } from "./common/host-version.js";
import { serversByName } from "./common/servers-by-name.js";

/** A server in the `mcpServers` of `createMcpHost()` of `@genkit-ai/mcp`. */
export interface GenkitServer {
  url: string;
  fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

/**
 * Returns the `mcpServers` for `createMcpHost()` or `defineMcpHost()` of Genkit: all servers of the config, or the named
 * ones. Each has the manager's `fetch`.
 *
 * Throws `unknown_server` for a name that the config does not have, `config_invalid` or `insecure_url` for a server that
 * cannot be used, and `config_invalid` if `@modelcontextprotocol/sdk` is older than 1.15.0, which ignores `fetch`.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const host = createMcpHost({ name: "agent", mcpServers: mcpServers(auth) });
 * ```
 */
export function mcpServers<Name extends string, Chosen extends Name = Name>(
  auth: McpAuth<Name>,
  names?: readonly Chosen[],
): Record<Chosen, GenkitServer> {
  assertHostVersion(
    "@modelcontextprotocol/sdk",
    "1.15.0",
    'it ignores "fetch" and would send its requests without a token',
  );
  return serversByName(auth, names, (manager) => ({ url: manager.url, fetch: hostFetch(manager) }));
}
