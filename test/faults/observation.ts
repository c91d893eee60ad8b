import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import type { Logger, McpAuth, McpAuthEventName } from "../../src/index.js";

const names = [
  "token:renewed",
  "token:warning",
  "token:failed",
  "token:rejected",
  "token:cooldown",
  "secret:changed",
  "key:rotated",
  "config:reloaded",
] as const satisfies readonly McpAuthEventName[];

export interface Attempt {
  readonly event: "token:renewed" | "token:failed";
  readonly attempt: number;
}

/** All that somebody could see who looks at a runtime from outside. */
export class Observation {
  readonly seen: string[] = [];
  /** Attempts at a token that have ended. */
  readonly attempts: Attempt[] = [];
  readonly logger: Logger;
  readonly #issuer: string;
  readonly #subscriber: (message: unknown) => void;

  constructor(issuer: string) {
    this.#issuer = issuer;
    const line = (level: keyof Logger) => (fields: object, message: string) =>
      this.note([level, fields, message]);
    this.logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    // The channels are of the whole process: other rows' messages are not ours.
    this.#subscriber = (message) => {
      const issuer = Object(message).issuer;
      if (issuer === undefined || issuer === this.#issuer) this.note(message);
    };
    for (const name of names) subscribe(`mcp-auth:${name}`, this.#subscriber);
  }

  listen(auth: McpAuth<string>): void {
    for (const name of names) auth.on(name, (event) => this.note([name, event]));
    for (const event of ["token:renewed", "token:failed"] as const) {
      auth.on(event, ({ attempt = 1 }) => this.attempts.push({ event, attempt }));
    }
  }

  note(value: unknown): void {
    // Without calling getters: the one of an error gives what servers said, to those who ask for it.
    this.seen.push(inspect(value, { depth: 12, showHidden: true }));
    this.seen.push(json(value));
    if (value instanceof Error) this.seen.push(String(value), value.message, value.stack ?? "");
  }

  end(): void {
    for (const name of names) unsubscribe(`mcp-auth:${name}`, this.#subscriber);
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    // What goes round in circles has no JSON to show anything.
    return "";
  }
}
