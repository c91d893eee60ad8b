import type { Readable, Writable } from "node:stream";
import { isProgrammingError } from "../../errors/expected-errors.js";
import { onAbort } from "../../lib/abort-signal.js";
import { type Clock, systemClock } from "../../lib/clock.js";
import { settledWithin } from "../../lib/wait.js";
import type { Call } from "./call.js";
import { unfinished } from "./failures.js";
import { invalidLine } from "./invalid-line.js";
import { type Line, readLines } from "./lines.js";
import { maxMessageLength, parseMessage } from "./message.js";
import { MessageOutput } from "./message-output.js";
import { type BridgedManager, ServerTransport } from "./server-transport.js";
import { ToHost } from "./to-host.js";
import { ToServer } from "./to-server.js";

export interface StdioBridgeOptions {
  /** A token manager: only its authorized `fetch`, its name, its URL and its latest error are used. */
  readonly manager: BridgedManager;
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
  readonly #stop = new AbortController();
  readonly #output: MessageOutput;
  readonly #transport: ServerTransport;
  readonly #toHost: ToHost;
  readonly #toServer: ToServer;
  readonly #work = new Set<Promise<void>>();
  /** The first mistake in our code, which must not stay hidden. */
  #mistake: { readonly error: unknown } | undefined;

  constructor(options: StdioBridgeOptions) {
    this.#options = options;
    const { manager, output, clock = systemClock } = options;
    const onNotice = onceEach(options.onNotice);
    this.#output = new MessageOutput(output, () => this.#stop.abort());
    this.#transport = new ServerTransport(manager, clock);
    this.#toHost = new ToHost(this.#output, onNotice);
    this.#toServer = new ToServer({
      ...{ transport: this.#transport, toHost: this.#toHost, onNotice },
      stopped: this.#stop.signal,
      background: (work) => this.#track(work),
    });
  }

  async run(): Promise<void> {
    const { input, signal } = this.#options;
    const stopped = this.#stop.signal;
    onAbort(stopped, () => {
      this.#output.close();
      input.destroy();
    });
    const unlink = onAbort(signal, () => this.#stop.abort());
    await this.#read();
    if (!stopped.aborted) await this.#finish();
    unlink();
    this.#stop.abort();
    const ended = Promise.all([this.#toServer.end(timeToEnd), ...this.#work]);
    await settledWithin(ended, timeToEnd, this.#transport.clock);
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
      this.#transport.clock,
    );
    const error = unfinished(this.#transport.name);
    const failed = Promise.all(this.#owed().map((call) => this.#toHost.fail(call, error)));
    await settledWithin(failed, timeToWrite, this.#transport.clock);
  }

  /** The calls that the host still expects an answer to. A subscription has none while it lasts. */
  #owed(): Call[] {
    return [...this.#toHost.calls].filter(({ unanswered }) =>
      unanswered.every(({ method }) => method !== "subscriptions/listen"),
    );
  }

  async #take(line: Line): Promise<void> {
    const message = line.problem === undefined ? parseMessage(line.text) : line;
    if ("problem" in message) await this.#output.write(invalidLine(message));
    else await this.#toServer.send(message);
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
