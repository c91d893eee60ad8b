import type { Readable, Writable } from "node:stream";
import { McpAuthError } from "../../errors/error.js";
import { isProgrammingError } from "../../errors/expected-errors.js";
import type { TokenManager } from "../../index.js";
import { onAbort } from "../../lib/abort-signal.js";
import { type Clock, systemClock } from "../../lib/clock.js";
import { quoted } from "../../lib/printable.js";
import { settledWithin } from "../../lib/wait.js";
import { Call } from "./call.js";
import { unfinished } from "./failures.js";
import { invalidLine } from "./invalid-line.js";
import { type Line, readLines } from "./lines.js";
import {
  type Message,
  maxMessageLength,
  type NotificationPart,
  parseMessage,
  singlePart,
} from "./message.js";
import { MessageOutput } from "./message-output.js";
import { readReply } from "./read-reply.js";
import { selfContainedRequest } from "./request-headers.js";
import { SentBytes } from "./sent-bytes.js";
import { type Reply, ServerTransport } from "./server-transport.js";
import { Session } from "./session.js";
import { ToHost } from "./to-host.js";
import { ToolHeaders } from "./tool-headers.js";

export interface StdioBridgeOptions {
  /** A token manager: only its authorized `fetch`, its name and its URL are used. */
  readonly manager: Pick<TokenManager, "name" | "url" | "fetch">;
  /** What the host writes. It is destroyed at the end. */
  readonly input: Readable;
  /** What the host reads. It stays open. */
  readonly output: Writable;
  /** Gets a line for a person. It contains no text that a server chose, and no secret. */
  readonly onNotice: (line: string) => void;
  /** Ends the bridge at once: requests are aborted, and the session is ended. */
  readonly signal: AbortSignal;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

/** Milliseconds for open requests, after the host has closed its side. */
const timeToFinish = 10_000;
/** Milliseconds for the server to accept `notifications/initialized`. Later messages do not wait for longer. */
const timeToInitialize = 10_000;
/** Milliseconds for the request that ends the session. */
const timeToEnd = 2_000;
/** Milliseconds for the last errors. A reader that takes nothing gets none. */
const timeToWrite = 100;

/**
 * Connects a host that speaks MCP's stdio transport to a server that speaks Streamable HTTP, in all versions since
 * 2025-03-26. The requests have the token of the manager.
 *
 * Resolves when `input` has ended and every request is answered, at most ten seconds later; when `signal` is aborted;
 * or when the host has closed `output`. Before that, it ends the session, which takes two seconds at most. It never
 * rejects because of what a host or a server sends: a request that fails is answered with an error.
 */
export async function bridgeStdio(options: StdioBridgeOptions): Promise<void> {
  await new Bridge(options).run();
}
/** Different lines for the person. */
const maxNotices = 1_000;

class Bridge {
  readonly #options: StdioBridgeOptions;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #output: MessageOutput;
  readonly #toHost: ToHost;
  readonly #transport: ServerTransport;
  readonly #onNotice: (line: string) => void;
  readonly #session: Session;
  readonly #toolHeaders: ToolHeaders;
  readonly #sent = new SentBytes();
  readonly #work = new Set<Promise<void>>();
  /** Resolves when the host's next message can be sent: what follows `initialize` needs the session. */
  #ready: Promise<unknown> = Promise.resolve();
  /** The first mistake in our code, which must not stay hidden. */
  #mistake: { readonly error: unknown } | undefined;

  constructor(options: StdioBridgeOptions) {
    this.#options = options;
    const { manager, output, clock = systemClock } = options;
    const onNotice = onceEach(options.onNotice);
    this.#clock = clock;
    this.#onNotice = onNotice;
    this.#output = new MessageOutput(output, () => this.#stop.abort());
    this.#toHost = new ToHost(this.#output, onNotice);
    this.#transport = new ServerTransport(manager, clock);
    const both = { transport: this.#transport, toHost: this.#toHost, onNotice };
    this.#toolHeaders = new ToolHeaders(both);
    this.#session = new Session({
      ...both,
      stopped: this.#stop.signal,
      background: (work) => this.#track(work),
    });
  }

