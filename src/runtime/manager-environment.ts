import type { NetworkSpec } from "../config/spec.js";
import { MetadataCache } from "../discovery/metadata-cache.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { createNetwork } from "../net/network.js";
import type { Holds } from "../tokens/holds.js";
import type { Events } from "./events.js";
import { type RetiringNetwork, retiringNetwork } from "./retiring-network.js";

/** What the managers of one runtime share. */
export interface ManagerEnvironment extends Pick<KeyContext, "env" | "resolvers" | "signers" | "allowExec"> {
  /** Through the proxy and with the authorities that the config or the environment names. */
  readonly fetch: FetchFunction;
  readonly network: RetiringNetwork;
  readonly clock: Clock;
  readonly events: Events;
  readonly random: () => number;
  readonly metadata: MetadataCache;
  /** Token endpoints that asked to be left alone for a while. */
  readonly holds: Holds;
}

/** The part that no config changes. `fetch` is what sends in the end. */
export type GivenEnvironment = Omit<ManagerEnvironment, "network" | "random" | "metadata">;

export function managerEnvironment(given: GivenEnvironment, spec: NetworkSpec): ManagerEnvironment {
  const { clock, env } = given;
  const network = retiringNetwork(() =>
    createNetwork({ fetch: given.fetch, spec, env, processEnv: process.env }),
  );
  const { fetch } = network;
  const metadata = new MetadataCache({ fetch, clock, insecureHosts: spec.allowInsecureHttp });
  return { ...given, fetch, network, random: Math.random, metadata };
}
