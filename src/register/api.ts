import "../lib/check-node.js";
import { McpAuthError } from "../errors/error.js";
import { type McpAuthWithInternals, serverUrls } from "../runtime/manager-internals.js";
import type { McpAuth } from "../runtime/mcp-auth.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { install } from "./install.js";
import type { Registration } from "./registration.js";
import { Reports } from "./reports.js";
import { ServerMap } from "./server-map.js";

/**
 * Authorizes every request that this process makes with the global `fetch` to a server of the config, or below its URL,
 * as that server's manager does. All other requests are unchanged. `node --import mcp-auth-runtime/register` does the
 * same without code. Returns the function that undoes it.
 *
 * Throws `config_invalid` if `auth` is not an `McpAuth` of this package. A server without a URL in the config is
 * skipped. After `auth.stop()`, requests to its servers reject with `stopped` until this is undone.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const unregister = register(auth);
 * ```
 */
export function register<Name extends string>(auth: McpAuth<Name>): () => void {
  const internals = withInternals(auth);
  let servers = new ServerMap(internals[serverUrls]);
  const registration: Registration = {
    get servers() {
      return servers;
    },
    reports: new Reports(),
    loadedManager: (server) => findManager(auth, server),
    loadManager: async (server) => requireManager(auth, server),
  };
  const stopListening = auth.on("config:reloaded", () => {
    servers = new ServerMap(internals[serverUrls]);
  });
  const uninstall = install(registration);
  return () => {
    uninstall();
    stopListening();
  };
}

/** Checks the argument, because JavaScript code can pass anything. */
function withInternals(auth: object): McpAuthWithInternals {
  // Only objects of this package have the symbol. The check below rejects anything else.
  const { [serverUrls]: urls } = Object(auth) as Partial<McpAuthWithInternals>;
  if (urls !== undefined) return auth as McpAuthWithInternals;
  throw new McpAuthError("config_invalid", "register() requires the object that createMcpAuth() returned.");
}

/** Returns the manager of a server. Throws `unknown_server` if a reload has removed the server, and `stopped`. */
function requireManager<Name extends string>(auth: McpAuth<Name>, server: string): TokenManager {
  if (auth.has(server)) return auth.resolve(server);
  throw new McpAuthError("unknown_server", `The config no longer has the server "${server}".`, { server });
}

/** Returns the manager of a server, or `undefined` if there is none. */
function findManager<Name extends string>(auth: McpAuth<Name>, server: string): TokenManager | undefined {
  try {
    return requireManager(auth, server);
  } catch (error) {
    if (error instanceof McpAuthError) return undefined;
    throw error;
  }
}
