import type { McpAuthError } from "../../errors/error.js";
import { elementsOf } from "../../lib/json-text.js";
import { errorResponse, jsonRpcError } from "../json-rpc-error.js";
import type { JsonRpcId } from "../json-rpc-id.js";
import type { Call } from "./call.js";
import { parseMessage, type ResponsePart } from "./message.js";
import type { MessageOutput } from "./message-output.js";

/** Writes to the host what the server sends: complete JSON-RPC messages, and each answer once. */
export class ToHost {
  /** The calls that an answer may be for. */
  readonly calls = new Set<Call>();
  readonly #output: Pick<MessageOutput, "write">;
  readonly #onNotice: (line: string) => void;

  constructor(output: Pick<MessageOutput, "write">, onNotice: (line: string) => void) {
    this.#output = output;
    this.#onNotice = onNotice;
  }

  /** Passes a message of the server on. `from` is the call on whose connection it came. */
  async deliver(text: string, from?: Call): Promise<void> {
    const message = parseMessage(text);
    if ("problem" in message)
      return this.#onNotice("The server sent something that is no JSON-RPC message. It was not passed on.");
    // Only a host that sends batches is sure to understand them.
    if (message.isBatch && from?.message.isBatch !== true) return await this.#deliverEach(text, from);
    const responses = message.parts.filter((part) => part.kind === "response");
    if (responses.length === 0) return await this.#output.write(message.text);
    const owner = responses.map(({ id }) => this.#owner(id, from)).find((call) => call !== undefined);
    // The answer was delivered before, or nobody waits for it.
    if (owner === undefined) return;
    const line = linesOf(owner, responses, message.text);
    await owner.answer(
      responses.map(({ id }) => id),
      async () => {
        if (line !== undefined) await this.#output.write(line);
      },
    );
  }

  async #deliverEach(batch: string, from: Call | undefined): Promise<void> {
    for (const text of elementsOf(batch)) await this.deliver(text, from);
  }

  /** Answers every open request of a call with an error. */
  async fail(call: Call, error: McpAuthError): Promise<void> {
    for (const { id } of call.unanswered) {
      const line = errorResponse(id, jsonRpcError(error));
      await call.answer([id], () => this.#output.write(line));
    }
  }

  #owner(id: JsonRpcId, from: Call | undefined): Call | undefined {
    if (from?.owes(id)) return from;
    for (const call of this.calls) if (call.owes(id)) return call;
    return undefined;
  }
}

/** A batch is passed on as it is. */
function linesOf(call: Call, responses: readonly ResponsePart[], line: string): string | undefined {
  const [first] = responses;
  return first === undefined || responses.length > 1 ? line : call.onAnswer(first, line);
}
