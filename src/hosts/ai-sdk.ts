import "../lib/check-node.js";
import type { FetchFunction, TokenManager } from "../index.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion } from "./common/host-version.js";

/** `MCPTransportConfig` of `@ai-sdk/mcp`, as far as it is set here. */
export interface AiSdkTransport {
  readonly type: "http";
  readonly url: string;
  readonly redirect: "follow";
  readonly fetch: FetchFunction;
}

/**
 * Returns the `transport` of `createMCPClient()` in the AI SDK (`@ai-sdk/mcp`, 1.0.35 or later). The client's requests
 * carry the manager's token, and a refused one is replaced. A redirect is followed only within the server's `reach`. The
 * client sets no limit for connecting, so it waits for a token as long as the config's `deadline` allows.
 *
 * Throws `config_invalid` for an older version, which ignores `fetch`, and `config_invalid` or `insecure_url` for a
 * server whose config cannot be used. The client's calls reject with the codes of `manager.fetch`.
 *
 * @example
 * ```ts
 * const client = await createMCPClient({ transport: transport(auth.resolve("billing")) });
 * const agent = new ToolLoopAgent({ model, tools: await client.tools() });
 * ```
 */
export function transport(manager: TokenManager): AiSdkTransport {
  assertHostVersion(
    "@ai-sdk/mcp",
    "1.0.35",
    'it ignores "fetch" and would send its requests without a token',
  );
  // The client's own default is "error". The manager's `fetch` does not leave the server either way.
  return { type: "http", url: manager.url, redirect: "follow", fetch: hostFetch(manager) };
}
