/** The writes of one user's tokens to the store. After `close()`, no token of this user is written. */
export class UserWrites {
  #isClosed = false;
  readonly #pending = new Set<Promise<unknown>>();

  /** Runs `write`, unless the writes are closed. */
  async run(write: () => Promise<unknown>): Promise<void> {
    if (this.#isClosed) return;
    const pending = write();
    this.#pending.add(pending);
    try {
      await pending;
    } finally {
      this.#pending.delete(pending);
    }
  }

  /** Lets no further write begin. Resolves when those that have begun have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#pending);
  }
}
