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
  /** The names of the servers, in the order of the config; after a reload, of the new one. */
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
  /**
   * The manager whose URL the given one is or lies below; `undefined` without one. A server whose URL has a query matches
   * only URLs that have the same values for each of its parameters. Of several servers the one with the longest path wins,
   * then the one with the most parameters, then the first in the config.
   */
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
   * Reads the config again, the same file or object, and puts it in the place of the one in use. Servers that are the
   * same keep their tokens, timers and calls; the managers of the others stay the same objects, and what they do next
   * is by the new config. Calls under way end as they began. After `start()`, added and changed servers are started,
   * too; what fails then is told by events.
   *
   * Resolves when the new config is in use. Rejects with `config_not_found` and `config_invalid`, and then nothing has
   * changed, or with `stopped`. Several at once run one after the other.
   *
   * Nothing else reads the config again: a file that was written has no effect before this call.
   *
   * @example
   * ```ts
   * process.on("SIGHUP", () => auth.reload().catch((error) => console.error(error.message)));
   * ```
   */
  reload(): Promise<void>;
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
