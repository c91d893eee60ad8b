import { resolve } from "node:path";
import { asyncFileSystem } from "../config/async-file-system.js";
import { invalidConfig } from "../config/format-violation.js";
import { checkConfig } from "../config/load.js";
import type { NetworkSpec } from "../config/spec.js";
import { type Discovery, discoverServer } from "../discovery/discover-server.js";
import { workingFolder } from "../lib/working-folder.js";
import { createNetwork } from "../net/network.js";
import { platformFetch } from "../net/own-requests.js";
import { assertDiscoverOptions } from "./check-entry-options.js";
import type { DiscoverOptions } from "./discover-options.js";

/** Discovers a server through the network that `options` describe. Rejects as `discover` does. */
export async function discoverInNetwork(url: string, options: DiscoverOptions): Promise<Discovery> {
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
    fs: asyncFileSystem,
  });
  if (spec !== undefined && violations.length === 0) return spec.network;
  throw invalidConfig("The option `network` of discover()", violations);
}
