import { type Attributes, type Instrument, type InstrumentKey, instruments } from "./instruments.js";
import { maxServers, type ServerLimit } from "./server-limit.js";

/** The current value of a gauge for one server. */
export interface GaugeValue {
  readonly key: InstrumentKey;
  readonly value: number;
  readonly attributes: Attributes;
  /** Whether the server may take one of the places for servers with a name. */
  readonly claims: boolean;
}

/** What the gauges need of the status of a server. */
export interface MeasuredStatus {
  readonly server: string;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  readonly nextRefreshAt?: number;
  readonly rejectedAt?: number;
  readonly lastError?: { readonly code: string };
}

/** Returns the gauges of servers. `attributesOf` returns `undefined` for a server that was never used. */
export function gaugesOf(
  statuses: readonly MeasuredStatus[],
  attributesOf: (server: string) => Attributes | undefined,
  now: number,
): readonly GaugeValue[] {
  return statuses.flatMap((status) => {
    const { server, state, expiresAt, rejectedAt } = status;
    const failure = failureOf(status);
    const known = attributesOf(server);
    // If there are more servers than places, those that are used come first.
    const claims = known !== undefined || statuses.length <= maxServers;
    const attributes = known ?? { server };
    const gauge = (key: InstrumentKey, value: number, more: Attributes = {}): GaugeValue => ({
      key,
      value,
      attributes: { ...attributes, ...more },
      claims,
    });
    const gauges = [
      gauge("states", 1, { state }),
      gauge("failing", failure === undefined ? 0 : 1, { code: failure }),
      gauge("refused", rejectedAt === undefined ? 0 : 1),
      gauge("unplanned", isUnplanned(status) ? 1 : 0),
    ];
    if (expiresAt === undefined) return gauges;
    return [...gauges, gauge("remainingLifetime", Math.max(0, (expiresAt - now) / 1_000))];
  });
}

/**
 * Returns the code of a token request that failed. `unauthorized` is none: the request succeeded, and the MCP server
 * refused the new token too, which is the gauge `refused`.
 */
function failureOf({ lastError }: MeasuredStatus): string | undefined {
  return lastError?.code === "unauthorized" ? undefined : lastError?.code;
}

function isUnplanned({ state, expiresAt, nextRefreshAt }: MeasuredStatus): boolean {
  if (expiresAt === undefined) return false;
  return state === "asleep" || (state === "fresh" && nextRefreshAt === undefined);
}

/** Returns the gauge of a store, none without a store. */
export function storeGauges(store: { readonly isUsable: boolean } | undefined): readonly GaugeValue[] {
  if (store === undefined) return [];
  return [{ key: "storeUsable", value: store.isUsable ? 1 : 0, attributes: {}, claims: true }];
}

/**
 * Returns the values of one gauge with the names of at most as many servers as `limit` allows. For the others together,
 * a `total` is the sum and a `gauge` the smallest value.
 */
export function limitedGauges(
  key: InstrumentKey,
  values: readonly GaugeValue[],
  limit: ServerLimit,
): readonly { readonly attributes: Attributes; readonly value: number }[] {
  const instrument: Instrument = instruments[key];
  const merged = new Map<string, { readonly attributes: Attributes; value: number }>();
  for (const { key: own, value, attributes, claims } of values) {
    if (own !== key) continue;
    const limited = limit.limited(attributes, claims);
    const id = JSON.stringify(instrument.attributes.map((each) => limited[each]));
    const known = merged.get(id);
    if (known === undefined) merged.set(id, { attributes: limited, value });
    else known.value = instrument.kind === "total" ? known.value + value : Math.min(known.value, value);
  }
  return [...merged.values()];
}
