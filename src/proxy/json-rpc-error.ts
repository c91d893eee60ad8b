import type { McpAuthError, McpAuthErrorCode } from "../errors/error.js";
import type { JsonRpcId } from "./json-rpc-id.js";

export interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: {
    readonly code: McpAuthErrorCode;
    readonly server?: string;
    readonly retryable: boolean;
    /** Milliseconds to wait before another try is useful. */
    readonly retryAfter?: number;
  };
}

/**
 * Our code for all failures; `data.code` says which. MCP 2026-07-28 wants new codes outside of the range that JSON-RPC
 * reserves. Within that range, clients take -32001 for a timeout of their own and servers use it for an unknown
 * session.
 */
const failureCode = -31_001;

/** Returns the answer to a JSON-RPC request that failed, as JSON on one line. */
export function errorResponse(id: JsonRpcId, error: JsonRpcError): string {
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`;
}

/** Returns a failure of this package as the error of an answer. It contains no text that a server chose. */
export function jsonRpcError(error: McpAuthError): JsonRpcError {
  const { code, message, server, retryable, retryAfter } = error;
  const data = {
    code,
    ...(server !== undefined && { server }),
    retryable,
    ...(retryAfter !== undefined && { retryAfter }),
  };
  return { code: failureCode, message, data };
}
