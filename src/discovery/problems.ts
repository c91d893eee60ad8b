import { McpAuthError, type McpAuthErrorCode } from "../errors/error.js";
import { type Failure, failureError } from "../net/failure.js";

export interface DiscoveryProblem {
  /** The code that a token request would fail or warn with. */
  readonly code: McpAuthErrorCode;
  /** What is wrong and what to do. Contains nothing that a server chose. */
  readonly message: string;
  /** The URL that the problem is about. A server may have chosen it: show it only to a person. */
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

  /**
   * Adds a failure. Throws one that is not a problem of the server: the caller aborted, or the config allows no
   * request.
   */
  add(failure: Failure, url?: string): void {
    this.addError(failureError(this.#server, failure), url);
  }

  /** Does the same for an error. Throws any error that is not an `McpAuthError`. */
  addError(error: unknown, url?: string): void {
    if (!(error instanceof McpAuthError) || codesOfCaller.has(error.code)) throw error;
    const { code, message } = error;
    this.#all.push({ code, message, ...(url !== undefined && { url }) });
  }
}
