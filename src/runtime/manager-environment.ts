import type { ConfigSpec } from "../config/spec.js";
import { MetadataCache } from "../discovery/metadata-cache.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import { forbidCommands } from "../lib/permissions.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { createNetwork } from "../net/network.js";
import { type NetworkTrust, networkTrust } from "../net/network-trust.js";
import type { ServerClocks } from "../net/server-clocks.js";
import type { RefreshTokens } from "../oauth/grant-environment.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Holds } from "../tokens/holds.js";
import type { Events } from "./events.js";
import { type RetiringNetwork, retiringNetwork } from "./retiring-network.js";
import {
  describedStore,
  givenStore,
  type McpAuthStore,
  metadataStoreIn,
  refreshTokensIn,
} from "./token-store.js";

/** What the managers of one runtime share. */
export interface ManagerEnvironment
  extends Pick<KeyContext, "env" | "resolvers" | "signers" | "permissions"> {
  /** Through the proxy and with the authorities that the config or the environment names. */
  readonly fetch: FetchFunction;
  readonly network: RetiringNetwork;
  /** What that network trusts. */
  readonly trust: NetworkTrust;
  readonly clock: Clock;
  /** What the responses tell of the time at their servers, whichever config the requests were made for. */
  readonly serverClocks: ServerClocks;
  readonly events: Events;
  readonly random: () => number;
  readonly metadata: MetadataCache;
  /** Token endpoints that asked to be left alone for a while. */
  readonly holds: Holds;
  /** Shared with other processes; absent where tokens are kept in memory alone. */
  readonly store: SharedStore | undefined;
  readonly refreshTokens: RefreshTokens | undefined;
}

/** The part that no config changes. `fetch` is what sends in the end. */
export type GivenEnvironment = Omit<
  ManagerEnvironment,
  "network" | "trust" | "random" | "metadata" | "store" | "refreshTokens"
> & {
  /** The caller passed this `fetch`. */
  readonly hasOwnFetch: boolean;
  /** In place of the one that the config describes. */
  readonly ownStore: McpAuthStore | undefined;
};

/** `kept`: the store of the environment before, which this one takes over with all that is still to be written there. */
export function managerEnvironment(
  { ownStore, hasOwnFetch, ...others }: GivenEnvironment,
  { network: spec, store: described, commands }: Pick<ConfigSpec, "network" | "store" | "commands">,
  kept?: Pick<ManagerEnvironment, "store" | "refreshTokens">,
): ManagerEnvironment {
  const permissions =
    commands === undefined ? others.permissions : forbidCommands(others.permissions, commands.forbidden);
  const given = { ...others, permissions };
  const { clock, env } = given;
  const processEnv = process.env;
  const trust = networkTrust({ spec, env, processEnv, hasOwnFetch, allow: permissions?.allow });
  const network = retiringNetwork(() => createNetwork({ fetch: given.fetch, spec, env, processEnv, trust }));
  const { fetch } = network;
  const own = (): SharedStore | undefined =>
    ownStore === undefined
      ? describedStore(described, trust, { ...given, fetch })
      : givenStore(ownStore, clock);
  const store = kept === undefined ? own() : kept.store;
  return {
    ...{ ...given, fetch, network, trust, store },
    random: Math.random,
    metadata: new MetadataCache({
      ...{ fetch, clock, insecureHosts: spec.allowInsecureHttp },
      // What a caller's `fetch` trusts is unknown, so its metadata stays in this process.
      store: hasOwnFetch ? undefined : store && metadataStoreIn(store, clock, trust),
    }),
    refreshTokens: kept === undefined ? store && refreshTokensIn(store, clock) : kept.refreshTokens,
  };
}
