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
 * server whose config cannot be used. `connect()` rejects with an error of the host that contains our message. For a URL
 * with a query, the host leaves our messages out of its errors, so they are process warnings as well.
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
  // For a URL with a query, the host replaces each error by one that only says so.
  const failures = new URL(manager.url).search === "" ? undefined : new RecordedFailures(manager);
  return {
    name: manager.name,
    url: manager.url,
    fetch: failures?.fetch ?? hostFetch(manager),
    clientSessionTimeoutSeconds: Math.ceil(limit / 1_000),
    timeout: Math.max(hostTimeout, limit),
    errorFunction: ({ error }) => messageOf(error, failures?.latest) ?? hostMessage,
  };
}

/** The failures of ours that the host does not show. They are process warnings too, but not the same one twice in a row. */
class RecordedFailures {
  readonly fetch: FetchFunction;
  /** The failure of the last request, if it was ours. */
  latest: McpAuthError | undefined;
  #reported: string | undefined;

  constructor(manager: TokenManager) {
    const fetch = hostFetch(manager);
    this.fetch = async (input, init) => {
      this.latest = undefined;
      try {
        return await fetch(input, init);
      } catch (error) {
        if (error instanceof McpAuthError && error.code !== "aborted") this.#record(error);
        throw error;
      }
    };
  }

  #record(error: McpAuthError): void {
    this.latest = error;
    if (error.message === this.#reported) return;
    this.#reported = error.message;
    process.emitWarning(error.message, { type: "McpAuthWarning", code: error.code });
  }
}

function messageOf(error: unknown, latest: McpAuthError | undefined): string | undefined {
  if (error instanceof McpAuthError) return error.message;
  const isReplaced = error instanceof Error && error.name === "MCPTransportError";
  return isReplaced ? latest?.message : undefined;
}
