/** What a command may touch of the process around it. stdout is the result, stderr the talk. */
export interface CommandIo {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether stderr takes colours. */
  readonly colour: boolean;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The command is over, and what is still under way is not waited for. */
  readonly abandon?: () => void;
}

/** A command gets the arguments behind its name and gives the exit code. */
export type Command = (args: readonly string[], io: CommandIo) => Promise<number>;
