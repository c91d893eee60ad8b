// The fault table: what a row says, and what is promised of it. `world.ts` builds what a row runs in.
import type { AnsweredPath, AuthorizationWorld } from "./world.js";

/** What a caller gets: the token, or the code of the error that the call rejects with. */
export type Seen = "a token" | import("../../src/index.js").McpAuthErrorCode | `HTTP ${number}`;

/**
 * Something that goes wrong between us and the authorization server, or in what it says. Every row is run twice, each
 * time in a world of its own: by a caller who has no token, and by one whose token is stale while it goes wrong.
 *
 * Asserted for each, beside what the row says: the caller with a usable token gets it at once; every caller gets a token
 * once it has passed, by itself; no more than `requests` went out; and after `stop()` no timer, no request and no
 * unhandled rejection is left, and nothing that was logged, thrown or told shows a secret.
 */
export interface AuthorizationFault {
  /** As the table has it: "the connection is reset in the middle of the headers". */
  readonly name: string;
  /** What the first call sees while it goes wrong. */
  readonly sees: Seen;
  /** Requests of the kind that goes wrong (token requests, for most) that the first call makes in all. */
  readonly requests: number;
  /** Members of the server's config in place of those of the world: short timeouts, few attempts. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of which kind the counted requests are: token requests, in the group Metadata those for metadata, unless told. */
  readonly counted?: AnsweredPath;
  /** Prepares how the servers of this row are reached, while all is well. */
  before?(world: AuthorizationWorld): void | Promise<void>;
  /** Makes it go wrong. */
  start(world: AuthorizationWorld): void | Promise<void>;
  /** Makes it pass; without it the servers answer as they should again. */
  end?(world: AuthorizationWorld): void | Promise<void>;
  /**
   * Milliseconds from the failure until a call succeeds, once it has passed: that of the cool-down (1,000) unless the
   * row says otherwise, and 0, the next call, where there was no failure. Asserted on the row's clock.
   */
  readonly recovery?: number;
  /** False where a caller with a token has nothing to do with it, as with metadata that is not asked for again. */
  readonly warm?: false;
  /** Asserts more, at the end: that nothing went to somebody else, that not too much was read. Run for both callers. */
  check?(world: AuthorizationWorld): void | Promise<void>;
}

/** Anything else that goes wrong: at the MCP server, with the clock, in the process. */
export interface Fault {
  readonly name: string;
  /** As the table has it: what the caller sees, how many requests were made, and how long until recovery. */
  readonly sees: string;
  readonly requests: string;
  readonly recovery: string;
  /** Makes it happen, and asserts what the three columns say, with `expect`. Leftovers and secrets are asserted after it. */
  run(world: AuthorizationWorld): Promise<void>;
}

export type Group = "Network" | "HTTP" | "Token responses" | "Metadata" | "MCP server" | "Clocks" | "Process";

/** Registers the rows of one group, side by side. Their names are different from each other. */
// biome-ignore lint/performance/noBarrelFile: files of rows have what they need from one place
export { authorizationFaults, faults } from "./register.js";
