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
  /** Resolves after everything that was printed has been written, or could not be. */
  readonly flushed?: () => Promise<void>;
  /** Ends the process by this signal after the command, so that its parent sees what ended the command. */
  readonly endBy?: (signal: NodeJS.Signals) => void;
}

/** The process around a command line. */
export interface ProcessIo extends ProcessParts, Writers {
  /** Asks the person at the terminal. Absent without a terminal, and in CI. */
  readonly ask?: Ask;
  /** Shows on the terminal that the command waits for something, until the returned function is called. */
  readonly showProgress?: (what: string) => () => void;
  /** Called with the name of the command before it is loaded. */
  readonly onCommand?: (name: string) => void;
}

/** Questions to the person. All of them reject with `Interrupted` if the person stops the command. */
export interface Ask {
  /** Enter means `initial`, which is yes unless it is given. */
  confirm(message: string, options?: { readonly initial?: boolean }): Promise<boolean>;
  /** `validate` returns what is wrong with an answer. */
  text(
    message: string,
    options?: { readonly initial?: string; readonly validate?: (answer: string) => string | undefined },
  ): Promise<string>;
  /** Returns the value of a choice. The first one is the default. */
  select(
    message: string,
    choices: readonly { readonly value: string; readonly label: string; readonly hint?: string }[],
  ): Promise<string>;
}

/** The person stopped the command at a question. */
export class Interrupted extends Error {}

/** The environment that a command runs in. Results go to stdout, everything else to stderr. */
export interface CommandIo extends ProcessParts {
  readonly print: Printer;
  /**
   * From this call on, the command ends by itself after `signal` is aborted. Without it, an interrupt ends the command
   * at once.
   */
  readonly stopByItself: () => void;
  /** Asks the person. Absent without a terminal, and in CI: a command must never wait for an answer there. */
  readonly ask?: Ask;
  /** Waits for something that may take long. After a second, a terminal shows `what`: "Asking crm.example". */
  readonly waitFor: <T>(what: string, work: Promise<T>) => Promise<T>;
}
