/**
 * The `id` of a JSON-RPC message, as JSON text: parsing would change numbers beyond 2^53, and the sender would then
 * wait for its own.
 */
export type JsonRpcId = string;

/** The `id` in the answer to a message whose own cannot be read. */
export const noId: JsonRpcId = "null";

/**
 * Returns a parsed value as an `id`; `undefined` if it is neither a string nor a number. MCP forbids the `id` `null` of
 * JSON-RPC.
 *
 * @param original returns the text of the value, which is used for numbers that JavaScript cannot hold
 */
export function idOf(value: unknown, original: () => string | undefined): JsonRpcId | undefined {
  if (typeof value === "string" || Number.isSafeInteger(value)) return JSON.stringify(value);
  return typeof value === "number" ? original() : undefined;
}
