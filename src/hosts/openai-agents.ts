import "../lib/check-node.js";
import { type FetchFunction, McpAuthError, type TokenManager } from "../index.js";
import { connectTimeout } from "./common/connect-timeout.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion } from "./common/host-version.js";

/** `MCPServerStreamableHttpOptions` of `@openai/agents`, as far as it is set here. */
export interface OpenAiAgentsServerOptions {
  readonly name: string;
  readonly url: string;
  readonly fetch: FetchFunction;
  readonly clientSessionTimeoutSeconds: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly errorFunction: (failure: { readonly error: unknown }) => string;
}

/** Milliseconds that the host allows for a tool call by default. */
const hostTimeout = 60_000;

/** What the host itself tells the model about a failed tool call. */
const hostMessage = "An error occurred while running the tool. Please try again.";

/**
 * Returns the options of `MCPServerStreamableHttp` in the OpenAI Agents SDK (`@openai/agents`, 0.0.16 or later). Its
 * requests carry the manager's token, and a refused one is replaced. Its limits for connecting, for listing tools and
 * for calls are longer than the config's `deadline`. The model learns why no token could be obtained, by our error's
 * message, which contains no secret; the host itself would only say that an error occurred.
 *
 * Throws `config_invalid` for an older version, which ignores `fetch`, and `config_invalid` or `insecure_url` for a
 * server whose config cannot be used. `connect()` and `run()` reject with the codes of `manager.fetch`.
 *
 * @example
 * ```ts
 * const server = new MCPServerStreamableHttp(serverOptions(auth.resolve("billing")));
 * await server.connect();
 * const agent = new Agent({ name: "billing", mcpServers: [server] });
 * ```
 */
export function serverOptions(manager: TokenManager): OpenAiAgentsServerOptions {
  assertHostVersion(
    "@openai/agents",
    "0.0.16",
    'it ignores "fetch" and would send its requests without a token',
  );
  const limit = connectTimeout(manager);
  return {
    name: manager.name,
    url: manager.url,
    fetch: hostFetch(manager),
    clientSessionTimeoutSeconds: Math.ceil(limit / 1_000),
    timeout: Math.max(hostTimeout, limit),
    errorFunction: ({ error }) => messageOf(error, manager) ?? hostMessage,
  };
}

function messageOf(error: unknown, manager: TokenManager): string | undefined {
  if (error instanceof McpAuthError) return error.message;
  // For a URL with a query, the host replaces each error by one that only says so.
  const isReplaced = error instanceof Error && error.name === "MCPTransportError";
  return isReplaced ? manager.status().lastError?.message : undefined;
}
