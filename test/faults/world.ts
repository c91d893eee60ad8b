// What the rows of the fault table run in. Everything is of its own for each row, so that rows run side by side.
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
 * A clock that stands still until it is moved; timers that have become due run on the way. It counts those that wait.
 * Timeouts, pauses and cool-downs take no real time, and end to the millisecond.
 */
export interface ShiftedClock {
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): { unref(): void; cancel(): void };
  /**
   * Moves ahead, timer by timer, and lets what a timer caused settle (requests included) before it goes on. It does not
   * wait for requests that are held (`FaultWorld.hold`), nor for those to which nothing has happened for a second.
   */
  skip(milliseconds: number): Promise<void>;
  /** Sets it forward or back, as an operator or NTP would: timers wait as long as before. The servers' stays right. */
  jump(milliseconds: number): void;
  /** Lets time pass without any timer running, as when the event loop is blocked; `skip` then runs them late. */
  stall(milliseconds: number): void;
  /** Lets promises settle without any time passing. */
  settle(): Promise<void>;
  /** What the servers go by: it does not jump. */
  serverTime(): number;
  /** Timers that wait. */
  readonly waiting: number;
}

export interface FaultWorld {
  readonly clock: ShiftedClock;
  /** The authorization server: metadata and token endpoint, on an origin of its own; each issued token is another. */
  readonly issuer: FaultyServer;
  /** The MCP server: resource metadata, and 200 to whoever brings a token that the issuer has issued and not revoked, else 401 with a challenge. */
  readonly mcp: FaultyServer;
  /** As the metadata names it; on the issuer's origin unless a row puts something before it. */
  readonly tokenEndpoint: string;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Record<string, string | undefined>;
  /** Made with the config when it is first used; more of them, with other options, by `runtime`. */
  auth(): Promise<McpAuth<"tools">>;
  manager(): Promise<TokenManager>;
  /** One more runtime, over the same servers and clock unless told. Stopped at the end. */
  runtime<Name extends string = "tools">(options?: McpAuthOptions<Name>): Promise<McpAuth<Name>>;
  /** Everything that an observer could see: log lines, events, diagnostics, messages and `inspect` of what was thrown. */
  readonly seen: readonly string[];
  /** Adds to what was seen. */
  note(value: unknown): void;
  /** Every request that the runtimes made so far. */
  readonly exchanges: readonly Exchange[];
  /** In the body of a bad answer it must not be seen by anybody. */
  readonly canary: string;
  /** A new token, as good as any that the issuer gives; `lifetime` in seconds. */
  issue(lifetime?: number): string;
  readonly issued: readonly string[];
  /** The MCP server refuses every token issued so far. */
  revoke(): void;
  /** Lets time pass until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** The same for one that must reject, with an error of ours. */
  failure(promise: Promise<unknown>): Promise<McpAuthError>;
  /**
   * A stalled server says so: the clock does not wait for requests to URLs that begin so, until the function it gives is
   * called.
   */
  hold(prefix: string): () => void;
  /** The same for those that are under way now, and for good. */
  stalled(prefix: string): void;
  /** Registers what is to be closed at the end of the row. */
  onEnd(close: () => unknown): void;
  /** A server or proxy of the row's own: closed at the end, by when no connection to it may be open. */
  own<S extends { readonly connections: number; close(): Promise<void> }>(server: S): S;
}

/** For what goes wrong between us and the authorization server. */
export interface AuthorizationWorld extends FaultWorld {
  /** As the config names it. */
  readonly issuerOrigin: string;
  tokenEndpoint: string;
  /** What sends in the end; the global `fetch` unless told. */
  send: FetchFunction;
  /** `network` of the config. */
  network: NonNullable<McpAuthConfig["network"]>;
}
