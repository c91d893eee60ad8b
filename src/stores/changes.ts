/** The listeners in this process that are told when the value of a key changes. */
export class Changes {
  readonly #listeners = new Map<string, Set<() => void>>();
  /** Called when the last listener of a key is removed. */
  readonly #whenUnused = new Map<string, Set<() => void>>();

  /** Returns whether a key has a listener. */
  has(key: string): boolean {
    return this.#listeners.has(key);
  }

  /** Adds a listener, and returns the function that removes it. */
  listen(key: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    // A new function, so that the same listener can be added twice and removed once.
    const entry = (): void => listener();
    this.#listeners.set(key, listeners.add(entry));
    return () => {
      listeners.delete(entry);
      if (listeners.size > 0 || this.#listeners.get(key) !== listeners) return;
      this.#listeners.delete(key);
      for (const notify of this.#whenUnused.get(key) ?? []) notify();
      this.#whenUnused.delete(key);
    };
  }

  /** Resolves when a key has no listener any more. */
  async unused(key: string): Promise<void> {
    if (!this.has(key)) return;
    await new Promise<void>((resolve) => {
      this.#whenUnused.set(key, (this.#whenUnused.get(key) ?? new Set()).add(resolve));
    });
  }

  /** Calls the listeners of a key. */
  notify(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener();
  }
}
