import type { Readable, Writable } from "node:stream";
import type { McpAuthError } from "../../errors/error.js";
import { isProgrammingError } from "../../errors/expected-errors.js";
import { onAbort } from "../../lib/abort-signal.js";
import { errorResponse, jsonRpcError } from "../json-rpc-error.js";
import { readLines } from "./lines.js";
import { maxMessageLength, parseMessage } from "./message.js";

/** Milliseconds to wait for a request. A host sends one as soon as it has started the command. */
const patience = 5_000;

/**
 * Answers the first request of a host with the error that keeps the bridge from starting. Hosts show an answer; of a
 * command that only ends, most show that the connection was closed. Ends without an answer if no request arrives.
 */
export async function answerFailure(
  error: McpAuthError,
  { input, output }: { readonly input: Readable; readonly output: Writable },
  signal: AbortSignal,
): Promise<void> {
  const giveUp = (): void => void input.destroy();
  const timer = setTimeout(giveUp, patience);
  const stopListening = onAbort(signal, giveUp);
  try {
    for await (const line of readLines(input, maxMessageLength)) {
      const message = line.problem === undefined ? parseMessage(line.text) : undefined;
      const parts = message !== undefined && "parts" in message ? message.parts : [];
      const request = parts.find((part) => part.kind === "request");
      if (request === undefined) continue;
      const text = `${errorResponse(request.id, jsonRpcError(error))}\n`;
      await new Promise<void>((resolve) => output.write(text, () => resolve()));
      return;
    }
  } catch (failure) {
    // The input was destroyed, or could not be read.
    if (isProgrammingError(failure)) throw failure;
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}
