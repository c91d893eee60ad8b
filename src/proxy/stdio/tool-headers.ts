import { ignoreFailure } from "../../errors/expected-errors.js";
import { isJsonObject, type JsonObject } from "../../lib/json-object.js";
import { elementsOf, membersOf, objectText } from "../../lib/json-text.js";
import { abortedAfter } from "../../lib/wait.js";
import { askServer } from "./ask-server.js";
import type { Call } from "./call.js";
import { parseMessage, type RequestPart, type ResponsePart, toJson } from "./message.js";
import { type HeaderParameter, headerParameters, parameterHeaders } from "./param-headers.js";
import { selfContainedRequest } from "./request-headers.js";
import type { Reply, ServerTransport } from "./server-transport.js";
import type { ToHost } from "./to-host.js";

/** Tools with such parameters that are remembered. */
const maxTools = 10_000;
/** Pages of a list that the bridge asks for. */
const maxPages = 50;
/** Milliseconds for all pages. The call of the host waits meanwhile. */
const longestList = 30_000;
/** MCP 2026-07-28: headers are missing, or do not fit the body. */
const headerMismatch = -32_020;

export interface ToolHeadersOptions {
  readonly transport: ServerTransport;
  readonly toHost: ToHost;
  readonly onNotice: (line: string) => void;
}

/**
 * Sends requests of MCP 2026-07-28. A tool may want some of its parameters in headers too, which a host with the stdio
 * transport does not send. The bridge learns them from the lists of tools that pass through it.
 */
export class ToolHeaders {
  readonly #options: ToolHeadersOptions;
  readonly #parameters = new Map<string, readonly HeaderParameter[]>();

  constructor(options: ToolHeadersOptions) {
    this.#options = options;
  }

  /**
   * Sends a request. If the server misses headers of a tool, the bridge asks for the list of tools, and sends the
   * request once more.
   */
  async post(call: Call): Promise<Reply> {
    const { transport } = this.#options;
    const request = selfContainedRequest(call.message);
    const headers = this.#headersOf(request);
    const reply = await transport.post(call.message, {}, call.signal, headers);
    if (request?.method !== "tools/call" || !isMismatch(reply)) return reply;
    // Without the list, the answer to the call is that of the server.
    await abortedAfter(longestList, { clock: transport.clock, signal: call.signal }, (limited) =>
      this.#learnAll(request, limited).catch(ignoreFailure),
    );
    const learned = this.#headersOf(request);
    if (JSON.stringify(learned) === JSON.stringify(headers)) return reply;
    return await transport.post(call.message, {}, call.signal, learned);
  }

  /**
   * Learns from the answer to `tools/list`, and returns the line for the host: without tools whose annotations are
   * invalid, as the specification demands.
   */
  learn({ result }: ResponsePart, line: string): string {
    const tools = result?.["tools"];
    if (!Array.isArray(tools)) return line;
    const isValid = tools.map((tool) => this.#learnTool(tool));
    if (!isValid.includes(false)) return line;
    this.#options.onNotice(
      'A tool of the server was left out, because "x-mcp-header" is wrong in its schema.',
    );
    const answer = membersOf(line);
    const given = answer.get("result");
    // A batch is passed on as it is.
    if (given === undefined) return line;
    const members = membersOf(given);
    const valid = elementsOf(members.get("tools") ?? "").filter((_, index) => isValid[index]);
    members.set("tools", `[${valid.join()}]`);
    return objectText(answer.set("result", objectText(members)));
  }

  #learnTool(tool: unknown): boolean {
    if (!isJsonObject(tool) || typeof tool["name"] !== "string") return true;
    const { name, inputSchema } = tool;
    const parameters = headerParameters(inputSchema);
    this.#parameters.delete(name);
    if (parameters !== undefined && parameters.length > 0) {
      const [oldest] = this.#parameters.keys();
      if (this.#parameters.size >= maxTools && oldest !== undefined) this.#parameters.delete(oldest);
      this.#parameters.set(name, parameters);
    }
    return parameters !== undefined;
  }

  #headersOf(request: RequestPart | undefined): Record<string, string> {
    const { name, arguments: given } = request?.params ?? {};
    if (request?.method !== "tools/call" || typeof name !== "string") return {};
    return parameterHeaders(this.#parameters.get(name) ?? [], given);
  }

  /** Asks for the list of tools, as the host that sent `request`. */
  async #learnAll(request: RequestPart, signal: AbortSignal): Promise<void> {
    let cursor: unknown;
    for (let page = 1; page <= maxPages; page += 1) {
      const params = { _meta: metaOf(request), ...(typeof cursor === "string" && { cursor }) };
      const id = `mcp-auth-runtime-tools-${page}`;
      const message = parseMessage(toJson({ jsonrpc: "2.0", id, method: "tools/list", params }) ?? "");
      if ("problem" in message) return;
      const { answer } = await askServer(message, { ...this.#options, session: {}, signal });
      if (answer === undefined) return;
      this.learn(answer, message.text);
      cursor = answer.result?.["nextCursor"];
      if (typeof cursor !== "string") return;
    }
  }
}

/** A token for progress belongs to one request. */
function metaOf({ params }: RequestPart): JsonObject {
  const meta = params["_meta"];
  const { progressToken: _, ...rest } = isJsonObject(meta) ? meta : {};
  return rest;
}

function isMismatch({ response, errorText }: Reply): boolean {
  if (response.status !== 400 || errorText === undefined) return false;
  const message = parseMessage(errorText);
  if ("problem" in message) return false;
  return message.parts.some((part) => part.kind === "response" && part.errorCode === headerMismatch);
}
