import "./lib/check-node.js";
import type { McpAuth } from "./index.js";
import { assertKnownOptions } from "./lib/known-options.js";
import { createProxy } from "./proxy/create-proxy.js";
import type { McpProxy, ProxyOptions } from "./proxy/options.js";

export type { McpProxy, ProxyOptions } from "./proxy/options.js";

const proxyOptions: Readonly<Record<keyof ProxyOptions, true>> = {
  ...{ servers: true, listen: true, socket: true, token: true, anyUser: true, health: true },
};

/**
 * Starts an HTTP server on this machine that passes MCP requests on to the servers of the config, each with its token,
 * for hosts that accept only a URL. It does not keep the process alive; only a request to a server over https does, as
 * long as it is open.
 *
 * Rejects with `config_invalid` if it cannot listen there, the local token is too short, or an option is unknown; with `unknown_server`; and
 * with `secret_unavailable` for a `token` of the config that cannot be read.
 *
 * @example
 * ```ts
 * const proxy = await startProxy(auth);
 * const options = { mcpServers: proxy.mcpServers() };
 * ```
 */
export async function startProxy<Name extends string>(
  auth: McpAuth<Name>,
  options: ProxyOptions<NoInfer<Name>> = {},
): Promise<McpProxy<Name>> {
  assertKnownOptions("startProxy", options, proxyOptions);
  const { url, mcpServers, stop } = await createProxy(auth, options);
  return { url, mcpServers, stop };
}
