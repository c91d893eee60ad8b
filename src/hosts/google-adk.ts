import "../lib/check-node.js";
import type { FetchFunction, TokenManager } from "../index.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion } from "./common/host-version.js";

/** `StreamableHTTPConnectionParams` of `@google/adk`, as far as it is set here. */
export interface GoogleAdkConnectionParams {
  type: "StreamableHTTPConnectionParams";
  url: string;
  transportOptions: { fetch: FetchFunction };
}

/**
 * Returns the connection parameters of an `MCPToolset` in Google's Agent Development Kit (`@google/adk`, 0.3.0 or later).
 * Its requests carry the manager's token, and a refused one is replaced. The toolset opens a session for each list of
 * tools and for each call, and allows 60 seconds for connecting, which cannot be changed: keep the config's `deadline`
 * below that.
 *
 * Throws `config_invalid` for an older version, which ignores `transportOptions`, and `config_invalid` or `insecure_url`
 * for a server whose config cannot be used. The toolset's calls reject with an error that has the message of the
 * `McpAuthError`.
 *
 * @example
 * ```ts
 * const billing = new MCPToolset(connectionParams(auth.resolve("billing")));
 * const agent = new LlmAgent({ name: "billing", model: "gemini-flash-latest", tools: [billing] });
 * ```
 */
export function connectionParams(manager: TokenManager): GoogleAdkConnectionParams {
  const reason = 'it ignores "transportOptions" and would send its requests without a token';
  assertHostVersion("@google/adk", "0.3.0", reason);
  return {
    type: "StreamableHTTPConnectionParams",
    url: manager.url,
    transportOptions: { fetch: hostFetch(manager) },
  };
}
