import { McpAuthError } from "../errors/error.js";
import { type McpAuthWithInternals, serverUrls } from "../runtime/manager-internals.js";
import type { McpAuth } from "../runtime/mcp-auth.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { install } from "./install.js";
import type { Registration } from "./registration.js";
import { Reports } from "./reports.js";
import { ServerMap } from "./server-map.js";

/**
 * Authorizes every request that this process makes with the global `fetch` to a server of the config, or below its URL, as that
 * server's manager does; all others stay as they are. What `node --import mcp-auth-runtime/register` does without code.
 * Returns the function that undoes it.
 *
 * Throws `config_invalid` for what is not an `McpAuth` of this package. A server whose URL the config leaves open is passed
 * over. Once `auth` is stopped, requests to its servers reject with `stopped` until this is undone.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const unregister = register(auth);
 * ```
 */
export function register<Name extends string>(auth: McpAuth<Name>): () => void {
  const own = seamed(auth);
  let servers = new ServerMap(own[serverUrls]);
  const registration: Registration = {
    get servers() {
      return servers;
    },
    reports: new Reports(),
    loaded: (server) => managerOf(auth, server),
    load: async (server) => resolved(auth, server),
  };
  const stopListening = auth.on("config:reloaded", () => {
    servers = new ServerMap(own[serverUrls]);
  });
  const uninstall = install(registration);
  return () => {
    uninstall();
    stopListening();
  };
}

/** From JavaScript anything can come. */
function seamed(auth: object): McpAuthWithInternals {
  // Only our own carry the symbol; the check below says so of anything else.
  const { [serverUrls]: urls } = Object(auth) as Partial<McpAuthWithInternals>;
  if (urls !== undefined) return auth as McpAuthWithInternals;
  throw new McpAuthError("config_invalid", "register() takes what createMcpAuth() resolved with.");
}

/** Rejects a server that a reload has removed with `unknown_server`. */
function resolved<Name extends string>(auth: McpAuth<Name>, server: string): TokenManager {
  if (auth.has(server)) return auth.resolve(server);
  throw new McpAuthError("unknown_server", `The config has no server "${server}" any more.`, { server });
}

function managerOf<Name extends string>(auth: McpAuth<Name>, server: string): TokenManager | undefined {
  try {
    return resolved(auth, server);
  } catch {
    return undefined;
  }
}
