import type { McpAuthError, McpAuthErrorCode } from "../errors/error.js";

/** The `id` of a JSON-RPC request. `null` in the answer to a message whose `id` cannot be read. */
export type JsonRpcId = string | number | null;

export interface JsonRpcError {
  readonly jsonrpc: "2.0";
  readonly id: JsonRpcId;
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly data?: {
      readonly code: McpAuthErrorCode;
      readonly server?: string;
      readonly retryable: boolean;
      /** Milliseconds to wait before another try is useful. */
      readonly retryAfter?: number;
    };
  };
}

/**
 * Our code for all failures; `data.code` says which. MCP 2026-07-28 wants new codes outside of the range that JSON-RPC
 * reserves. Within that range, clients take -32001 for a timeout of their own and servers use it for an unknown
 * session.
 */
const failureCode = -31_001;

/** Returns a failure of this package as the answer to a JSON-RPC request. It contains no text that a server chose. */
export function jsonRpcError(id: JsonRpcId, error: McpAuthError): JsonRpcError {
  const { code, message, server, retryable, retryAfter } = error;
  const data = {
    code,
    ...(server !== undefined && { server }),
    retryable,
    ...(retryAfter !== undefined && { retryAfter }),
  };
  return { jsonrpc: "2.0", id, error: { code: failureCode, message, data } };
}
