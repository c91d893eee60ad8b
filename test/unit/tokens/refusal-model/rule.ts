// The rule for refused tokens, written as simply as possible. The model compares the code with it. There is one `Rule`
// for each cache key, which processes with one store share, and one `Suspects` for each process.

const second = 1_000;

/** Milliseconds within which all processes have learned of a failed request. */
export const knownAfter = 10 * second;

export function holdLength(failures: number): number {
  return Math.min(60, 2 ** (Math.max(failures, 1) - 1)) * second;
}

export class Suspects {
  readonly certain = new Set<string>();
  /** Kinds of callers that aborted before the outcome, and that may be suspects or not. */
  readonly possible = new Set<string>();

  /** Failed requests since the last new credential of this process, even if other processes have reset their count. */
  failures = 0;

  has(kind: string): boolean {
    return this.certain.has(kind);
  }

  isUncertain(kind: string): boolean {
    return this.possible.has(kind) && !this.certain.has(kind);
  }
}

export interface TokenRequest {
  readonly at: number;
  /** Whether the kind was a suspect. */
  readonly isHeld: boolean;
}

export class Rule {
  readonly requests: TokenRequest[] = [];
  failures = 0;
  holdUntil = Number.NEGATIVE_INFINITY;
  /** When the last hold began. */
  heldAt = Number.NEGATIVE_INFINITY;
  /** No suspect may cause a request before this time, even if other processes do not know of all failures yet. */
  heldUntilAtLeast = Number.NEGATIVE_INFINITY;
  #failedAt: number[] = [];
  readonly #failed = new Set<string>();
  /** In milliseconds: ten seconds are one request of the allowance. */
  #credit = 50 * second;
  #countedAt = 0;

  /** Returns how many requests of the allowance are left. */
  parts(now: number): number {
    return Math.floor(this.#creditAt(now) / (10 * second));
  }

  allows(suspects: Suspects, now: number, kind: string): boolean {
    return suspects.has(kind) ? now >= this.holdUntil : this.parts(now) >= 1;
  }

  requested(now: number, isHeld: boolean): void {
    this.requests.push({ at: now, isHeld });
    if (isHeld) {
      this.#forget(now);
      const known = this.#failedAt.filter((at) => at <= now - knownAfter).length;
      // Minus one, because another process may forget one failure a little earlier by its clock.
      this.heldUntilAtLeast = now + holdLength(known - 1);
      this.#hold(now);
    } else {
      this.#credit = this.#creditAt(now) - 10 * second;
      this.#countedAt = now;
    }
  }

  failed(now: number, request: string, suspects: readonly Suspects[]): void {
    if (this.#failed.has(request)) return;
    this.#failed.add(request);
    this.#forget(now);
    this.failures += 1;
    this.#failedAt.push(now);
    for (const each of suspects) each.failures += 1;
    this.#hold(now);
  }

  /** Ends the hold and forgets all failures, because there is another credential. */
  reset(): void {
    this.failures = 0;
    this.holdUntil = Number.NEGATIVE_INFINITY;
    this.heldUntilAtLeast = Number.NEGATIVE_INFINITY;
    this.#failedAt = [];
  }

  /** Forgets one failure for every ten seconds since the end of the hold. */
  #forget(now: number): void {
    const forgotten = Math.floor(Math.max(now - this.holdUntil, 0) / (10 * second));
    this.failures = Math.max(this.failures - forgotten, 0);
    this.#failedAt = this.failures === 0 ? [] : this.#failedAt.slice(-this.failures);
  }

  #creditAt(now: number): number {
    return Math.min(50 * second, this.#credit + now - this.#countedAt);
  }

  #hold(now: number): void {
    this.heldAt = now;
    this.holdUntil = now + holdLength(this.failures);
  }
}

/** Returns the highest number of these times in any minute. */
export function mostInAMinute(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  times.forEach((time, index) => {
    while ((times[first] ?? time) <= time - 60 * second) first += 1;
    most = Math.max(most, index - first + 1);
  });
  return most;
}
