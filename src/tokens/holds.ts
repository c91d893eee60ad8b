/**
 * Token endpoints that asked to be left alone for longer than a caller waits. One object for all managers, so that
 * what one was told holds back every other that would ask the same server.
 */
export class Holds {
  readonly #until = new Map<string, number>();

  /** Milliseconds left, 0 when the issuer may be asked. */
  remaining(issuer: string | undefined, now: number): number {
    if (issuer === undefined) return 0;
    const until = this.#until.get(issuer);
    if (until === undefined) return 0;
    if (until > now) return until - now;
    this.#until.delete(issuer);
    return 0;
  }

  /** Holds back requests to an issuer until a moment; an earlier one does not shorten it. */
  hold(issuer: string | undefined, until: number): void {
    if (issuer !== undefined) this.#until.set(issuer, Math.max(until, this.#until.get(issuer) ?? 0));
  }

  /** The issuer may be asked again. */
  release(issuer: string | undefined): void {
    if (issuer !== undefined) this.#until.delete(issuer);
  }
}
