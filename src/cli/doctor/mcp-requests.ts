// The MCP requests of the doctor: those of a client that asks only for the list of tools, and calls none.
import type { AnsweredCall } from "../../diagnosis/mcp-call.js";
import { McpAuthError } from "../../errors/error.js";
import { systemClock } from "../../lib/clock.js";
import { version } from "../../lib/version.js";
import { discard } from "../../net/discard.js";
import { isJson } from "../../net/response-headers.js";
import { EventStreamParser } from "../../proxy/stdio/event-stream.js";
import { type Message, parseMessage, type ResponsePart } from "../../proxy/stdio/message.js";
import { chunksOf, readText } from "../../proxy/stdio/read-text.js";
import { isHeaderSafe, type SessionHeaders } from "../../proxy/stdio/request-headers.js";
import { mediaType, type Reply, ServerTransport } from "../../proxy/stdio/server-transport.js";
import type { InspectedServer } from "../../runtime/inspection.js";

/** A request that was answered, and why it was refused. */
export interface Asked extends AnsweredCall {
  readonly error?: McpAuthError | undefined;
  /** The result of the request. */
  readonly result?: ResponsePart["result"];
}

/** Characters of an answer that are read. */
const longestAnswer = 4 * 1_024 * 1_024;
/** Milliseconds for the end of the session. */
const timeToEnd = 2_000;

const clientInfo = { name: "mcp-auth-runtime doctor", version };
const meta = "io.modelcontextprotocol";

/**
 * Sends `initialize` and `tools/list`, in a session if the server keeps one, and ends the session. A server that does
 * not know `initialize`, as those of MCP 2026-07-28 alone, gets `tools/list` in the form of that version. Rejects with
 * the codes of `getAccessToken`, and with `unavailable`, `tls_failed`, `egress_denied` or `aborted`.
 */
export async function askMcpServer(server: InspectedServer, signal: AbortSignal): Promise<readonly Asked[]> {
  const { name, url } = server.spec;
  const transport = new ServerTransport(
    { name, url, fetch: server.fetch, status: () => server.status() },
    systemClock,
  );
  let session: SessionHeaders = {};
  const ask = async (method: string, params: object): Promise<Asked> => {
    const message = messageOf({ jsonrpc: "2.0", id: method, method, params });
    try {
      const reply = await transport.post(message, session, signal);
      const asked = await answerOf(reply, method, signal);
      if (method === "initialize" && asked.result !== undefined) session = sessionIn(reply, asked.result);
      return reply.response.ok ? asked : { ...asked, error: transport.errorOf(reply.response) };
    } catch (error) {
      // The server answered 403, and the config does not allow the scopes that it wants.
      if (!(error instanceof McpAuthError) || error.code !== "insufficient_scope") throw error;
      return { method, status: 403, isMcp: false, error };
    }
  };
  const capabilities = {};
  const first = await ask("initialize", { protocolVersion: "2025-11-25", capabilities, clientInfo });
  if (first.result === undefined) {
    const _meta = {
      [`${meta}/protocolVersion`]: "2026-07-28",
      [`${meta}/clientInfo`]: clientInfo,
      [`${meta}/clientCapabilities`]: capabilities,
    };
    return [first, await ask("tools/list", { _meta })];
  }
  try {
    const initialized = messageOf({ jsonrpc: "2.0", method: "notifications/initialized" });
    discard((await transport.post(initialized, session, signal)).response);
    return [first, await ask("tools/list", {})];
  } finally {
    await endSession(transport, session);
  }
}

async function endSession(transport: ServerTransport, session: SessionHeaders): Promise<void> {
  if (session.id === undefined) return;
  try {
    await transport.delete(session, AbortSignal.timeout(timeToEnd));
  } catch (error) {
    // The server ends a session that nobody uses by itself.
    if (!(error instanceof McpAuthError)) throw error;
  }
}

function messageOf(value: object): Message {
  const message = parseMessage(JSON.stringify(value));
  if ("problem" in message) throw new TypeError("The doctor wrote no message.");
  return message;
}

function sessionIn({ response }: Reply, result: NonNullable<Asked["result"]>): SessionHeaders {
  const id = response.headers.get("mcp-session-id");
  const { protocolVersion } = result;
  return {
    ...(id !== null && isHeaderSafe(id) && { id }),
    ...(typeof protocolVersion === "string" && isHeaderSafe(protocolVersion) && { protocolVersion }),
  };
}

async function answerOf(reply: Reply, method: string, signal: AbortSignal): Promise<Asked> {
  const { response, errorText } = reply;
  const { status } = response;
  const part = response.ok ? await responseIn(response, signal) : partIn(errorText ?? "");
  return { method, status, isMcp: part !== undefined, errorCode: part?.errorCode, result: part?.result };
}

/** Reads a response, or its stream, up to the answer. The server may keep a stream open after it. */
async function responseIn(response: Response, signal: AbortSignal): Promise<ResponsePart | undefined> {
  if (mediaType(response) === "text/event-stream") {
    const parser = new EventStreamParser(longestAnswer);
    const decoder = new TextDecoder();
    for await (const bytes of chunksOf(response, signal)) {
      if (bytes === "broken") return undefined;
      for (const { data } of parser.push(decoder.decode(bytes, { stream: true }))) {
        const part = partIn(data);
        if (part !== undefined) return part;
      }
      if (parser.isTooLong) return undefined;
    }
    return undefined;
  }
  if (isJson(response.headers.get("content-type")))
    return partIn((await readText(response, longestAnswer, signal)) ?? "");
  discard(response);
  return undefined;
}

function partIn(text: string): ResponsePart | undefined {
  const message = parseMessage(text);
  return "problem" in message ? undefined : message.parts.find((part) => part.kind === "response");
}
