import { McpAuthError } from "../../errors/error.js";
import { discard } from "../../net/discard.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { followStream } from "./follow-stream.js";
import type { SessionHeaders } from "./request-headers.js";
import { mediaType, type ServerTransport } from "./server-transport.js";
import type { ToHost } from "./to-host.js";

export interface ListenOptions {
  readonly transport: ServerTransport;
  readonly toHost: ToHost;
  readonly session: SessionHeaders;
  readonly signal: AbortSignal;
  readonly onNotice: (line: string) => void;
}

/**
 * Passes on what a server sends without being asked: requests and notifications on the stream of a session (MCP
 * 2025-11-25, "Listening for Messages from the Server"). Resolves when the stream has ended, with `none` if the server
 * has no such stream, as many do.
 */
export async function listen(options: ListenOptions): Promise<"none" | "ended"> {
  const { transport, toHost, session, signal, onNotice } = options;
  const open = (lastEventId: string) => transport.get(session, lastEventId, signal);
  try {
    const response = await open("");
    if (!response.ok || mediaType(response) !== "text/event-stream") {
      discard(response);
      if (hasNoStream(response)) return "none";
      throw transport.errorOf(response);
    }
    await followStream(response, {
      ...{ transport, signal, reconnect: open, reopens: true },
      onData: (data) => toHost.deliver(data),
      isDone: () => false,
      // The server may have lost the session. The next request finds out, and starts another.
      refused: (again) => (hasNoStream(again) ? undefined : transport.errorOf(again)),
    });
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    if (!signal.aborted) onNotice(`Notifications of the server do not arrive for now. ${error.message}`);
  }
  return "ended";
}

/** 405 by the specification. Servers without a handler for GET answer 404, 400, 501 or a page. */
function hasNoStream({ ok, status }: Response): boolean {
  return ok || status === 501 || !(status === 401 || status === 403 || isTemporaryStatus(status));
}