  async run(): Promise<void> {
    const { input, signal } = this.#options;
    const stopped = this.#stop.signal;
    onAbort(stopped, () => {
      this.#output.close();
      this.#sent.close();
      input.destroy();
    });
    const unlink = onAbort(signal, () => this.#stop.abort());
    await this.#read();
    if (!stopped.aborted) await this.#finish();
    unlink();
    this.#stop.abort();
    const ended = Promise.all([this.#session.end(timeToEnd), ...this.#work]);
    await settledWithin(ended, timeToEnd, this.#clock);
    if (this.#mistake !== undefined) throw this.#mistake.error;
  }

  /** Reads what the host writes, until there is no more. */
  async #read(): Promise<void> {
    const { input } = this.#options;
    // Without a listener, an error that comes after the last read would end the process.
    input.on("error", () => {});
    try {
      for await (const line of readLines(input, maxMessageLength)) {
        await this.#take(line);
        if (this.#stop.signal.aborted) return;
      }
    } catch (error) {
      // An input that breaks off has ended.
      if (isProgrammingError(error)) this.#mistake ??= { error };
    }
  }

  /** Waits for the answers to open requests, and answers those that take too long. */
  async #finish(): Promise<void> {
    const answered = Promise.all(this.#owed().map(({ settled }) => settled));
    await settledWithin(
      answered.then(() => this.#output.flush()),
      timeToFinish,
      this.#clock,
    );
    const error = unfinished(this.#transport.name);
    const failed = Promise.all(this.#owed().map((call) => this.#toHost.fail(call, error)));
    await settledWithin(failed, timeToWrite, this.#clock);
  }

  /** The calls that the host still expects an answer to. A subscription has none while it lasts. */
  #owed(): Call[] {
    return [...this.#toHost.calls].filter(({ unanswered }) =>
      unanswered.every(({ method }) => method !== "subscriptions/listen"),
    );
  }

  async #take(line: Line): Promise<void> {
    const message = line.problem === undefined ? parseMessage(line.text) : line;
    if ("problem" in message) return await this.#output.write(JSON.stringify(invalidLine(message)));
    const cancellation = singlePart(message, "notifications/cancelled");
    if (cancellation?.kind === "notification") this.#track(this.#cancel(message, cancellation));
    else if (singlePart(message, "initialize")?.kind === "request") this.#initialize(message);
    else if (singlePart(message, "notifications/initialized")?.kind === "notification")
      this.#initialized(message);
    else this.#track(this.#send(message));
    await this.#sent.room();
  }

  #initialize(message: Message): void {
    let reply: Reply | undefined;
    const onAnswer: Call["onAnswer"] = (answer, line) => {
      if (reply !== undefined) this.#session.accept(reply, answer);
      return line;
    };
    const call = new Call(message, this.#stop.signal, { onAnswer });
    const begin = async () => {
      reply = await this.#session.begin(call);
      return reply;
    };
    this.#track(this.#run(call, begin));
    this.#hold(call.settled);
  }

  #initialized(message: Message): void {
    const work = this.#send(message).then((reply) => {
      if (reply?.response.ok) this.#session.listen(message);
    });
    this.#track(work);
    this.#hold(settledWithin(work, timeToInitialize, this.#clock));
  }

  /** Lets what follows wait for the session. The input is read meanwhile, because the host may end it. */
  #hold(work: Promise<void>): void {
    this.#ready = Promise.all([this.#ready, work]);
  }

  /** Closing the connection cancels a self-contained request. For others, the server gets the host's notification. */
  async #cancel(message: Message, { params }: NotificationPart): Promise<void> {
    const { requestId } = params;
    if (typeof requestId !== "string" && typeof requestId !== "number") return;
    const call = [...this.#toHost.calls].find((each) => each.owes(requestId));
    if (call?.isSelfContained !== true && this.#session.hasBegun) await this.#send(message);
    call?.cancel(requestId);
  }

  async #send(message: Message): Promise<Reply | undefined> {
    const isToolList = selfContainedRequest(message)?.method === "tools/list";
    const onAnswer: Call["onAnswer"] = (answer, line) => this.#toolHeaders.learn(answer, line);
    const call = new Call(message, this.#stop.signal, isToolList ? { onAnswer } : {});
    return await this.#run(call, () => (call.isSelfContained ? this.#toolHeaders : this.#session).post(call));
  }

  /** Sends a message once the session is ready, and passes on the answers. Returns the reply of the server, `undefined` if it failed. */
  async #run(call: Call, post: () => Promise<Reply>): Promise<Reply | undefined> {
    const { calls } = this.#toHost;
    const ready = this.#ready;
    calls.add(call);
    try {
      const reply = await this.#sent.during(call.message.text.length, () => ready.then(post));
      await readReply({
        ...{ transport: this.#transport, toHost: this.#toHost, call, reply },
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
    return await this.#transport.get(this.#session.headers, lastEventId, call.signal);
  }

  /** Requests are answered with the error. Of other messages, only a person can hear. */
  async #report(call: Call, error: McpAuthError): Promise<void> {
    if (call.unanswered.length > 0) return await this.#toHost.fail(call, error);
    const [part] = call.message.parts;
    if (part === undefined || part.kind === "request") return;
    const what =
      part.kind === "response"
        ? "An answer of the host"
        : `The notification ${quoted(part.method.slice(0, 100))}`;
    this.#onNotice(`${what} did not reach the server. ${error.message}`);
  }

  #track(work: Promise<unknown>): void {
    const tracked = work
      .then(
        () => {},
        (error: unknown) => {
          this.#mistake ??= { error };
          this.#stop.abort();
        },
      )
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

/** A person needs each line once. A server could cause it a million times. */
function onceEach(onNotice: (line: string) => void): (line: string) => void {
  const seen = new Set<string>();
  return (line) => {
    if (seen.has(line) || seen.size >= maxNotices) return;
    seen.add(line);
    onNotice(line);
  };
}
