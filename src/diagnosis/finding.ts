/**
 * What may be wrong, and what to do. Whole sentences that name the config's own values at most: they may be printed,
 * logged and shown to a model, so they contain nothing that a server chose.
 */
export interface Finding {
  /** What is wrong; absent if the error that the finding belongs to says so already. */
  readonly cause?: string | undefined;
  readonly remedy: string;
}

/** Returns the finding as it continues a message: the cause, then the remedy. */
export function findingText({ cause, remedy }: Finding): string {
  return cause === undefined ? remedy : `${cause} ${remedy}`;
}
