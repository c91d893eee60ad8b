import { resolve } from "node:path";
import type { McpAuthConfig } from "../config/define-config.js";
import { invalidConfig } from "../config/format-violation.js";
import { checkConfig } from "../config/load.js";
import type { NetworkSpec } from "../config/spec.js";
import { type Discovery, discoverServer } from "../discovery/discover-server.js";
import { workingFolder } from "../lib/working-folder.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { createNetwork } from "../net/network.js";
import { platformFetch } from "../net/own-requests.js";
import { assertDiscoverOptions } from "./check-options.js";

export interface DiscoverOptions {
  /** Sends all requests. By default, the global `fetch`. */
  readonly fetch?: FetchFunction;
  /** Milliseconds for each request. By default, 10,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /**
   * The `network` section of a config. Paths in `ca` are relative to the working folder. `allowInsecureHttp` applies to
   * `url` and to the URLs that the server names.
   */
  readonly network?: McpAuthConfig["network"];
}

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
  assertDiscoverOptions(options);
  const { timeout, signal } = options;
  const { env } = process;
  const spec = await networkSpec(options.network, env);
  const fetch = platformFetch(options.fetch);
  const network = createNetwork({ fetch, spec, env });
  try {
    const insecureHosts = spec.allowInsecureHttp;
    return await discoverServer(url, {
      fetch: network.fetch,
      insecureHosts,
      timeout,
      signal: signal ?? undefined,
    });
  } finally {
    await network.close();
  }
}

/** Validates `network` as in a config. Rejects with `config_invalid`. */
async function networkSpec(
  network: DiscoverOptions["network"],
  env: Readonly<Record<string, string | undefined>>,
): Promise<NetworkSpec> {
  if (network === undefined) return { ca: [], allowInsecureHttp: [] };
  const { spec, violations } = await checkConfig({
    config: { servers: {}, network },
    // If the working folder was deleted, no path can be relative to it.
    cwd: workingFolder() ?? resolve("/"),
    env,
  });
  if (spec !== undefined && violations.length === 0) return spec.network;
  throw invalidConfig("The option `network` of discover()", violations);
}
