import type { Printer, Writers } from "./print.js";

/** What a command may touch of the process around it, apart from what it prints. */
interface Surroundings {
  /** `undefined` where that folder was deleted. */
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The command is over, and what is still under way is not waited for. */
  readonly abandon?: () => void;
}

/** The process around a command line. */
export interface ProcessIo extends Surroundings, Writers {}

/** What a command gets. Results go to stdout, everything else to stderr. */
export interface CommandIo extends Surroundings {
  readonly print: Printer;
}

/** A command gets the arguments behind its name and gives the exit code. */
export type Command = (args: readonly string[], io: CommandIo) => Promise<number>;
