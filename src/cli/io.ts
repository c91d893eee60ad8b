import type { Readable, Writable } from "node:stream";
import type { Printer, Writers } from "./print.js";

/** The parts of the process that a command uses, except for its output. */
interface ProcessParts {
  /** `undefined` if the working directory was deleted. */
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The streams for the command that passes on what it reads. Default: those of the process. */
  readonly stdio?: () => { readonly input: Readable; readonly output: Writable };
  /** Ends the process after the command, without waiting for what is still running. */
  readonly abandon?: () => void;
}

/** The process around a command line. */
export interface ProcessIo extends ProcessParts, Writers {}

/** The environment that a command runs in. Results go to stdout, everything else to stderr. */
export interface CommandIo extends ProcessParts {
  readonly print: Printer;
  /**
   * From this call on, the command ends by itself after `signal` is aborted. Without it, an interrupt ends the command
   * at once.
   */
  readonly stopByItself: () => void;
}

/** Runs with the arguments after the command's name, and returns the exit code. */
export type Command = (args: readonly string[], io: CommandIo) => Promise<number>;
