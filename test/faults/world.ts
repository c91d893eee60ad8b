// The environment of a row of the fault table. Each row has its own servers and clock, so rows can run concurrently.
import type {
  FetchFunction,
  McpAuth,
  McpAuthConfig,
  McpAuthError,
  McpAuthOptions,
  TokenManager,
} from "../../src/index.js";
import type { FaultyServer } from "./faulty-server.js";
import type { Exchange } from "./watched-fetch.js";

export type { AnsweredPath, FaultyServer } from "./faulty-server.js";

/**
 * A fake clock. It stands still until it is moved, and runs the timers that become due. Timeouts, pauses and cool-downs
 * take no real time, and are exact to the millisecond.
 */
export interface ShiftedClock {
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): { unref(): void; cancel(): void };
  /**
   * Moves forward, timer by timer. After each timer it waits until everything that the timer triggered has settled,
   * including requests, but not requests that are held (`FaultWorld.hold`) or that have had no event for one second.
   */
  skip(milliseconds: number): Promise<void>;
  /** Sets the clock forward or back, as an operator or NTP would. Timers and the servers' clocks do not change. */
  jump(milliseconds: number): void;
  /** Moves the clock without running timers, as when the event loop is blocked. `skip` then runs them late. */
  stall(milliseconds: number): void;
  /** Lets promises settle without moving the clock. */
  settle(): Promise<void>;
  /** The time of the servers, which `jump` does not change. */
  serverTime(): number;
  /** The number of pending timers. */
  readonly waiting: number;
}

export interface FaultWorld {
  readonly clock: ShiftedClock;
  /** The authorization server, with metadata and token endpoint. Each issued token is different. */
  readonly issuer: FaultyServer;
  /** The MCP server. It answers 200 if the token was issued and is not revoked, or else 401 with a challenge. */
  readonly mcp: FaultyServer;
  /** The token endpoint in the metadata. It is on the issuer's origin, unless a row puts a gate in front of it. */
  readonly tokenEndpoint: string;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Record<string, string | undefined>;
  /** The runtime with `config`, created on first use. */
  auth(): Promise<McpAuth<"tools">>;
  manager(): Promise<TokenManager>;
  /** Creates another runtime, by default with the same servers and clock. It is stopped at the end. */
  runtime<Name extends string = "tools">(options?: McpAuthOptions<Name>): Promise<McpAuth<Name>>;
  /**
   * Everything that an observer could see: log lines, events, diagnostics, and messages and `inspect` of thrown errors.
   */
  readonly seen: readonly string[];
  /** Adds a value to `seen`. */
  note(value: unknown): void;
  /** All requests of the runtimes so far. */
  readonly exchanges: readonly Exchange[];
  /** A text for bodies of wrong answers, which must not appear anywhere. */
  readonly canary: string;
  /** Issues a new valid token; `lifetime` in seconds. */
  issue(lifetime?: number): string;
  readonly issued: readonly string[];
  /** Makes the MCP server refuse all tokens that were issued so far. */
  revoke(): void;
  /** Moves the clock until the promise has settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Moves the clock until the promise rejects, and returns its `McpAuthError`. */
  failure(promise: Promise<unknown>): Promise<McpAuthError>;
  /**
   * For a server that stalls: the clock does not wait for requests with this prefix until the returned function is
   * called.
   */
  hold(prefix: string): () => void;
  /** The clock never waits for the current requests with this prefix. */
  stalled(prefix: string): void;
  /** Registers a function that is called at the end of the row. */
  onEnd(close: () => unknown): void;
  /** Registers a server or proxy of the row. It is closed at the end, and must have no open connection by then. */
  own<S extends { readonly connections: number; close(): Promise<void> }>(server: S): S;
}

/** The environment of failures of the authorization server. */
export interface AuthorizationWorld extends FaultWorld {
  /** The issuer in the config. */
  readonly issuerOrigin: string;
  tokenEndpoint: string;
  /** Sends the requests. The default is the global `fetch`. */
  send: FetchFunction;
  /** `network` of the config. */
  network: NonNullable<McpAuthConfig["network"]>;
}
