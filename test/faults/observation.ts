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

/** Everything that an observer of a runtime can see. */
export class Observation {
  readonly seen: string[] = [];
  /** The finished attempts to get a token. */
  readonly attempts: Attempt[] = [];
  readonly logger: Logger;
  readonly #issuer: string;
  readonly #subscriber: (message: unknown) => void;

  constructor(issuer: string) {
    this.#issuer = issuer;
    const line = (level: keyof Logger) => (fields: object, message: string) =>
      this.note([level, fields, message]);
    this.logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    // The channels belong to the whole process, so messages of other rows are ignored.
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
    // Getters are not called: `details` of an error intentionally returns what servers said.
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
    // A circular value has no JSON.
    return "";
  }
}
