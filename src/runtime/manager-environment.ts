import { MetadataCache } from "../discovery/metadata-cache.js";
import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { Holds } from "../tokens/holds.js";
import type { Events } from "./events.js";

/** What the managers of one runtime share. */
export interface ManagerEnvironment {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly events: Events;
  readonly random: () => number;
  readonly metadata: MetadataCache;
  /** Token endpoints that asked to be left alone for a while. */
  readonly holds: Holds;
}

export function managerEnvironment(
  given: Pick<ManagerEnvironment, "fetch" | "clock" | "env" | "events">,
): ManagerEnvironment {
  const { fetch, clock } = given;
  return { ...given, random: Math.random, metadata: new MetadataCache({ fetch, clock }), holds: new Holds() };
}
