import type { Trial } from "../errors/trial.js";

/**
 * What may be wrong, and what to do, in whole sentences. They may be printed, logged and shown to a model, so they may
 * contain values of the config, but nothing that a server chose.
 */
export interface Finding {
  /** Names the cause, such as `secret_whitespace`. It never changes, so that a program can count findings. */
  readonly id: string;
  /** What is wrong; absent if the error already says so. */
  readonly cause?: string | undefined;
  readonly remedy: string;
  /** The remedy as it follows "try", without a period. Absent if the remedy is not something to try. */
  readonly attempt?: string | undefined;
  /** The changes of the remedy that a program can make, the likeliest first. */
  readonly trials?: readonly Trial[] | undefined;
  /**
   * What is left of the remedy when all trials have failed; `""` if nothing is. Absent: the whole remedy, or nothing if
   * the remedy is only to try something.
   */
  readonly remains?: string | undefined;
}

/** Returns the finding as it continues a message: the cause, then the remedy. */
export function findingText({ cause, remedy }: Pick<Finding, "cause" | "remedy">): string {
  return cause === undefined ? remedy : `${cause} ${remedy}`;
}

/** Returns a finding whose remedy is to try something. */
export function findingToTry(id: string, attempt: string, trials: readonly Trial[]): Finding {
  return { id, remedy: `Try ${attempt}.`, attempt, trials };
}

/** Returns what is left to do about a finding when all of its trials have failed; `""` if nothing is. */
export function remainsOfFinding(finding: Finding): string {
  const { attempt, remains } = finding;
  return remains ?? (attempt === undefined ? findingText(finding) : "");
}
