// The rule for refused tokens once more, as plainly as it can be written: what the model compares the code with. One `Rule`
// for each cache key, which processes with one store have in common; one `Suspects` for each process.

const second = 1_000;

/** Milliseconds within which all processes know of a failed request. */
export const knownAfter = 10 * second;

export function holdLength(failures: number): number {
  return Math.min(60, 2 ** (Math.max(failures, 1) - 1)) * second;
}

export class Suspects {
  readonly certain = new Set<string>();
  /** Of callers who left before the end: perhaps suspects, perhaps not. */
  readonly possible = new Set<string>();

  /** Failed requests since this process had another credential: what it may believe, whatever others have reset. */
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
  /** For a kind that is a suspect. */
  readonly isHeld: boolean;
}

export class Rule {
  readonly requests: TokenRequest[] = [];
  failures = 0;
  holdUntil = Number.NEGATIVE_INFINITY;
  /** When the hold began last, for whatever reason. */
  heldAt = Number.NEGATIVE_INFINITY;
  /** No request for a suspect before, whatever other processes do not know yet: from the last one on. */
  heldUntilAtLeast = Number.NEGATIVE_INFINITY;
  #failedAt: number[] = [];
  readonly #failed = new Set<string>();
  /** Ten seconds of it are one part. */
  #credit = 50 * second;
  #countedAt = 0;

  /** Parts of the allowance that are left. */
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
      // By the clocks of the processes one may be forgotten a little earlier.
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

  /** There is another credential. */
  reset(): void {
    this.failures = 0;
    this.holdUntil = Number.NEGATIVE_INFINITY;
    this.heldUntilAtLeast = Number.NEGATIVE_INFINITY;
    this.#failedAt = [];
  }

  /** One failure for each ten seconds since the hold. */
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

/** The most of these moments in any minute. */
export function mostInAMinute(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  times.forEach((time, index) => {
    while ((times[first] ?? time) <= time - 60 * second) first += 1;
    most = Math.max(most, index - first + 1);
  });
  return most;
}
