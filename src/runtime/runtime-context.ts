import { defaults } from "../config/defaults.js";
import type { ConfigSpec } from "../config/spec.js";
import { MetadataCache } from "../discovery/metadata-cache.js";
import type { Clock } from "../lib/clock.js";
import { forbidCommands } from "../lib/permissions.js";
import { createNetwork, type Network } from "../net/network.js";
import { type NetworkTrust, networkTrust } from "../net/network-trust.js";
import type { OAuthRuntime } from "../oauth/attempt.js";
import type { RefreshTokenStore } from "../oauth/refresh-token-store.js";
import { configuredStore } from "../sharing/configured-store.js";
import { customStore, type McpAuthStore } from "../sharing/custom-store.js";
import { storedMetadata } from "../sharing/stored-metadata.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import type { Events } from "./events.js";

/**
 * Everything that the managers of one runtime share under one config. `createRuntimeContext` creates it. A reload that
 * changes the network, the store or the permissions creates another one. Attempts inherit the fields of `OAuthRuntime`.
 */
export interface RuntimeContext extends OAuthRuntime {
  readonly network: Network;
  /** The authorities and proxies that `network` trusts. */
  readonly trust: NetworkTrust;
  readonly events: Events;
  readonly random: () => number;
  /** Token endpoints that sent `Retry-After`. A reload keeps it. */
  readonly retryAfterRegistry: RetryAfterRegistry;
  /** The store that processes share, `undefined` if tokens are kept only in memory. */
  readonly store: SharedStore | undefined;
}

/** The options of `createMcpAuth`, and the parts that a reload keeps. `createRuntime` sets them once. */
export interface RuntimeDependencies
  extends Omit<
    RuntimeContext,
    "envFilesIn" | "network" | "trust" | "random" | "metadata" | "store" | "refreshTokens"
  > {
  /** Whether the caller passed `fetch`. */
  readonly hasOwnFetch: boolean;
  /** The store that the caller passed, which replaces the store of the config. */
  readonly ownStore: McpAuthStore | undefined;
}

/** Creates the context for one config. It takes over the store of the `kept` context, with the pending writes. */
export function createRuntimeContext(
  dependencies: RuntimeDependencies,
  { servers, network: spec, store: storeSpec, commands }: ConfigSpec,
  kept?: Pick<RuntimeContext, "store" | "refreshTokens">,
): RuntimeContext {
  const { ownStore, hasOwnFetch, clock, env, resolvers, signers, serverClocks, events, retryAfterRegistry } =
    dependencies;
  const permissions =
    commands === undefined
      ? dependencies.permissions
      : forbidCommands(dependencies.permissions, commands.forbidden);
  const envFilesIn = servers.shared.folder;
  const processEnv = process.env;
  const trust = networkTrust({ spec, env, processEnv, hasOwnFetch, allow: permissions?.allow });
  const network = createNetwork({
    ...{ fetch: dependencies.fetch, serverClocks },
    ...{ spec, env, processEnv, trust },
  });
  const { fetch, fetchDirect } = network;
  const openStore = (): SharedStore | undefined => {
    if (ownStore !== undefined) return customStore(ownStore, clock, defaults.lease);
    // Messages name the store in place of a server.
    const server = "(store)";
    const secretContext = {
      ...{ server, fetch, fetchDirect, clock, env, envFilesIn, resolvers, permissions, unref: true },
    };
    return configuredStore(storeSpec, trust, secretContext);
  };
  const store = kept === undefined ? openStore() : kept.store;
  return {
    ...{
      fetch,
      fetchDirect,
      network,
      trust,
      clock,
      env,
      envFilesIn,
      resolvers,
      signers,
      permissions,
      serverClocks,
      events,
      retryAfterRegistry,
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

/** Returns stored refresh tokens whose code is loaded when the first one is redeemed. */
function lazyRefreshTokens(store: SharedStore, clock: Clock): RefreshTokenStore {
  let loaded: Promise<RefreshTokenStore> | undefined;
  const load = async (): Promise<RefreshTokenStore> => {
    loaded ??= import("../sharing/stored-refresh-tokens.js").then(
      ({ StoredRefreshTokens }) => new StoredRefreshTokens({ store, clock }),
    );
    return await loaded;
  };
  return {
    redeem: async (...args) => await (await load()).redeem(...args),
    isNew: async (...args) => await (await load()).isNew(...args),
    replace: async (...args) => await (await load()).replace(...args),
  };
}
