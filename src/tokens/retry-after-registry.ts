/**
 * Remembers for how long token endpoints asked us to wait (`Retry-After`, RFC 9110 §10.2.3). All managers share one
 * registry, so that a response to one of them holds back the requests of all.
 */
export class RetryAfterRegistry {
  readonly #holds = new Map<string, { readonly since: number; readonly until: number }>();

  /** Returns the remaining milliseconds, 0 if the endpoint may be asked. */
  remaining(endpoint: string | undefined, now: number): number {
    const hold = endpoint === undefined ? undefined : this.#holds.get(endpoint);
    if (hold === undefined) return 0;
    // A hold that begins in the future means that the clock was set back. It would last that much longer, so it ends.
    if (hold.since <= now && now < hold.until) return hold.until - now;
    this.release(endpoint);
    return 0;
  }

  /** Holds back requests to a token endpoint for this many milliseconds, unless a longer hold exists. */
  hold(endpoint: string | undefined, now: number, milliseconds: number): void {
    if (endpoint === undefined || milliseconds <= this.remaining(endpoint, now)) return;
    this.#holds.set(endpoint, { since: now, until: now + milliseconds });
  }

  /** Ends the hold of an endpoint. */
  release(endpoint: string | undefined): void {
    if (endpoint !== undefined) this.#holds.delete(endpoint);
  }
}
