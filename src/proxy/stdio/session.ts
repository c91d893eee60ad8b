import type { McpAuthError } from "../../errors/error.js";
import { ignoreFailure } from "../../errors/expected-errors.js";
import { linkedAbort } from "../../lib/abort-signal.js";
import { abortedAfter, settledWithin } from "../../lib/wait.js";
import { askServer } from "./ask-server.js";
import type { Call } from "./call.js";
import type { BridgeContext } from "./context.js";
import { sessionLost } from "./failures.js";
import { listen } from "./listen.js";
import { isSessionLost } from "./lost-session.js";
import type { Message, ResponsePart } from "./message.js";
import { isHeaderSafe, type SessionHeaders } from "./request-headers.js";
import type { Reply, ServerTransport } from "./server-transport.js";
import { passOnUnasked } from "./unasked.js";

/** Milliseconds for the server to start a session in place of a lost one. Requests wait meanwhile. */
const longestStart = 30_000;

/** Milliseconds for the request that ends a session which another one replaces. */
const timeToEndReplaced = 2_000;

/** Milliseconds between two attempts to listen, if the first has failed. */
const pauseBetweenListening = 60_000;

/**
 * The session between the host and the server (MCP 2025-11-25 and earlier). If the server loses it, for example because
 * it restarts, the session starts another one with the host's own messages. The host does not notice.
 *
 * Without `initialize`, as in MCP 2026-07-28, and with servers that assign no ID, there is nothing to lose.
 */
export class Session {
  readonly #context: BridgeContext;
  #headers: SessionHeaders = {};
  /** The session before the host's latest `initialize`, until the server has started another. */
  #replaced: SessionHeaders = {};
  #initialize: Message | undefined;
  #initialized: Message | undefined;
  #renewal: Promise<void> | undefined;
  #stopListening: () => void = () => {};
  /** When to listen again, after the stream of the server has ended. */
  #listenAgainAt = Number.POSITIVE_INFINITY;

  constructor(context: BridgeContext) {
    this.#context = context;
  }

  get headers(): SessionHeaders {
    return this.#headers;
  }

  /** Whether the host has begun a session. */
  get hasBegun(): boolean {
    return this.#initialize !== undefined;
  }

  /**
   * Sends a message within the session. If the server has lost the session, the message is sent again in a new one, once.
   * Rejects if that fails.
   */
  async post(call: Call): Promise<Reply> {
    await this.#renewal;
    const { transport } = this.#context;
    const { message, signal } = call;
    const session = this.#headers;
    const reply = await transport.post(message, session, signal);
    if (isSessionLost(reply, message, session)) {
      await this.#renew(session);
      // Answers of the host are to requests of the lost session.
      if (message.parts.every(({ kind }) => kind === "response")) return reply;
      return await transport.post(message, this.#headers, signal);
    }
    // The server can be reached again.
    if (reply.response.ok && this.#initialized !== undefined && transport.clock.now() >= this.#listenAgainAt)
      this.listen(this.#initialized);
    return reply;
  }

  /** Sends the host's `initialize`, which begins a session and ends an earlier one. */
  async begin(call: Call): Promise<Reply> {
    await this.#renewal?.catch(ignoreFailure);
    this.#stopListening();
    // A failed `initialize` leaves the one before it.
    if (this.#headers.id !== undefined) this.#replaced = this.#headers;
    this.#headers = {};
    this.#initialize = call.message;
    this.#initialized = undefined;
    return await this.#context.transport.post(call.message, {}, call.signal);
  }

  /** Takes what the server assigned in its answer to `initialize`. */
  accept({ response }: Reply, { result }: ResponsePart): void {
    if (result === undefined) return;
    const id = response.headers.get("mcp-session-id");
    const { protocolVersion } = result;
    this.#headers = {
      ...(id !== null && isHeaderSafe(id) && { id }),
      ...(typeof protocolVersion === "string" && isHeaderSafe(protocolVersion) && { protocolVersion }),
    };
    const replaced = this.#replaced;
    this.#replaced = {};
    if (replaced.id !== this.#headers.id) this.#context.background(this.#delete(replaced, timeToEndReplaced));
  }

  /** Notes that the server has got the host's `notifications/initialized`, and listens to the server from now on. */
  listen(initialized: Message): void {
    this.#initialized = initialized;
    this.#stopListening();
    const { transport, toHost, stopped, background, onNotice } = this.#context;
    const { controller, unlink } = linkedAbort(stopped);
    this.#stopListening = () => controller.abort();
    const { signal } = controller;
    const listening = listen({ transport, toHost, session: this.#headers, signal, onNotice });
    this.#listenAgainAt = Number.POSITIVE_INFINITY;
    background(
      listening.finally(unlink).then((end) => {
        if (end === "ended" && !signal.aborted)
          this.#listenAgainAt = transport.clock.now() + pauseBetweenListening;
      }),
    );
  }

  /** Tells the server that the session is no longer needed. Takes no longer than a number of milliseconds. */
  async end(milliseconds: number): Promise<void> {
    this.#stopListening();
    const sessions = [this.#headers, this.#replaced];
    this.#headers = {};
    this.#replaced = {};
    await Promise.all(sessions.map((session) => this.#delete(session, milliseconds)));
  }

  async #delete(session: SessionHeaders, milliseconds: number): Promise<void> {
    if (session.id === undefined) return;
    const late = new AbortController();
    const { transport } = this.#context;
    await settledWithin(transport.delete(session, late.signal), milliseconds, transport.clock);
    late.abort();
  }

  /** Starts another session in place of a lost one. All messages that found it lost wait for the same attempt. */
  async #renew(lost: SessionHeaders): Promise<void> {
    // Another message found it lost before.
    if (this.#headers !== lost) return await this.#renewal;
    this.#renewal ??= this.#startAgain().finally(() => {
      this.#renewal = undefined;
    });
    await this.#renewal;
  }

  async #startAgain(): Promise<void> {
    const { transport, toHost, stopped } = this.#context;
    const initialize = this.#initialize;
    if (initialize === undefined) throw sessionLost(transport.name);
    this.#stopListening();
    const previous = this.#headers;
    await abortedAfter(longestStart, { clock: transport.clock, signal: stopped }, async (signal) => {
      const { reply, answer } = await askServer(initialize, { transport, toHost, session: {}, signal });
      if (!reply.response.ok) throw startError(transport, reply);
      if (answer !== undefined) this.accept(reply, answer);
      if (this.#headers === previous) throw sessionLost(transport.name);
      if (this.#initialized !== undefined) await this.#sendInitialized(this.#initialized, signal);
    });
  }

  async #sendInitialized(message: Message, signal: AbortSignal): Promise<void> {
    const { transport } = this.#context;
    const reply = await transport.post(message, this.#headers, signal);
    if (!reply.response.ok) throw startError(transport, reply);
    passOnUnasked(reply.response, this.#context);
    this.listen(message);
  }
}

/** A server that refuses the credentials says more than that the session was lost. */
function startError(transport: ServerTransport, { response }: Reply): McpAuthError {
  const error = transport.errorOf(response);
  return error.code === "unavailable" && !error.retryable ? sessionLost(transport.name) : error;
}
