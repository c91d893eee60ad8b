/**
 * What may be wrong, and what to do, in whole sentences. They may be printed, logged and shown to a model, so they may
 * contain values of the config, but nothing that a server chose.
 */
export interface Finding {
  /** What is wrong; absent if the error already says so. */
  readonly cause?: string | undefined;
  readonly remedy: string;
}

/** Returns the finding as it continues a message: the cause, then the remedy. */
export function findingText({ cause, remedy }: Finding): string {
  return cause === undefined ? remedy : `${cause} ${remedy}`;
}
