import { channel } from "node:diagnostics_channel";
import type { TokenEvent, TokenEventName } from "../tokens/observer.js";
import type { Logger } from "./logger.js";

export interface McpAuthEvents {
  /** A new token is in use. */
  "token:renewed": TokenEvent;
  /** Something is off that does not stop tokens, a token without a lifetime for example. */
  "token:warning": TokenEvent;
  /** An attempt at a token failed. */
  "token:failed": TokenEvent;
  /** The MCP server answered 401 to a token, which is dropped. */
  "token:rejected": TokenEvent;
  /** No usable token, and no request for one for `durationMs`. */
  "token:cooldown": TokenEvent;
}

export type McpAuthEventName = keyof McpAuthEvents;
export type McpAuthListener<E extends McpAuthEventName> = (event: McpAuthEvents[E]) => void;

const levels = {
  "token:renewed": "debug",
  "token:warning": "warn",
  "token:failed": "warn",
  "token:rejected": "info",
  "token:cooldown": "warn",
} as const satisfies Record<McpAuthEventName, keyof Logger>;

/**
 * Hands events to listeners, to `node:diagnostics_channel` as `mcp-auth:<event>`, and to the logger. A listener
 * that throws disturbs nobody: what it threw goes to the logger by its name only.
 */
export class Events {
  readonly #listeners = new Map<McpAuthEventName, Set<(event: TokenEvent) => unknown>>();
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** Returns the function that removes the listener. */
  on<E extends McpAuthEventName>(name: E, listener: McpAuthListener<E>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // One more wrapper, so that the same function can listen twice and be removed once.
    const entry = (event: TokenEvent) => listener(event);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  emit(name: TokenEventName, event: TokenEvent): void {
    Object.freeze(event);
    const onThrow = (error: unknown): void => {
      const fields = { event: name, error: error instanceof Error ? error.name : typeof error };
      this.#log("error", fields, "A listener threw.");
    };
    for (const listener of [...(this.#listeners.get(name) ?? [])]) settle(() => listener(event), onThrow);
    const diagnostics = channel(`mcp-auth:${name}`);
    if (diagnostics.hasSubscribers) diagnostics.publish(event);
    this.#log(levels[name], { event: name, ...event }, name);
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
