import { type CurrentToken, internalsOf } from "../runtime/manager-internals.js";
import type { TokenManager } from "../runtime/token-manager.js";
import type { Reports } from "./reports.js";
import type { ServerMap } from "./server-map.js";

/** What requests are authorized with. */
export interface Registration {
  /** As the config has them now. */
  readonly servers: ServerMap;
  readonly reports: Reports;
  /** The manager of a server, where the runtime is loaded and not stopped. Never throws. */
  loaded(server: string): TokenManager | undefined;
  /** The same, loaded now if need be. Rejects with `unknown_server` and `stopped`. */
  load(server: string): Promise<TokenManager>;
}

/** The token that a manager has, without waiting; `undefined` also for a server that cannot be used. */
export function atHand(manager: TokenManager): CurrentToken | "bound" | undefined {
  try {
    return internalsOf(manager).currentToken();
  } catch {
    // Every use of it says why, and the next one is a request.
    return undefined;
  }
}
