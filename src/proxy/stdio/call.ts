import { linkedAbort } from "../../lib/abort-signal.js";
import type { Clock, ClockTimer } from "../../lib/clock.js";
import { timeLimit } from "../../lib/time-limit.js";
import type { JsonRpcId } from "../json-rpc-id.js";
import { type Message, type RequestPart, type ResponsePart, requestsOf } from "./message.js";
import { selfContainedRequest } from "./request-headers.js";

export interface CallOptions {
  /**
   * Called with each answer, before it is written. Returns the line to write, `undefined` for none. By default, the host
   * gets the line as it is.
   */
  readonly onAnswer?: (answer: ResponsePart, line: string) => string | undefined;
}

/** A message on its way to the server, with the requests in it that have no answer yet. */
export class Call {
  readonly message: Message;
  /** Whether closing the connection is what cancels the request (MCP 2026-07-28). */
  readonly isSelfContained: boolean;
  /** Resolves once every request has an answer, or will not get one. */
  readonly settled: Promise<void>;
  readonly onAnswer: (answer: ResponsePart, line: string) => string | undefined;
  readonly #controller: AbortController;
  readonly #unlink: () => void;
  readonly #unanswered = new Map<JsonRpcId, RequestPart>();
  #settle: () => void = () => {};
  #writing = 0;
  #hasEnded = false;
  #lingering: ClockTimer | undefined;

  constructor(message: Message, stopped: AbortSignal, { onAnswer = (_, line) => line }: CallOptions = {}) {
    this.message = message;
    this.isSelfContained = selfContainedRequest(message) !== undefined;
    this.onAnswer = onAnswer;
    ({ controller: this.#controller, unlink: this.#unlink } = linkedAbort(stopped));
    for (const request of requestsOf(message)) this.#unanswered.set(request.id, request);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Aborted when nobody waits for the call any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The requests without an answer. */
  get unanswered(): readonly RequestPart[] {
    return [...this.#unanswered.values()];
  }

  get isAnswered(): boolean {
    return this.#unanswered.size === 0;
  }

  owes(id: JsonRpcId): boolean {
    return this.#unanswered.has(id);
  }

  /** Writes an answer, after which no other answer to the same request is accepted. */
  async answer(ids: readonly JsonRpcId[], write: () => Promise<void>): Promise<void> {
    for (const id of ids) this.#unanswered.delete(id);
    this.#writing += 1;
    await write();
    this.#writing -= 1;
    if (this.isAnswered && this.#writing === 0) this.#settle();
  }

  /** Gives up a request without an answer. Ends the connection if nothing else is expected of it. */
  cancel(id: JsonRpcId): void {
    this.#unanswered.delete(id);
    if (this.isAnswered) this.abort();
  }

  abort(): void {
    this.#controller.abort();
  }

  /**
   * Ends the connection a number of milliseconds after the last answer, which may also come on another connection.
   * Without this, the server could keep it open.
   */
  abortAfterAnswer(milliseconds: number, clock: Clock): void {
    this.settled.then(() => {
      if (this.#hasEnded) return;
      this.#lingering = timeLimit(clock, milliseconds, () => this.abort(), { unref: true });
    });
  }

  /** Frees what the call holds. */
  end(): void {
    this.#hasEnded = true;
    this.#lingering?.cancel();
    this.#settle();
    this.#unlink();
  }
}
