import { McpAuthError, type McpAuthErrorCode } from "../errors/error.js";
import { type Failure, failureError } from "../net/failure.js";

export interface DiscoveryProblem {
  /** The code that a token request of the runtime would fail or warn with. */
  readonly code: McpAuthErrorCode;
  /** What is wrong and what to do. Holds nothing that a server chose. */
  readonly message: string;
  /** Where it is, or what is named there. A server may have chosen it: for a person to read. */
  readonly url?: string;
}

const ours: ReadonlySet<McpAuthErrorCode> = new Set(["aborted", "config_invalid"]);

/** What `discover` found to be wrong, in the order in which it was found. */
export class Problems {
  readonly #server: string;
  readonly #all: DiscoveryProblem[] = [];

  constructor(server: string) {
    this.#server = server;
  }

  get all(): readonly DiscoveryProblem[] {
    return this.#all;
  }

  /** Throws for what is no problem of the server: the caller has given up, or has set `network` so that nothing can be sent. */
  add(failure: Failure, url?: string): void {
    this.caught(failureError(this.#server, failure), url);
  }

  /** The same for what was thrown. */
  caught(error: unknown, url?: string): void {
    if (!(error instanceof McpAuthError) || ours.has(error.code)) throw error;
    const { code, message } = error;
    this.#all.push({ code, message, ...(url !== undefined && { url }) });
  }
}
