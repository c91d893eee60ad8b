import type { Discovery } from "../discovery/discover-server.js";
import type { DiscoverOptions } from "./discover-options.js";

/**
 * Finds out how an MCP server wants to be authorized, for people and tools that write a config. Sends one request
 * without a token to get the challenge, then reads the resource metadata (RFC 9728) and the metadata of each
 * authorization server (RFC 8414). The runtime itself never takes an issuer from the network.
 *
 * Requests go through the proxy that `network` or the environment names, and only to servers whose certificate is
 * valid. Problems, such as a server that could not be reached, are listed in `problems` and do not make it fail.
 *
 * Rejects with `config_invalid` for a wrong option or URL, with `insecure_url`, and with `aborted`.
 *
 * @example
 * ```ts
 * const { issuers, scopes } = await discover("https://mcp.example/billing", { network: { ca: "./corp-root.pem" } });
 * ```
 */
export async function discover(url: string, options: DiscoverOptions = {}): Promise<Discovery> {
  const { discoverInNetwork } = await import("./discover-in-network.js");
  return await discoverInNetwork(url, options);
}
