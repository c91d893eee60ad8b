/** The `jti` of JWTs that work once. Each is kept until its JWT has expired, so that a server can run for long. */
export class UsedIds {
  /** The seconds since the epoch at which the JWT is too old anyway. */
  readonly #expiries = new Map<string, number>();

  get size(): number {
    return this.#expiries.size;
  }

  /**
   * Returns whether it is a text that was not used before.
   *
   * @param expiry seconds since the epoch, from which on nothing accepts the JWT
   */
  add(jti: unknown, expiry: number): boolean {
    const now = Date.now() / 1_000;
    for (const [known, until] of this.#expiries) if (until < now) this.#expiries.delete(known);
    if (typeof jti !== "string" || this.#expiries.has(jti)) return false;
    this.#expiries.set(jti, expiry);
    return true;
  }
}
