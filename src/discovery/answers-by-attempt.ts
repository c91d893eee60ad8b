import type { AskedIssuer } from "./authorization-server.js";

/**
 * What the locations of an issuer answered to the attempts of one acquisition, which share a signal: another attempt asks
 * only those that failed for a reason that may pass.
 */
export class AnswersByAttempt {
  readonly #answers = new WeakMap<AbortSignal, Map<string, readonly AskedIssuer[]>>();

  get(signal: AbortSignal | undefined, issuer: string): readonly AskedIssuer[] | undefined {
    return signal && this.#answers.get(signal)?.get(issuer);
  }

  set(signal: AbortSignal | undefined, issuer: string, answers: readonly AskedIssuer[]): void {
    if (signal === undefined) return;
    const known = this.#answers.get(signal) ?? new Map<string, readonly AskedIssuer[]>();
    this.#answers.set(signal, known.set(issuer, answers));
  }
}
