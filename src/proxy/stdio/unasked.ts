import { McpAuthError } from "../../errors/error.js";
import { abortedAfter } from "../../lib/wait.js";
import { discard } from "../../net/discard.js";
import type { BridgeContext } from "./context.js";
import { followStream } from "./follow-stream.js";
import { mediaType } from "./server-transport.js";

/** Milliseconds. Without a limit, each notification of the host could leave a connection open. */
const longest = 30_000;

/**
 * Passes on what a server streams in answer to notifications and answers of the host. MCP expects nothing but 202, so
 * that nobody waits for it: it is read in the background, for a limited time, and not resumed.
 */
export function passOnUnasked(response: Response, context: BridgeContext): void {
  if (mediaType(response) === "text/event-stream") context.background(readUnasked(response, context));
  else discard(response);
}

async function readUnasked(
  response: Response,
  { transport, toHost, stopped, onNotice }: BridgeContext,
): Promise<void> {
  const follow = (signal: AbortSignal) =>
    followStream(response, {
      ...{ transport, signal, reconnect: undefined, reopens: false },
      onData: (data) => toHost.deliver(data),
      isDone: () => true,
      refused: () => undefined,
    });
  try {
    await abortedAfter(longest, { clock: transport.clock, signal: stopped, unref: true }, follow);
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    onNotice(`A part of what the server sent was not passed on. ${error.message}`);
  }
}
