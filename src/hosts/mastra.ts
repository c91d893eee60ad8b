import "../lib/check-node.js";
import type { McpAuth } from "../index.js";
import { connectTimeout } from "./common/connect-timeout.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion } from "./common/host-version.js";
import { serversByName } from "./common/servers-by-name.js";

/** A server in the `servers` of `MCPClient` of `@mastra/mcp`. */
export interface MastraServer {
  url: URL;
  fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** Milliseconds. Without it, Mastra gives up connecting after three seconds. */
  connectTimeout: number;
  /** Milliseconds. Without it, Mastra gives up each operation after a minute. */
  timeout?: number;
}

/** Milliseconds that Mastra waits for an operation unless it is told otherwise. */
const operationTimeout = 60_000;

/**
 * Returns the `servers` for an `MCPClient` of Mastra: all servers of the config, or the named ones. Each has the
 * manager's `fetch`, and time to wait for a token when it connects.
 *
 * Throws `unknown_server` for a name that the config does not have, `config_invalid` or `insecure_url` for a server that
 * cannot be used, and `config_invalid` if `@mastra/mcp` is older than 1.0.0, which ignores `fetch`.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const mcp = new MCPClient({ servers: mcpServers(auth) });
 * ```
 */
export function mcpServers<Name extends string, Chosen extends Name = Name>(
  auth: McpAuth<Name>,
  names?: readonly Chosen[],
): Record<Chosen, MastraServer> {
  assertHostVersion("@mastra/mcp", "1.0.0", 'it ignores "fetch" and would send its requests without a token');
  return serversByName(auth, names, (manager) => {
    const limit = connectTimeout(manager);
    return {
      url: new URL(manager.url),
      fetch: hostFetch(manager),
      connectTimeout: limit,
      ...(limit > operationTimeout && { timeout: limit }),
    };
  });
}
