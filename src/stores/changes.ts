/** Who wants to hear of a change of which key, within one process. */
export class Changes {
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Whether anybody listens. */
  has(key: string): boolean {
    return this.#listeners.has(key);
  }

  listen(key: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    // One more wrapper, so that the same function can listen twice and be removed once.
    const entry = (): void => listener();
    this.#listeners.set(key, listeners.add(entry));
    return () => {
      listeners.delete(entry);
      if (listeners.size > 0 || this.#listeners.get(key) !== listeners) return;
      this.#listeners.delete(key);
      for (const leave of this.#waiting.get(key) ?? []) leave();
      this.#waiting.delete(key);
    };
  }

  /** Resolves when nobody listens any more. */
  async left(key: string): Promise<void> {
    if (!this.has(key)) return;
    await new Promise<void>((resolve) => {
      this.#waiting.set(key, (this.#waiting.get(key) ?? new Set()).add(resolve));
    });
  }

  tell(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener();
  }
}
