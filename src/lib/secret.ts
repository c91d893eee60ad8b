import { customInspect } from "./custom-inspect.js";

const redacted = "<secret>";

/**
 * A value that must not be shown: as a string, in JSON and under `util.inspect` it is `<secret>`. Call `reveal()` only
 * where the value is sent to a server or used in a cryptographic operation.
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

  [customInspect](): string {
    return redacted;
  }
}

/** Returns a hash of several secrets, to tell later whether any of them has changed without keeping them. */
export function fingerprintOf(secrets: readonly (Secret | undefined)[]): string {
  const parts = JSON.stringify(secrets.map((secret) => secret?.reveal() ?? null));
  // Loaded on use, because loading it takes longer than loading all our own code that a start needs.
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(parts).digest("base64");
}
