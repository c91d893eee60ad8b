import "../lib/check-node.js";
import type { TokenManager } from "../index.js";
import { internalsOf } from "../runtime/manager-internals.js";
import { assertHostVersion } from "./common/host-version.js";
import { ReconnectingTransport, type StrandsTransport } from "./strands/reconnecting-transport.js";

export type { StrandsTransport } from "./strands/reconnecting-transport.js";

/**
 * Returns the `transport` of an `McpClient` in the Strands Agents SDK (`@strands-agents/sdk`). It is the Streamable HTTP
 * transport of the MCP SDK, which Strands needs anyway. Its requests carry the manager's token, and a refused one is
 * replaced. Unlike the MCP SDK's own, the transport can be started again, so the client also connects after an attempt
 * that failed. Strands allows 60 seconds for connecting, which cannot be changed: keep the config's `deadline` below
 * that.
 *
 * Throws `config_invalid` for an MCP SDK older than 1.15.0, which ignores `fetch`, and `config_invalid` or
 * `insecure_url` for a server whose config cannot be used. The client's methods reject with the codes of
 * `manager.fetch`, and with `config_invalid` if the MCP SDK is not installed.
 *
 * @example
 * ```ts
 * const billing = new McpClient({ transport: transport(auth.resolve("billing")) });
 * const agent = new Agent({ model, tools: [billing] });
 * ```
 */
export function transport(manager: TokenManager): StrandsTransport {
  const reason = 'it ignores "fetch" and would send its requests without a token';
  assertHostVersion("@modelcontextprotocol/sdk", "1.15.0", reason);
  // Throws now if the server cannot be used.
  internalsOf(manager);
  return new ReconnectingTransport(manager);
}
