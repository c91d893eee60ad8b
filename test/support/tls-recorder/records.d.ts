export interface Judged {
  /** Connections that were begun. */
  readonly opened: number;
  /** Those of them whose handshake ended well. */
  readonly verified: number;
  readonly problems: readonly string[];
}

export function startRecords(): Promise<string>;
export function recordingEnvironment(folder: string, nodeOptions?: string): Record<string, string>;
export function inheritedRecording(): Record<string, string>;
export function endRecords(folder: string): Promise<Judged>;
