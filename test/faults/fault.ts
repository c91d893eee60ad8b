// The rows of the fault table. `world.ts` describes the environment in which a row runs.
import type { AnsweredPath, AuthorizationWorld } from "./world.js";

/** What a caller gets: a token, or the code of the error that the call rejects with. */
export type Seen = "a token" | import("../../src/index.js").McpAuthErrorCode | `HTTP ${number}`;

/**
 * A failure of the authorization server, or on the way to it. Each row runs twice, each time in its own world: for a
 * caller without a token, and for a caller whose token is stale during the failure.
 *
 * Besides the members of the row, each run checks that a caller with a usable token gets it at once, that every caller
 * gets a token after the failure without intervention, that no more than `requests` were sent, that no timer, request
 * or unhandled rejection is left after `stop()`, and that nothing that was logged, thrown or emitted contains a secret.
 */
export interface AuthorizationFault {
  /** The failure as the table shows it, for example "the connection is reset in the middle of the headers". */
  readonly name: string;
  /** What the first call gets during the failure. */
  readonly sees: Seen;
  /** The number of requests of the failing kind (mostly token requests) that the first call makes. */
  readonly requests: number;
  /** Members that replace those of the server's config, such as short timeouts. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The kind of the counted requests. The default is token requests, and metadata requests in the group Metadata. */
  readonly counted?: AnsweredPath;
  /** Prepares the servers of this row before the failure. */
  before?(world: AuthorizationWorld): void | Promise<void>;
  /** Starts the failure. */
  start(world: AuthorizationWorld): void | Promise<void>;
  /** Ends the failure. By default the servers answer correctly again. */
  end?(world: AuthorizationWorld): void | Promise<void>;
  /**
   * Milliseconds from the failed call until a call succeeds after the failure has ended. The default is the cool-down
   * of 1,000 ms, or 0 (the next call) if no call failed. Measured by the row's clock.
   */
  readonly recovery?: number;
  /** False if a caller with a token is not affected, for example because metadata is not requested again. */
  readonly warm?: false;
  /** More assertions at the end, for both callers. */
  check?(world: AuthorizationWorld): void | Promise<void>;
}

/** Any other failure: of the MCP server, of a clock, or in the process. */
export interface Fault {
  readonly name: string;
  /** The columns of the table: what the caller sees, the number of requests, and the time until recovery. */
  readonly sees: string;
  readonly requests: string;
  readonly recovery: string;
  /** Produces the failure, and checks the three columns with `expect`. Leftovers and secrets are checked afterwards. */
  run(world: AuthorizationWorld): Promise<void>;
}

export type Group = "Network" | "HTTP" | "Token responses" | "Metadata" | "MCP server" | "Clocks" | "Process";

/** Registers the rows of one group, which run concurrently. Each name is unique. */
// biome-ignore lint/performance/noBarrelFile: files with rows import everything from one place
export { authorizationFaults, faults } from "./register-rows.js";
