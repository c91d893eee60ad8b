import { type Attributes, otherValue } from "./instruments.js";

/** More servers than a dashboard can show. Each has up to a few dozen series. */
export const maxServers = 500;

/**
 * Limits the number of series: the first servers that are measured keep their names, all others become `_OTHER`. Names
 * in a config are few, but a config can be generated.
 */
export class ServerLimit {
  readonly #names = new Set<string>();

  /** `claims` is `false` for a server that does nothing yet, so that it takes no place of one that does. */
  limited<T extends Attributes>(attributes: T, claims = true): T {
    const { server } = attributes;
    if (server === undefined || this.#names.has(server)) return attributes;
    if (claims && this.#names.size < maxServers) {
      this.#names.add(server);
      return attributes;
    }
    const { issuer } = attributes;
    return { ...attributes, server: otherValue, ...(issuer !== undefined && { issuer: otherValue }) };
  }
}
