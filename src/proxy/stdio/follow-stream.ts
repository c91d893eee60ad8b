import { McpAuthError } from "../../errors/error.js";
import { pause } from "../../lib/wait.js";
import { discard } from "../../net/discard.js";
import { backoffDelay, isTemporaryStatus } from "../../net/retry.js";
import { EventStreamParser } from "./event-stream.js";
import { interrupted, notMcp } from "./failures.js";
import { maxMessageLength } from "./message.js";
import { chunksOf } from "./read-text.js";
import { isHeaderSafe } from "./request-headers.js";
import { mediaType, type ServerTransport } from "./server-transport.js";

export interface FollowOptions {
  readonly transport: Pick<ServerTransport, "name" | "clock">;
  readonly signal: AbortSignal;
  /** Handles the data of one event. The stream is not read further until it is done. */
  readonly onData: (data: string) => Promise<void>;
  /** Whether nothing more is expected of the stream, so that it is not resumed. */
  readonly isDone: () => boolean;
  /** Connects again, after the event with this ID; `undefined` for a stream that cannot be resumed. */
  readonly reconnect: ((lastEventId: string) => Promise<Response>) | undefined;
  /** Whether a stream without event IDs is opened again, too. */
  readonly reopens: boolean;
  /** What follows when the server refuses to resume the stream: an error, or nothing. */
  readonly refused: (response: Response) => McpAuthError | undefined;
}

/** Connections in a row that bring nothing. */
const maxFailures = 8;
/** Milliseconds between two connections, if the server names no other time. The wait doubles with each failure. */
const backoff = { min: 1_000, max: 30_000 };
/** Milliseconds. At least as long as this between two connections, whatever the server says. */
const shortestPause = 50;
/** Milliseconds. At most, because the host waits for an answer meanwhile. */
const longestPause = 300_000;
/** Milliseconds. A connection that lasted for this long was no failure: something ends those that are idle. */
const longLived = 30_000;

interface Position {
  lastEventId: string;
  /** Milliseconds that the server wants the client to wait before it connects again. */
  retry: number | undefined;
}

/**
 * Reads an event stream until it is done, and resumes it when it breaks off (MCP 2025-11-25, "Resumability and
 * Redelivery"). Resolves when it is done, or when `signal` is aborted. Rejects with `unavailable` if it cannot be
 * resumed, and with the errors of `refused` and `reconnect`.
 */
export async function followStream(first: Response, options: FollowOptions): Promise<void> {
  const { transport, signal, isDone } = options;
  const position: Position = { lastEventId: "", retry: undefined };
  let response = first;
  let failures = 0;
  for (;;) {
    const openedAt = transport.clock.now();
    const { received, broken } = await readEvents(response, position, options);
    if (signal.aborted || isDone()) return;
    // A server that closes the connection and says when to come back is not ready yet. That is no failure.
    const wantsPolling = !broken && position.retry !== undefined;
    if (received || wantsPolling || transport.clock.now() - openedAt >= longLived) failures = 0;
    const next = await reconnected(position, failures, options);
    if (next === undefined) return;
    ({ response, failures } = next);
  }
}

/** Reads a connection to its end. */
async function readEvents(
  response: Response,
  position: Position,
  { transport, signal, onData }: FollowOptions,
): Promise<{ readonly received: boolean; readonly broken: boolean }> {
  const parser = new EventStreamParser(maxMessageLength, position.lastEventId);
  const decoder = new TextDecoder();
  let received = false;
  for await (const bytes of chunksOf(response, signal)) {
    if (bytes === "broken") return { received, broken: true };
    for (const { type, data, lastEventId } of parser.push(decoder.decode(bytes, { stream: true }))) {
      received = true;
      if (type === "message" && data !== "") await onData(data);
      // After the data was handled, because it counts as received then.
      position.lastEventId = isHeaderSafe(lastEventId) ? lastEventId : "";
    }
    position.retry = parser.retry ?? position.retry;
    if (parser.isTooLong) throw notMcp(transport.name, "a message that is too long");
  }
  return { received, broken: false };
}

/** Connects again, after a pause. Returns `undefined` if that is not wanted any more. */
async function reconnected(
  { lastEventId, retry }: Position,
  failuresBefore: number,
  { transport, signal, reconnect, reopens, refused }: FollowOptions,
): Promise<{ readonly response: Response; readonly failures: number } | undefined> {
  for (let failures = failuresBefore + 1; ; failures += 1) {
    if (reconnect === undefined || failures > maxFailures || (lastEventId === "" && !reopens))
      throw interrupted(transport.name);
    const wait = Math.min(retry ?? backoffDelay(failures, backoff, Math.random), longestPause);
    await pause(Math.max(wait, shortestPause), { clock: transport.clock, signal });
    if (signal.aborted) return undefined;
    try {
      const response = await reconnect(lastEventId);
      if (response.ok && mediaType(response) === "text/event-stream") return { response, failures };
      discard(response);
      // 409: the server has not noticed yet that the connection broke off.
      if (!response.ok && (isTemporaryStatus(response.status) || response.status === 409)) continue;
      const error = refused(response);
      if (error === undefined) return undefined;
      throw error;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof McpAuthError && error.retryable)) throw error;
    }
  }
}
