import { McpAuthError } from "../errors/error.js";
import { allowManyListeners, onAbort } from "./abort-signal.js";
import type { Clock } from "./clock.js";
import { timeLimit } from "./time-limit.js";
import { untilAborted } from "./wait.js";

export interface WaitLimitsOptions {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  readonly clock: Clock;
  /** Milliseconds for each call of `run`. */
  readonly deadline: number;
}

/**
 * Limits the work that a call waits for besides its token, such as reading the secrets in `headers`. The wait ends when
 * the caller aborts its signal, after the server's `deadline`, and on `stop()`. The signal that the work gets is
 * aborted then. If the work ignores it, nobody waits for the work any longer.
 */
export class WaitLimits {
  readonly #options: WaitLimitsOptions;
  /** Created by the first wait. Most managers never wait for anything besides a token. */
  #stopping: AbortController | undefined;
  #isStopped = false;

  constructor(options: WaitLimitsOptions) {
    this.#options = options;
  }

  /**
   * Returns what `work` returns. Rejects with the error of `work`, or with `aborted`, `timeout` or `stopped`.
   *
   * @param name the work at the start of a message, such as "the proof"
   */
  async run<T>(
    name: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, deadline } = this.#options;
    if (this.#isStopped) throw this.#stopped();
    if (signal?.aborted) throw this.#aborted(name);
    const controller = new AbortController();
    const stopListening = [
      onAbort(this.#stopSignal(), () => controller.abort(this.#stopped())),
      onAbort(signal, () => controller.abort(this.#aborted(name))),
    ];
    const timer = timeLimit(clock, deadline, () => controller.abort(this.#late(name)), { unref: false });
    try {
      // If the work rejects because of its signal, that comes after this rejection.
      return await untilAborted(work(controller.signal), controller.signal, () => controller.signal.reason);
    } finally {
      timer.cancel();
      for (const stop of stopListening) stop();
    }
  }

  /** Ends all waits that are in progress. Later calls of `run` reject at once. */
  stop(): void {
    this.#isStopped = true;
    this.#stopping?.abort();
  }

  #stopSignal(): AbortSignal {
    if (this.#stopping === undefined) {
      this.#stopping = new AbortController();
      allowManyListeners(this.#stopping.signal);
    }
    return this.#stopping.signal;
  }

  #stopped(): McpAuthError {
    const { server } = this.#options;
    return new McpAuthError("stopped", `Server "${server}": the runtime was stopped.`, { server });
  }

  #aborted(name: string): McpAuthError {
    const { server } = this.#options;
    const message = `Server "${server}": the caller no longer waits for ${name}.`;
    return new McpAuthError("aborted", message, { server });
  }

  #late(name: string): McpAuthError {
    const { server, deadline } = this.#options;
    const message = `Server "${server}": ${name} took longer than ${deadline} ms. Try again, or raise "deadline".`;
    return new McpAuthError("timeout", message, { server, retryable: true });
  }
}
