import { McpAuthError } from "../../errors/error.js";
import { onAbort } from "../../lib/abort-signal.js";
import { membersOf } from "../../lib/json-text.js";
import { quoted } from "../../lib/printable.js";
import { settledWithin } from "../../lib/wait.js";
import { idOf } from "../json-rpc-id.js";
import { Call } from "./call.js";
import type { BridgeContext } from "./context.js";
import { type Message, type NotificationPart, requestsOf, singlePart } from "./message.js";
import { readReply } from "./read-reply.js";
import { selfContainedRequest } from "./request-headers.js";
import { SentBytes } from "./sent-bytes.js";
import type { Reply } from "./server-transport.js";
import { Session } from "./session.js";
import { ToolHeaders } from "./tool-headers.js";
import { passOnUnasked } from "./unasked.js";

/** Milliseconds for the server to accept `notifications/initialized`. Later messages do not wait for longer. */
const timeToInitialize = 10_000;

/** Milliseconds after the answer for which the server may keep the connection open. */
const linger = 1_000;

/** Passes the messages of the host on to the server. They do not wait for each other, once the session is ready. */
export class ToServer {
  readonly #context: BridgeContext;
  readonly #session: Session;
  readonly #toolHeaders: ToolHeaders;
  readonly #sent = new SentBytes();
  /** Resolves when the host's next message can be sent: what follows `initialize` needs the session. */
  #ready: Promise<unknown> = Promise.resolve();

  constructor(context: BridgeContext) {
    this.#context = context;
    this.#session = new Session(context);
    this.#toolHeaders = new ToolHeaders(context);
    onAbort(context.stopped, () => this.#sent.close());
  }

  /** Starts to send a message. Resolves once there is room for another. */
  async send(message: Message): Promise<void> {
    const { background } = this.#context;
    const cancellation = singlePart(message, "notifications/cancelled");
    if (cancellation?.kind === "notification") background(this.#cancel(message, cancellation));
    else if (singlePart(message, "initialize")?.kind === "request") this.#initialize(message);
    else if (singlePart(message, "notifications/initialized")?.kind === "notification")
      this.#initialized(message);
    else background(this.#send(message));
    await this.#sent.room();
  }

  /** Ends the session, within a number of milliseconds. */
  async end(milliseconds: number): Promise<void> {
    await this.#session.end(milliseconds);
  }

  #initialize(message: Message): void {
    let reply: Reply | undefined;
    const onAnswer: Call["onAnswer"] = (answer, line) => {
      if (reply !== undefined) this.#session.accept(reply, answer);
      return line;
    };
    const call = new Call(message, this.#context.stopped, { onAnswer });
    const begin = async () => {
      reply = await this.#session.begin(call);
      return reply;
    };
    this.#context.background(this.#run(call, begin));
    this.#hold(call.settled);
  }

  #initialized(message: Message): void {
    const work = this.#send(message).then((reply) => {
      if (reply?.response.ok) this.#session.listen(message);
    });
    this.#context.background(work);
    this.#hold(settledWithin(work, timeToInitialize, this.#context.transport.clock));
  }

  /** Lets what follows wait for the session. The input is read meanwhile, because the host may end it. */
  #hold(work: Promise<void>): void {
    this.#ready = Promise.all([this.#ready, work]);
  }

  /** Closing the connection cancels a self-contained request. For others, the server gets the host's notification. */
  async #cancel(message: Message, { params }: NotificationPart): Promise<void> {
    const id = idOf(params["requestId"], () =>
      membersOf(membersOf(message.text).get("params") ?? "").get("requestId"),
    );
    if (id === undefined) return;
    const call = [...this.#context.toHost.calls].find((each) => each.owes(id));
    if (call?.isSelfContained !== true && this.#session.hasBegun) await this.#send(message);
    call?.cancel(id);
  }

  async #send(message: Message): Promise<Reply | undefined> {
    const isToolList = selfContainedRequest(message)?.method === "tools/list";
    const onAnswer: Call["onAnswer"] = (answer, line) => this.#toolHeaders.learn(answer, line);
    const call = new Call(message, this.#context.stopped, isToolList ? { onAnswer } : {});
    return await this.#run(call, () => (call.isSelfContained ? this.#toolHeaders : this.#session).post(call));
  }

  /**
   * Sends a message once the session is ready, and passes on the answers. Returns the reply of the server, `undefined`
   * if it failed.
   */
  async #run(call: Call, post: () => Promise<Reply>): Promise<Reply | undefined> {
    const { transport, toHost } = this.#context;
    const { calls } = toHost;
    const ready = this.#ready;
    calls.add(call);
    call.abortAfterAnswer(linger, transport.clock);
    try {
      const reply = await this.#sent.during(call.message.text.length, () => ready.then(post));
      if (reply.response.ok && requestsOf(call.message).length === 0)
        passOnUnasked(reply.response, this.#context);
      else
        await readReply({
          ...{ transport, toHost, call, reply },
          resume: call.isSelfContained ? undefined : (lastEventId) => this.#resume(lastEventId, call),
        });
      return reply;
    } catch (error) {
      if (!(error instanceof McpAuthError)) throw error;
      if (!call.signal.aborted) await this.#report(call, error);
      return undefined;
    } finally {
      calls.delete(call);
      call.end();
    }
  }

  async #resume(lastEventId: string, call: Call): Promise<Response> {
    return await this.#context.transport.get(this.#session.headers, lastEventId, call.signal);
  }

  /** Requests are answered with the error. Of other messages, only a person can hear. */
  async #report(call: Call, error: McpAuthError): Promise<void> {
    if (call.unanswered.length > 0) return await this.#context.toHost.fail(call, error);
    const [part] = call.message.parts;
    if (part === undefined || part.kind === "request") return;
    const what =
      part.kind === "response"
        ? "An answer of the host"
        : `The notification ${quoted(part.method.slice(0, 100))}`;
    this.#context.onNotice(`${what} did not reach the server. ${error.message}`);
  }
}
