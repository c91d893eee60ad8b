import { discard } from "../../net/discard.js";
import { isJson } from "../../net/response-headers.js";
import type { Call } from "./call.js";
import { interrupted, notMcp } from "./failures.js";
import { followStream } from "./follow-stream.js";
import { maxMessageLength, parseMessage, requestsOf } from "./message.js";
import { readText } from "./read-text.js";
import { mediaType, type Reply, type ServerTransport } from "./server-transport.js";
import type { ToHost } from "./to-host.js";

export interface ReplyOptions {
  readonly transport: ServerTransport;
  readonly toHost: ToHost;
  readonly call: Call;
  readonly reply: Reply;
  /** Connects again to a stream that broke off, after the event with this ID; `undefined` if that is not possible. */
  readonly resume: ((lastEventId: string) => Promise<Response>) | undefined;
}

/**
 * Passes on what the server answers to a message. Resolves when each request in it is answered or canceled, and rejects
 * with `McpAuthError` if the server leaves one open.
 */
export async function readReply(options: ReplyOptions): Promise<void> {
  const { transport, toHost, call, reply } = options;
  const { response, errorText } = reply;
  if (!response.ok) {
    if (errorText !== undefined && isPassedOn(call, response.status, errorText))
      await toHost.deliver(errorText, call);
    if (!call.isAnswered || requestsOf(call.message).length === 0) throw transport.errorOf(response);
  } else if (call.isAnswered) discard(response);
  else if (mediaType(response) === "text/event-stream") await readStream(options);
  else if (isJson(response.headers.get("content-type"))) await readJson(options);
  else {
    discard(response);
    throw notMcp(transport.name, `HTTP ${response.status} and no MCP message`);
  }
}

/** A JSON-RPC error for the request is an answer. But what a server says about a token is not for the host. */
function isPassedOn(call: Call, status: number, text: string): boolean {
  if (status === 401 || status === 403) return false;
  const message = parseMessage(text);
  if ("problem" in message) return false;
  return message.parts.every(
    (part) => part.kind === "response" && part.errorCode !== undefined && call.owes(part.id),
  );
}

async function readJson({ transport, toHost, call, reply }: ReplyOptions): Promise<void> {
  const text = await readText(reply.response, maxMessageLength, call.signal);
  if (call.signal.aborted) return;
  if (text === undefined) throw interrupted(transport.name);
  await toHost.deliver(text, call);
  if (!call.isAnswered) throw notMcp(transport.name, "something else than the answer to the request");
}

async function readStream({ transport, toHost, call, reply, resume }: ReplyOptions): Promise<void> {
  await followStream(reply.response, {
    ...{ transport, signal: call.signal, reopens: false },
    onData: (data) => toHost.deliver(data, call),
    isDone: () => call.isAnswered,
    reconnect: resume,
    refused: () => interrupted(transport.name),
  });
}
