import type { McpAuthError } from "../errors/error.js";
import type { McpAuthEventName, McpAuthListener } from "./events.js";
import type { TokenManager, TokenManagerStatus } from "./token-manager.js";

export interface StartOptions<Name extends string = string> {
  /** Servers that must have a token; `start()` rejects with the error of the first that gets none. */
  readonly require?: readonly Name[];
}

/** The managers of one config: what `createMcpAuth` gives. It is itself the host-neutral plugin. */
export interface McpAuth<Name extends string = string> extends AsyncDisposable {
  readonly name: "mcp-auth-runtime";
  /** The version of this package. */
  readonly version: string;
  /** The names of the servers, in the order of the config. */
  readonly servers: readonly Name[];
  has(name: string): name is Name;
  /**
   * The manager of a server, the same each time.
   *
   * Throws `unknown_server`, with near names, and `stopped` after `stop()`.
   *
   * @example
   * ```ts
   * const billing = auth.resolve("billing");
   * ```
   */
  resolve(name: Name): TokenManager;
  /** The manager whose URL the given one is or lies below, the longest of several; `undefined` without one. */
  resolveUrl(url: string | URL): TokenManager | undefined;
  /**
   * Gets a token for every server that is renewed automatically, and starts the schedules. Optional: managers also
   * start by themselves when they are used.
   *
   * Resolves, when each has its first token or has failed, with the failures. Rejects only for a server named in
   * `require`, or with `stopped`.
   */
  start(options?: StartOptions<Name>): Promise<readonly McpAuthError[]>;
  /**
   * Ends all timers. Calls from now on reject with `stopped`; renewals in flight have five seconds. May be called
   * any number of times.
   */
  stop(): Promise<void>;
  /** Where each server stands, without waiting and without a secret. */
  status(): readonly TokenManagerStatus[];
  /**
   * Listens to an event; gives the function that removes the listener. What a listener throws reaches nobody but
   * the logger.
   *
   * @example
   * ```ts
   * const remove = auth.on("token:renewed", ({ server, reason }) => console.log(server, reason));
   * ```
   */
  on<E extends McpAuthEventName>(event: E, listener: McpAuthListener<E>): () => void;
}
