import type { ServerResponse } from "node:http";
import { tokenChallenges } from "../discovery/challenge.js";
import { McpAuthError } from "../errors/error.js";
import type { TokenManager } from "../index.js";
import { parseJsonObject } from "../lib/json-object.js";
import { membersOf } from "../lib/json-text.js";
import { insufficientScope } from "./insufficient-scope.js";
import { errorResponse, jsonRpcError } from "./json-rpc-error.js";
import { idOf, type JsonRpcId } from "./json-rpc-id.js";
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
  const text = errorResponse(id, jsonRpcError(error));
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
  const text = new TextDecoder().decode(bytes);
  const message = parseJsonObject(text);
  if (message === undefined || !("method" in message)) return undefined;
  return idOf(message["id"], () => membersOf(text).get("id"));
}

/**
 * Returns the error for a response that still refuses the token, or the scopes that it has; `undefined` for a response
 * that the host gets. A 403 without a challenge says something about the call, not about the token.
 */
export function refusalOf(
  manager: Pick<TokenManager, "name" | "status">,
  response: Pick<Response, "status" | "headers">,
): McpAuthError | undefined {
  const { name } = manager;
  if (response.status === 407) {
    const message = `Server "${name}": a proxy on the way asks for a login. Set "proxy" under "network" in the config.`;
    return new McpAuthError("unauthorized", message, { server: name });
  }
  if (response.status === 403) {
    const errors = (["Bearer", "DPoP"] as const).flatMap((scheme) =>
      tokenChallenges(response.headers, scheme),
    );
    if (errors.some(({ error }) => error === "insufficient_scope")) return insufficientScope(name);
    if (!errors.some(({ error }) => error === "invalid_token")) return undefined;
  } else if (response.status !== 401) return undefined;
  // The reason why the token was not replaced.
  const { lastError } = manager.status();
  if (lastError !== undefined) return lastError;
  const message =
    `Server "${name}" refused the token. ` + `To check each step, run npx mcp-auth-runtime doctor ${name}.`;
  return new McpAuthError("unauthorized", message, { server: name });
}
