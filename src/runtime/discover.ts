import { resolve } from "node:path";
import type { McpAuthConfig } from "../config/define-config.js";
import { invalidConfig } from "../config/format-violation.js";
import { checkConfig } from "../config/load.js";
import type { NetworkSpec } from "../config/spec.js";
import { type Discovery, discoverServer } from "../discovery/discover.js";
import { workingFolder } from "../lib/working-folder.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { createNetwork } from "../net/network.js";
import { platformFetch } from "../net/own-requests.js";
import { assertDiscoverOptions } from "./check-options.js";

export interface DiscoverOptions {
  /** Sends all requests; the global `fetch` unless told. */
  readonly fetch?: FetchFunction;
  /** Milliseconds for each request; 10 seconds unless told. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /**
   * As `network` in a config. Paths in `ca` are relative to the working directory, and `allowInsecureHttp` holds for the URL
   * that is asked for as well as for those that the server names.
   */
  readonly network?: McpAuthConfig["network"];
}

/**
 * Finds out how an MCP server wants to be authorized: one unauthenticated request to get its challenge, then its
 * resource metadata (RFC 9728), then the metadata of each authorization server (RFC 8414) side by side. For people
 * and tools that write a config; the runtime itself never takes an issuer from the network. It sends requests as the
 * runtime does: through the proxy that `network` or the environment names, and only to servers whose certificate it verified.
 *
 * It reports what it found and lists in `problems` what is wrong, or could not be reached, instead of failing.
 *
 * Rejects with `config_invalid` (also for what is wrong with `network`) or `insecure_url` for a URL that cannot be asked, and
 * with `aborted`.
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

/** Held to the same rules as the config. Rejects with `config_invalid`. */
async function networkSpec(
  network: DiscoverOptions["network"],
  env: Readonly<Record<string, string | undefined>>,
): Promise<NetworkSpec> {
  if (network === undefined) return { ca: [], allowInsecureHttp: [] };
  const { spec, violations } = await checkConfig({
    config: { servers: {}, network },
    // Where that is gone, nothing is relative to it.
    cwd: workingFolder() ?? resolve("/"),
    env,
  });
  if (spec !== undefined && violations.length === 0) return spec.network;
  throw invalidConfig("The option `network` of discover()", violations);
}
