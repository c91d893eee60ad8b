/**
 * Token endpoints that asked to be left alone for longer than a caller waits. One object for all managers, so that
 * what one was told holds back every other that would ask the same server.
 */
export class Holds {
  readonly #holds = new Map<string, { readonly since: number; readonly until: number }>();

  /** Milliseconds left, 0 when the issuer may be asked. */
  remaining(issuer: string | undefined, now: number): number {
    const hold = issuer === undefined ? undefined : this.#holds.get(issuer);
    if (hold === undefined) return 0;
    // One that began in the future would last by as much longer as the clock was set back.
    if (hold.since <= now && now < hold.until) return hold.until - now;
    this.release(issuer);
    return 0;
  }

  /** Holds back requests to an issuer for so many milliseconds from now; a shorter one does not shorten it. */
  hold(issuer: string | undefined, now: number, milliseconds: number): void {
    if (issuer === undefined || milliseconds <= this.remaining(issuer, now)) return;
    this.#holds.set(issuer, { since: now, until: now + milliseconds });
  }

  /** The issuer may be asked again. */
  release(issuer: string | undefined): void {
    if (issuer !== undefined) this.#holds.delete(issuer);
  }
}
