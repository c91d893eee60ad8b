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

/** Identifies an entry of the store. */
export interface MetadataName {
  readonly kind: MetadataKind;
  readonly name: string;
  /** Names the location or headers in the config with which the server may return another document. */
  readonly variant?: string | undefined;
}

/**
 * Keeps metadata beyond the process, so that a warm start needs no metadata requests. Neither method rejects, because
 * tokens can be requested without the store.
 */
export interface MetadataStore {
  read(name: MetadataName): Promise<StoredMetadata | undefined>;
  /**
   * Writes an entry. Until `keptUntil`, in milliseconds since the epoch, a process that finds nothing better uses the
   * entry even though it is stale.
   */
  write(name: MetadataName, metadata: StoredMetadata, keptUntil: number): Promise<void>;
}

interface StoredLookup<V> extends MetadataName {
  /** Milliseconds since the epoch. An entry that was requested earlier is stale. */
  readonly since: number | undefined;
  /** Returns the stored value if it has the right form and answers the lookup. */
  readonly judge: (value: unknown) => V | undefined;
  /** As in `Lookup`. */
  readonly lastGood: (value: V) => V | undefined;
  /** Returns the part of a value that other processes may use, as JSON; `undefined` for no part. */
  readonly toStore: (value: V) => unknown;
  readonly load: () => Promise<Outcome<Loaded<V>>>;
}

/** In milliseconds. An entry from further in the future was written with a wrong clock and is ignored. */
const leeway = 60_000;

/** Loads metadata from a store. Requests it only if the store has no fresh entry, and then writes it there. */
export class StoredLookups {
  readonly #store: MetadataStore | undefined;
  readonly #clock: Clock;
  /** For each entry that was found to be wrong, the time at which that happened. */
  readonly #forgotten = new Map<string, number>();

  constructor(store: MetadataStore | undefined, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Ignores entries that were requested before now. */
  forget({ kind, name }: MetadataName): void {
    if (this.#store !== undefined) this.#forgotten.set(`${kind} ${name}`, this.#clock.now());
  }

  async load<V>({
    since,
    judge,
    lastGood,
    toStore,
    load,
    ...name
  }: StoredLookup<V>): Promise<Outcome<Loaded<V>>> {
    const store = this.#store;
    if (store === undefined) return await load();
    const askedAt = this.#clock.now();
    const found = await this.#find(store, name);
    const value = found && judge(found.value);
    if (found !== undefined && value !== undefined) {
      // The entry may say more, but no document stays fresh for longer than this.
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
