import type { McpAuthError } from "../errors/error.js";
import type { McpAuthEventName, McpAuthListener } from "./events.js";
import type { TokenManager, TokenManagerStatus } from "./token-manager.js";

export interface StartOptions<Name extends string = string> {
  /** Servers that must have a token. `start()` rejects with the error of the first one that gets none. */
  readonly require?: readonly Name[];
}

/**
 * The token managers of one config. `createMcpAuth` creates it. It is also a plugin for any host with `name`, `start`
 * and `stop`.
 */
export interface McpAuth<Name extends string = string> extends AsyncDisposable {
  readonly name: "mcp-auth-runtime";
  /** The version of this package. */
  readonly version: string;
  /** The names of the servers, in the order of the current config. */
  readonly servers: readonly Name[];
  /** Whether the config has a server with this name. */
  has(name: string): name is Name;
  /**
   * Returns the manager of a server, the same object each time. Makes no request.
   *
   * Throws `unknown_server`, with similar names in its message, and `stopped` after `stop()`.
   *
   * @example
   * ```ts
   * const billing = auth.resolve("billing");
   * ```
   */
  resolve(name: Name): TokenManager;
  /**
   * Returns the manager of the server that a URL belongs to, `undefined` if there is none. The URL must be that of the
   * server or below it, and have the same values for each query parameter of the server's URL. The longest path wins,
   * then the most parameters, then the first server in the config.
   *
   * @example
   * ```ts
   * const manager = auth.resolveUrl("https://mcp.acme.example/billing/invoices");
   * ```
   */
  resolveUrl(url: string | URL): TokenManager | undefined;
  /**
   * Gets a token for every server that is renewed automatically, and starts the schedules. Calling it is optional: a
   * manager also starts when it is used.
   *
   * Resolves with the failures when each server has its first token or has failed. Rejects with the error of a server
   * in `require`, with `unknown_server` for a name in `require` that the config does not have, and with `stopped`.
   *
   * @example
   * ```ts
   * const failures = await auth.start({ require: ["billing"] });
   * for (const { server, message } of failures) console.warn(server, message);
   * ```
   */
  start(options?: StartOptions<Name>): Promise<readonly McpAuthError[]>;
  /**
   * Reads the config again, from the same file or object, and uses it from then on. Unchanged servers keep their tokens
   * and timers. Managers stay the same objects and use the new config for their next calls; calls in flight end as they
   * began. After `start()`, added and changed servers are started too, and their failures are reported as events.
   *
   * Resolves when the new config is in use. Rejects with `config_not_found` and `config_invalid`, and then nothing has
   * changed, or with `stopped`. Concurrent calls run one after the other.
   *
   * A change of the file has no effect before this call.
   *
   * @example
   * ```ts
   * process.on("SIGHUP", () => auth.reload().catch((error) => console.error(error.message)));
   * ```
   */
  reload(): Promise<void>;
  /**
   * Stops all timers. New calls reject with `stopped` at once. Renewals in flight, and writes of a new refresh token,
   * have five seconds to end. Can be called more than once.
   */
  stop(): Promise<void>;
  /** Returns the state of each server, without a request and without a secret. */
  status(): readonly TokenManagerStatus[];
  /**
   * Adds a listener for an event and returns the function that removes it. An error that a listener throws goes only to
   * the logger. Throws `config_invalid` for an unknown event.
   *
   * @example
   * ```ts
   * const remove = auth.on("token:renewed", ({ server, reason }) => console.log(server, reason));
   * ```
   */
  on<E extends McpAuthEventName>(event: E, listener: McpAuthListener<E>): () => void;
}
