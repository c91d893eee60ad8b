import { Call } from "./call.js";
import type { Message, ResponsePart } from "./message.js";
import { readReply } from "./read-reply.js";
import type { SessionHeaders } from "./request-headers.js";
import type { Reply, ServerTransport } from "./server-transport.js";
import type { ToHost } from "./to-host.js";

export interface AskOptions {
  readonly transport: ServerTransport;
  /** Gets what the server sends beside the answer. */
  readonly toHost: ToHost;
  readonly session: SessionHeaders;
  readonly signal: AbortSignal;
}

export interface Asked {
  readonly reply: Reply;
  /** `undefined` if the reply is not successful. */
  readonly answer: ResponsePart | undefined;
}

/** Sends a request of the bridge's own. The host does not see the answer. */
export async function askServer(
  message: Message,
  { transport, toHost, session, signal }: AskOptions,
): Promise<Asked> {
  let answer: ResponsePart | undefined;
  const call = new Call(message, signal, {
    onAnswer: (given) => {
      answer = given;
      return undefined;
    },
  });
  try {
    const reply = await transport.post(message, session, call.signal);
    // The server may keep the connection open after the answer.
    if (reply.response.ok)
      await Promise.race([readReply({ transport, toHost, call, reply, resume: undefined }), call.settled]);
    return { reply, answer };
  } finally {
    call.abort();
    call.end();
  }
}
