import type { ServerResponse } from "node:http";
import { McpAuthError } from "../errors/error.js";
import { type JsonRpcId, jsonRpcError } from "./json-rpc-error.js";
import { ownHeaders } from "./passed-headers.js";
import type { RequestBody } from "./request-body.js";

/**
 * Answers a request that could not be served. A JSON-RPC request gets an error with its `id`, which hosts show to the
 * model and to the person. Anything else gets 503 without a body. Never 401, on which hosts start a login, and never
 * text that a server chose.
 */
export function writeFailure(response: ServerResponse, error: McpAuthError, body: RequestBody): void {
  const id = body.kind === "bytes" ? requestId(body.bytes) : undefined;
  if (id === undefined) {
    const seconds = error.retryAfter === undefined ? undefined : Math.ceil(error.retryAfter / 1_000);
    response.writeHead(error.code === "unknown_server" ? 404 : 503, {
      ...ownHeaders(undefined),
      ...(seconds !== undefined && { "retry-after": String(seconds) }),
      "content-length": "0",
    });
    response.end();
    return;
  }
  const text = JSON.stringify(jsonRpcError(id, error));
  response.writeHead(200, {
    ...ownHeaders("application/json"),
    "content-length": String(Buffer.byteLength(text)),
  });
  response.end(text);
}

/**
 * Returns the `id` of a JSON-RPC request; `undefined` for anything else: notifications, responses, batches, and what is
 * not JSON.
 */
function requestId(bytes: Uint8Array): JsonRpcId | undefined {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return undefined;
  if (!("method" in message) || !("id" in message)) return undefined;
  const { id } = message;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

/** The error for a server whose last response still refuses the token. */
export function refusedError(
  server: string,
  status: 401 | 407,
  lastError: McpAuthError | undefined,
): McpAuthError {
  if (status === 401 && lastError?.code === "unauthorized") return lastError;
  const message =
    status === 401
      ? `Server "${server}" refused the token. See the output of the proxy, or run npx mcp-auth-runtime validate --secrets.`
      : `Server "${server}": a proxy on the way asks for a login. Set "proxy" under "network" in the config.`;
  return new McpAuthError("unauthorized", message, { server });
}
