import { McpAuthError } from "../errors/error.js";
import { expectListeners } from "./abort-signal.js";
import type { Clock } from "./clock.js";
import { timeLimit } from "./time-limit.js";
import { untilAborted } from "./until-aborted.js";

export interface WaitLimitsOptions {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  readonly clock: Clock;
  /** Milliseconds for each piece of work. */
  readonly deadline: number;
}

/**
 * Ends what a call waits for beside its token: with the caller's signal, with the server's `deadline`, and with `stop()`.
 * The work gets a signal that says so, and is left behind if it takes no notice.
 */
export class WaitLimits {
  readonly #options: WaitLimitsOptions;
  readonly #stopping = new AbortController();

  constructor(options: WaitLimitsOptions) {
    this.#options = options;
    expectListeners(this.#stopping.signal);
  }

  /**
   * What `work` gives. Rejects with what it rejects with, and with `aborted`, `timeout` or `stopped`. `what` names it at the
   * beginning of a message.
   */
  async run<T>(
    what: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, deadline } = this.#options;
    const stopping = this.#stopping.signal;
    if (stopping.aborted) throw this.#stopped();
    if (signal?.aborted) throw this.#aborted(what);
    const controller = new AbortController();
    const ends = (error: () => McpAuthError) => () => controller.abort(error());
    const [onStop, onAbort] = [ends(() => this.#stopped()), ends(() => this.#aborted(what))];
    const timer = timeLimit(
      clock,
      deadline,
      ends(() => this.#late(what)),
      { attended: true },
    );
    stopping.addEventListener("abort", onStop, { once: true });
    if (signal !== undefined) {
      expectListeners(signal);
      signal.addEventListener("abort", onAbort, { once: true });
    }
    try {
      // What it rejects with because of its signal comes later than this.
      return await untilAborted(work(controller.signal), controller.signal, () => controller.signal.reason);
    } finally {
      timer.cancel();
      stopping.removeEventListener("abort", onStop);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Ends what is under way, and whatever comes later at once. */
  stop(): void {
    this.#stopping.abort();
  }

  #stopped(): McpAuthError {
    const { server } = this.#options;
    return new McpAuthError("stopped", `Server "${server}": the runtime was stopped.`, { server });
  }

  #aborted(what: string): McpAuthError {
    const { server } = this.#options;
    return new McpAuthError("aborted", `Server "${server}": the caller no longer waits for ${what}.`, {
      server,
    });
  }

  #late(what: string): McpAuthError {
    const { server, deadline } = this.#options;
    const message = `Server "${server}": ${what} took longer than ${deadline} ms. Try again, or raise "deadline".`;
    return new McpAuthError("timeout", message, { server, retryable: true });
  }
}
