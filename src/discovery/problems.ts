import { McpAuthError, type McpAuthErrorCode } from "../errors/error.js";
import { type Failure, failureError } from "../net/failure.js";

export interface DiscoveryProblem {
  /** The code that a token request would fail or warn with. */
  readonly code: McpAuthErrorCode;
  /** What is wrong and what to do. Contains nothing that a server chose. */
  readonly message: string;
  /** The URL that has the problem, or that is named there. A server may have chosen it: show it only to a person. */
  readonly url?: string;
}

/** The codes of failures that are not problems of the server. */
const codesOfCaller: ReadonlySet<McpAuthErrorCode> = new Set(["aborted", "config_invalid"]);

/** Collects the problems that `discover` finds, in order. */
export class Problems {
  readonly #server: string;
  readonly #all: DiscoveryProblem[] = [];

  constructor(server: string) {
    this.#server = server;
  }

  get all(): readonly DiscoveryProblem[] {
    return this.#all;
  }

  /** Throws failures that are not problems of the server: the caller aborted, or `network` is set so that nothing can be sent. */
  add(failure: Failure, url?: string): void {
    this.addError(failureError(this.#server, failure), url);
  }

  /** The same for an error. */
  addError(error: unknown, url?: string): void {
    if (!(error instanceof McpAuthError) || codesOfCaller.has(error.code)) throw error;
    const { code, message } = error;
    this.#all.push({ code, message, ...(url !== undefined && { url }) });
  }
}
