/**
 * Token endpoints that asked to be left alone for longer than a caller waits. One object for all managers, so that
 * what one was told holds back every other that would ask the same server.
 */
export class RetryAfterRegistry {
  readonly #holds = new Map<string, { readonly since: number; readonly until: number }>();

  /** Milliseconds left, 0 when it may be asked. */
  remaining(endpoint: string | undefined, now: number): number {
    const hold = endpoint === undefined ? undefined : this.#holds.get(endpoint);
    if (hold === undefined) return 0;
    // One that began in the future would last by as much longer as the clock was set back.
    if (hold.since <= now && now < hold.until) return hold.until - now;
    this.release(endpoint);
    return 0;
  }

  /** Holds back requests to a token endpoint for so many milliseconds from now; a shorter one does not shorten it. */
  hold(endpoint: string | undefined, now: number, milliseconds: number): void {
    if (endpoint === undefined || milliseconds <= this.remaining(endpoint, now)) return;
    this.#holds.set(endpoint, { since: now, until: now + milliseconds });
  }

  /** It may be asked again. */
  release(endpoint: string | undefined): void {
    if (endpoint !== undefined) this.#holds.delete(endpoint);
  }
}
