export interface Verdict {
  /** Number of connections that were opened. */
  readonly opened: number;
  /** Number of connections with a successful handshake. */
  readonly verified: number;
  readonly problems: readonly string[];
}

export function startRecords(): Promise<string>;
export function recordingEnvironment(folder: string, nodeOptions?: string): Record<string, string>;
export function inheritedRecording(): Record<string, string>;
export function endRecords(folder: string): Promise<Verdict>;
