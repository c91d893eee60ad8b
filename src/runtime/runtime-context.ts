import { defaults } from "../config/defaults.js";
import type { ConfigSpec } from "../config/spec.js";
import { MetadataCache } from "../discovery/metadata-cache.js";
import { forbidCommands } from "../lib/permissions.js";
import { createNetwork, type Network } from "../net/network.js";
import { type NetworkTrust, networkTrust } from "../net/network-trust.js";
import type { OAuthRuntime } from "../oauth/attempt.js";
import { configuredStore } from "../sharing/configured-store.js";
import { customStore, type McpAuthStore } from "../sharing/custom-store.js";
import { lazyRefreshTokens } from "../sharing/lazy-refresh-tokens.js";
import { storedMetadata } from "../sharing/stored-metadata.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import type { Events } from "./events.js";

/**
 * Everything that the managers of one runtime share under one config. `createRuntimeContext` makes it; a reload that
 * changes the network, the store or the permissions makes another one. Attempts inherit the fields of `OAuthRuntime`.
 */
export interface RuntimeContext extends OAuthRuntime {
  readonly network: Network;
  /** The authorities and proxies that `network` trusts. */
  readonly trust: NetworkTrust;
  readonly events: Events;
  readonly random: () => number;
  /** Token endpoints that sent `Retry-After`, of all configs. */
  readonly retryAfter: RetryAfterRegistry;
  /** Shared with other processes. Absent where tokens are kept in memory alone. */
  readonly store: SharedStore | undefined;
}

/** The options of `createMcpAuth` and what outlives a reload. `createRuntime` sets it once. */
export interface RuntimeDependencies
  extends Omit<RuntimeContext, "network" | "trust" | "random" | "metadata" | "store" | "refreshTokens"> {
  /** Whether the caller passed `fetch`. */
  readonly hasOwnFetch: boolean;
  /** Used in place of the store that the config describes. */
  readonly ownStore: McpAuthStore | undefined;
}

/** `kept`: a previous context whose store, with all that is still to be written, the new one takes over. */
export function createRuntimeContext(
  dependencies: RuntimeDependencies,
  { network: spec, store: described, commands }: Pick<ConfigSpec, "network" | "store" | "commands">,
  kept?: Pick<RuntimeContext, "store" | "refreshTokens">,
): RuntimeContext {
  const { ownStore, hasOwnFetch, clock, env, resolvers, signers, serverClocks, events, retryAfter } =
    dependencies;
  const permissions =
    commands === undefined
      ? dependencies.permissions
      : forbidCommands(dependencies.permissions, commands.forbidden);
  const processEnv = process.env;
  const trust = networkTrust({ spec, env, processEnv, hasOwnFetch, allow: permissions?.allow });
  const network = createNetwork({
    ...{ fetch: dependencies.fetch, serverClocks },
    ...{ spec, env, processEnv, trust },
  });
  const { fetch } = network;
  const openStore = (): SharedStore | undefined => {
    if (ownStore !== undefined) return customStore(ownStore, clock, defaults.lease);
    // Messages name the store in place of a server.
    const server = "(store)";
    const reading = { server, fetch, clock, env, resolvers, permissions, unref: true };
    return configuredStore(described, trust, reading);
  };
  const store = kept === undefined ? openStore() : kept.store;
  return {
    ...{
      fetch,
      network,
      trust,
      clock,
      env,
      resolvers,
      signers,
      permissions,
      serverClocks,
      events,
      retryAfter,
    },
    store,
    random: Math.random,
    metadata: new MetadataCache({
      ...{ fetch, clock, insecureHosts: spec.allowInsecureHttp },
      // It is unknown which servers a caller's `fetch` trusts, so its metadata stays in this process.
      store: hasOwnFetch ? undefined : store && storedMetadata(store, clock, trust),
    }),
    refreshTokens: kept === undefined ? store && lazyRefreshTokens(store, clock) : kept.refreshTokens,
  };
}
