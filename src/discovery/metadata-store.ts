import type { Clock } from "../lib/clock.js";
import { debugMetadata } from "../lib/debug.js";
import { type Outcome, succeed } from "../net/failure.js";
import { type Loaded, longestFresh, staleFor } from "./lookup-cache.js";

/** The kind of metadata: of an authorization server, by its issuer, or of an MCP server, by its URL. */
export type MetadataKind = "issuer" | "resource";

/** Metadata as it is stored. */
export interface StoredMetadata {
  /** JSON. */
  readonly value: unknown;
  /** When it was requested, in milliseconds since the epoch. */
  readonly askedAt: number;
  /** Milliseconds since the epoch. */
  readonly freshUntil: number;
}

/** Names the entry of some metadata. */
export interface MetadataName {
  readonly kind: MetadataKind;
  readonly name: string;
  /** Names a location or headers of its own, with which the server may return another document. */
  readonly variant?: string | undefined;
}

/**
 * Keeps metadata beyond the process, so that a warm start needs no metadata requests. Neither method rejects, because tokens
 * can be requested without the store.
 */
export interface MetadataStore {
  read(name: MetadataName): Promise<StoredMetadata | undefined>;
  /** `keptUntil`, in milliseconds since the epoch: until then, the stale entry is used by a process that finds nothing better. */
  write(name: MetadataName, metadata: StoredMetadata, keptUntil: number): Promise<void>;
}

interface Wanted<V> extends MetadataName {
  /** Milliseconds since the epoch. An entry that was requested earlier is stale. */
  readonly since: number | undefined;
  /** Returns the stored value if it has the right form and answers the lookup. */
  readonly judge: (value: unknown) => V | undefined;
  /** As in `Lookup`. */
  readonly lastGood: (value: V) => V | undefined;
  /** Returns what other processes may use of a value, as JSON; `undefined` for nothing. */
  readonly toStore: (value: V) => unknown;
  readonly load: () => Promise<Outcome<Loaded<V>>>;
}

/** Milliseconds. An entry from further in the future was written with a wrong clock and is ignored. */
const leeway = 60_000;

/** Loads metadata through a store: an entry that is fresh there is not requested again. */
export class StoredLookups {
  readonly #store: MetadataStore | undefined;
  readonly #clock: Clock;
  /** The time at which an entry was found to be wrong. */
  readonly #forgotten = new Map<string, number>();

  constructor(store: MetadataStore | undefined, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Ignores entries that were requested before now. */
  forget({ kind, name }: MetadataName): void {
    if (this.#store !== undefined) this.#forgotten.set(`${kind} ${name}`, this.#clock.now());
  }

  async load<V>({ since, judge, lastGood, toStore, load, ...name }: Wanted<V>): Promise<Outcome<Loaded<V>>> {
    const store = this.#store;
    if (store === undefined) return await load();
    const askedAt = this.#clock.now();
    const found = await this.#find(store, name);
    const value = found && judge(found.value);
    if (found !== undefined && value !== undefined) {
      // No entry is fresh for longer than a document can be, whatever it says.
      const freshUntil = Math.min(found.freshUntil, found.askedAt + longestFresh);
      if (askedAt < freshUntil && found.askedAt >= (since ?? 0)) {
        debugMetadata(
          name.kind === "issuer" ? "authorization server metadata" : "resource metadata",
          "store",
        );
        return succeed({ value, askedAt: found.askedAt, freshFor: freshUntil - askedAt });
      }
    }
    const outcome = await load();
    if (!outcome.ok || outcome.value.isEmpty === true) {
      const last = value === undefined ? undefined : lastGood(value);
      if (last !== undefined) return succeed({ value: last, freshFor: staleFor });
    }
    const stored = outcome.ok ? toStore(outcome.value.value) : undefined;
    if (outcome.ok && stored !== undefined) {
      const { value, freshFor } = outcome.value;
      const freshUntil = askedAt + freshFor;
      const keptUntil = lastGood(value) === undefined ? freshUntil : askedAt + longestFresh;
      await store.write(name, { value: stored, askedAt, freshUntil }, keptUntil);
    }
    return outcome;
  }

  /** Returns the entry if its time is plausible and it was not found to be wrong. */
  async #find(store: MetadataStore, name: MetadataName): Promise<StoredMetadata | undefined> {
    const now = this.#clock.now();
    const found = await store.read(name);
    if (found === undefined || found.askedAt > now + leeway || now >= found.askedAt + longestFresh)
      return undefined;
    const forgotten = this.#forgotten.get(`${name.kind} ${name.name}`) ?? 0;
    return found.askedAt >= forgotten ? found : undefined;
  }
}
