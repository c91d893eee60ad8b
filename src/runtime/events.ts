import { channel } from "node:diagnostics_channel";
import type { McpAuthError } from "../errors/error.js";
import { Measurements } from "../telemetry/measurements.js";
import type { TokenEvent, TokenIssuedEvent } from "../tokens/token-event.js";
import { misuse } from "./check-options.js";

export interface McpAuthEvents {
  /**
   * For an audit log: this process has requested a token and got it. Once per token; not for a token that another
   * process requested, nor for one that the authorization server returns again.
   */
  "token:issued": TokenIssuedEvent;
  /** A new token is in use. */
  "token:renewed": TokenEvent;
  /**
   * Something is wrong, but tokens still arrive. Examples: a token without a lifetime; with code `unauthorized`, a
   * server that refused a new token too.
   */
  "token:warning": TokenEvent;
  /** An attempt to get a token failed. `code` and `message` say why. */
  "token:failed": TokenEvent;
  /** The MCP server refused a token. It stays in use until a request for another token succeeds. */
  "token:rejected": TokenEvent;
  /** There is no usable token, and none is requested for `durationMs` milliseconds. */
  "token:cooldown": TokenEvent;
  /** The store cannot be used. Reported once per outage. Access tokens are requested without it. */
  "store:down": TokenEvent;
  /** The client secret has changed since the previous request. */
  "secret:changed": TokenEvent;
  /** The key or certificate of the client has changed since the previous request. */
  "key:rotated": TokenEvent;
  /** `reload()` has loaded a config that differs. */
  "config:reloaded": ConfigReloadedEvent;
}

/** The servers that `reload()` changed, by name. Servers in none of the lists are unchanged. */
export interface ConfigReloadedEvent {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Duration of the reload in milliseconds. */
  readonly durationMs: number;
}

export type McpAuthEventName = keyof McpAuthEvents;
export type McpAuthListener<E extends McpAuthEventName> = (event: McpAuthEvents[E]) => void;

/** A logger that takes fields and a message, such as pino or bunyan. It never gets a secret. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const levels = {
  "token:issued": "info",
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
 * Passes events to listeners, to `node:diagnostics_channel` as `mcp-auth:<event>`, and to the logger. If a listener
 * throws, only the name of its error goes to the logger.
 */
export class Events {
  /**
   * What the events and the waits of this runtime amount to.
   *
   * @internal Its types belong to OpenTelemetry, which may not be installed.
   */
  readonly measurements = new Measurements();
  readonly #listeners: Listeners = {
    "token:issued": new Set(),
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
  /** Keys of the process warnings so far. */
  readonly #warned = new Set<string>();

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /**
   * Returns the function that removes the listener. Throws `config_invalid` for an unknown event, and for a listener
   * that is not a function.
   */
  on<E extends McpAuthEventName>(name: E, listener: McpAuthListener<E>): () => void {
    if (!Object.hasOwn(this.#listeners, name)) {
      throw misuse(`There is no such event. The events are: ${Object.keys(levels).join(", ")}.`);
    }
    if (typeof listener !== "function") throw misuse("A listener must be a function.");
    const listeners = this.#listeners[name];
    // Wrapped, so that the same function can be added twice and removed once.
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
    for (const listener of [...this.#listeners[name]]) callSafely(() => listener(event), onThrow);
    const diagnostics = channel(`mcp-auth:${name}`);
    if (diagnostics.hasSubscribers) diagnostics.publish(event);
    this.#log(levels[name], { event: name, ...event }, name);
  }

  /** Whether the event would reach a listener, a subscriber or the logger. */
  isHeard(name: McpAuthEventName): boolean {
    const hasListeners = this.#logger !== undefined || this.#listeners[name].size > 0;
    return hasListeners || channel(`mcp-auth:${name}`).hasSubscribers;
  }

  /** Emits a process warning if there is neither a logger nor a listener for the event. Only once for each `key`. */
  warnUnheard(name: McpAuthEventName, key: string, { code, message }: McpAuthError): void {
    if (this.isHeard(name) || this.#warned.has(key)) return;
    this.#warned.add(key);
    process.emitWarning(message, { type: "McpAuthWarning", code });
  }

  /** Logs a warning for which there is no event. */
  warn(fields: object, message: string): void {
    this.#log("warn", fields, message);
  }

  #log(level: keyof Logger, fields: object, message: string): void {
    // A broken logger must not break calls.
    callSafely(
      () => this.#logger?.[level](fields, message),
      () => {},
    );
  }
}

/** Calls code of the host. It may be an async function, and its unhandled rejection would end the process. */
function callSafely(call: () => unknown, onThrow: (error: unknown) => void): void {
  try {
    const result = call();
    if (typeof result === "object" && result !== null && "then" in result) {
      Promise.resolve(result).catch(onThrow);
    }
  } catch (error) {
    onThrow(error);
  }
}
