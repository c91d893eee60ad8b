import type { ServerTransport } from "./server-transport.js";
import type { ToHost } from "./to-host.js";

/** What lives as long as the bridge. */
export interface BridgeContext {
  readonly transport: ServerTransport;
  readonly toHost: ToHost;
  /** Gets a line for a person. It contains no text that a server chose, and no secret. */
  readonly onNotice: (line: string) => void;
  /** Aborted when the bridge ends. */
  readonly stopped: AbortSignal;
  /** Runs work that nobody awaits. */
  readonly background: (work: Promise<unknown>) => void;
}
