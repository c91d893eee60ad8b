/** Sessions end without notice, so only this many are remembered. */
const limit = 1_000;

/** The token that each session of a host got last. */
export class SentTokens {
  readonly #tokens = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#tokens.get(key);
  }

  set(key: string, accessToken: string): void {
    // A `Map` keeps the order in which its keys were added.
    this.#tokens.delete(key);
    this.#tokens.set(key, accessToken);
    const [oldest] = this.#tokens.keys();
    if (oldest !== undefined && this.#tokens.size > limit) this.#tokens.delete(oldest);
  }
}
