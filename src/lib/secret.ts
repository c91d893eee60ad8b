import { inspect } from "node:util";

const redacted = "<secret>";

/**
 * A value that must not show: as a string, in JSON and under `util.inspect` it is `<secret>`. `reveal()` is called
 * only where the value goes onto the wire or into a cryptographic operation.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
