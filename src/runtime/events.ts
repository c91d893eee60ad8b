import { channel } from "node:diagnostics_channel";
import type { McpAuthError } from "../errors/error.js";
import type { TokenEvent } from "../tokens/token-event.js";
import { misuse } from "./check-options.js";
import type { Logger } from "./logger.js";

export interface McpAuthEvents {
  /** A new token is in use. */
  "token:renewed": TokenEvent;
  /**
   * Something is off that does not stop tokens: a token without a lifetime, for example, or with code `unauthorized` that
   * the server refused a new token too.
   */
  "token:warning": TokenEvent;
  /** An attempt at a token failed. */
  "token:failed": TokenEvent;
  /** The MCP server refused a token, which is used until a request for another one has succeeded. */
  "token:rejected": TokenEvent;
  /** No usable token, and no request for one for `durationMs`. */
  "token:cooldown": TokenEvent;
  /** The store of the config cannot be used; said once until it can be again. Access tokens are got without it. */
  "store:down": TokenEvent;
  /** The secret of a client is another one than at the request before. */
  "secret:changed": TokenEvent;
  /** The key of a client is another one than at the request before, with what belongs to it. */
  "key:rotated": TokenEvent;
  /** `reload()` has put another config in place. */
  "config:reloaded": ConfigReloadedEvent;
}

/** What `reload()` did, as names of servers. Those that are in none of the lists go on as they were. */
export interface ConfigReloadedEvent {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Milliseconds. */
  readonly durationMs: number;
}

export type McpAuthEventName = keyof McpAuthEvents;
export type McpAuthListener<E extends McpAuthEventName> = (event: McpAuthEvents[E]) => void;

const levels = {
  "token:renewed": "debug",
  "token:warning": "warn",
  "token:failed": "warn",
  "token:rejected": "info",
  "token:cooldown": "warn",
  "store:down": "warn",
  "secret:changed": "info",
  "key:rotated": "info",
  "config:reloaded": "info",
} as const satisfies Record<McpAuthEventName, keyof Logger>;

type Listeners = { readonly [E in McpAuthEventName]: Set<(event: McpAuthEvents[E]) => unknown> };

/**
 * Hands events to listeners, to `node:diagnostics_channel` as `mcp-auth:<event>`, and to the logger. A listener
 * that throws disturbs nobody: what it threw goes to the logger by its name only.
 */
export class Events {
  readonly #listeners: Listeners = {
    "token:renewed": new Set(),
    "token:warning": new Set(),
    "token:failed": new Set(),
    "token:rejected": new Set(),
    "token:cooldown": new Set(),
    "store:down": new Set(),
    "secret:changed": new Set(),
    "key:rotated": new Set(),
    "config:reloaded": new Set(),
  };
  readonly #logger: Logger | undefined;
  /** What was said by a process warning. */
  readonly #warned = new Set<string>();

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** Returns the function that removes the listener. Throws `config_invalid` for what is no event or no listener. */
  on<E extends McpAuthEventName>(name: E, listener: McpAuthListener<E>): () => void {
    if (!Object.hasOwn(this.#listeners, name)) {
      throw misuse(`There is no such event. There are: ${Object.keys(levels).join(", ")}.`);
    }
    if (typeof listener !== "function") throw misuse("A listener is a function.");
    const listeners = this.#listeners[name];
    // One more wrapper, so that the same function can listen twice and be removed once.
    const entry = (event: McpAuthEvents[E]) => listener(event);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  emit<E extends McpAuthEventName>(name: E, event: McpAuthEvents[E]): void {
    Object.freeze(event);
    const onThrow = (error: unknown): void => {
      const fields = { event: name, error: error instanceof Error ? error.name : typeof error };
      this.#log("error", fields, "A listener threw.");
    };
    for (const listener of [...this.#listeners[name]]) settle(() => listener(event), onThrow);
    const diagnostics = channel(`mcp-auth:${name}`);
    if (diagnostics.hasSubscribers) diagnostics.publish(event);
    this.#log(levels[name], { event: name, ...event }, name);
  }

  /**
   * A process warning for what nobody would hear of, because there is neither a logger nor a listener: the first with this
   * `key`.
   */
  warnUnheard(name: McpAuthEventName, key: string, { code, message }: McpAuthError): void {
    const isHeard =
      this.#logger !== undefined ||
      this.#listeners[name].size > 0 ||
      channel(`mcp-auth:${name}`).hasSubscribers;
    if (isHeard || this.#warned.has(key)) return;
    this.#warned.add(key);
    process.emitWarning(message, { type: "McpAuthWarning", code });
  }

  /** Logs what no event tells. */
  warn(fields: object, message: string): void {
    this.#log("warn", fields, message);
  }

  #log(level: keyof Logger, fields: object, message: string): void {
    // A broken logger must not break calls.
    settle(
      () => this.#logger?.[level](fields, message),
      () => {},
    );
  }
}

/** Calls foreign code. An async function passes for any other, and would end the process with what it rejects with. */
function settle(call: () => unknown, onThrow: (error: unknown) => void): void {
  try {
    const result = call();
    if (typeof result === "object" && result !== null && "then" in result) {
      Promise.resolve(result).catch(onThrow);
    }
  } catch (error) {
    onThrow(error);
  }
}
