import { defaults } from "../config/defaults.js";
import type { ConfigSpec } from "../config/spec.js";
import { MetadataCache } from "../discovery/metadata-cache.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import { forbidCommands } from "../lib/permissions.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { createNetwork, type Network } from "../net/network.js";
import { type NetworkTrust, networkTrust } from "../net/network-trust.js";
import type { ServerClocks } from "../net/server-clocks.js";
import type { RefreshTokens } from "../oauth/grants/grant-environment.js";
import { configuredStore } from "../sharing/configured-store.js";
import { customStore, type McpAuthStore } from "../sharing/custom-store.js";
import { lazyRefreshTokens } from "../sharing/lazy-refresh-tokens.js";
import { storedMetadata } from "../sharing/stored-metadata.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { RetryAfterRegistry } from "../tokens/retry-after-registry.js";
import type { Events } from "./events.js";

/** What the managers of one runtime share. */
export interface RuntimeContext extends Pick<KeyContext, "env" | "resolvers" | "signers" | "permissions"> {
  /** Through the proxy and with the authorities that the config or the environment names. */
  readonly fetch: FetchFunction;
  readonly network: Network;
  /** What that network trusts. */
  readonly trust: NetworkTrust;
  readonly clock: Clock;
  /** What the responses tell of the time at their servers, whichever config the requests were made for. */
  readonly serverClocks: ServerClocks;
  readonly events: Events;
  readonly random: () => number;
  readonly metadata: MetadataCache;
  /** Token endpoints that asked to be left alone for a while. */
  readonly holds: RetryAfterRegistry;
  /** Shared with other processes; absent where tokens are kept in memory alone. */
  readonly store: SharedStore | undefined;
  readonly refreshTokens: RefreshTokens | undefined;
}

/** The part that no config changes. `fetch` is what sends in the end. */
export type RuntimeDependencies = Omit<
  RuntimeContext,
  "network" | "trust" | "random" | "metadata" | "store" | "refreshTokens"
> & {
  /** The caller passed this `fetch`. */
  readonly hasOwnFetch: boolean;
  /** In place of the one that the config describes. */
  readonly ownStore: McpAuthStore | undefined;
};

/** `kept`: the store of the context before, which this one takes over with all that is still to be written there. */
export function createRuntimeContext(
  { ownStore, hasOwnFetch, ...others }: RuntimeDependencies,
  { network: spec, store: described, commands }: Pick<ConfigSpec, "network" | "store" | "commands">,
  kept?: Pick<RuntimeContext, "store" | "refreshTokens">,
): RuntimeContext {
  const permissions =
    commands === undefined ? others.permissions : forbidCommands(others.permissions, commands.forbidden);
  const given = { ...others, permissions };
  const { clock, env } = given;
  const processEnv = process.env;
  const trust = networkTrust({ spec, env, processEnv, hasOwnFetch, allow: permissions?.allow });
  const { serverClocks } = given;
  const network = createNetwork({ fetch: given.fetch, spec, env, processEnv, trust, serverClocks });
  const { fetch } = network;
  const own = (): SharedStore | undefined =>
    ownStore === undefined
      ? configuredStore(described, trust, { ...given, fetch })
      : customStore(ownStore, clock, defaults.lease);
  const store = kept === undefined ? own() : kept.store;
  return {
    ...{ ...given, fetch, network, trust, store },
    random: Math.random,
    metadata: new MetadataCache({
      ...{ fetch, clock, insecureHosts: spec.allowInsecureHttp },
      // What a caller's `fetch` trusts is unknown, so its metadata stays in this process.
      store: hasOwnFetch ? undefined : store && storedMetadata(store, clock, trust),
    }),
    refreshTokens: kept === undefined ? store && lazyRefreshTokens(store, clock) : kept.refreshTokens,
  };
}
