import { McpAuthError } from "../errors/error.js";
import { type CurrentToken, internalsOf } from "../runtime/manager-internals.js";
import type { TokenManager } from "../runtime/token-manager.js";
import type { Reports } from "./reports.js";
import type { ServerMap } from "./server-map.js";

/** The servers whose requests are authorized, and their managers. */
export interface Registration {
  /** The servers of the current config. */
  readonly servers: ServerMap;
  readonly reports: Reports;
  /** Returns the manager of a server if the runtime is loaded and not stopped. */
  loadedManager(server: string): TokenManager | undefined;
  /**
   * Returns the manager of a server, and loads the runtime if necessary. Rejects with `unknown_server` and `stopped`.
   */
  loadManager(server: string): Promise<TokenManager>;
}

/**
 * Returns the current token of a manager without waiting, or `undefined` if there is none or the server cannot be used.
 */
export function currentTokenOf(manager: TokenManager): CurrentToken | "bound" | undefined {
  try {
    return internalsOf(manager).currentToken();
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    // The next request to the server fails with this error.
    return undefined;
  }
}
