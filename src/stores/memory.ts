import { type Clock, systemClock } from "../lib/clock.js";
import { Changes } from "./changes.js";
import type { TokenStore } from "./store.js";

interface Entry {
  readonly value: string;
  /** Milliseconds since the epoch; `Infinity` for an entry without an expiry. */
  readonly expiresAt: number;
}

/** The data of a memory store. Several stores can share it, as processes share a folder or a server. */
export class MemoryData {
  readonly entries = new Map<string, Entry>();
  readonly locked = new Set<string>();
  readonly fences = new Map<string, number>();
  readonly changes = new Changes();
}

export interface MemoryStoreOptions {
  readonly clock?: Clock;
  /** By default, each store has its own data. */
  readonly data?: MemoryData;
}

/**
 * The simplest implementation of the store contract, for tests and as an example. It shares nothing with other
 * processes.
 */
export function createMemoryStore({
  clock = systemClock,
  data = new MemoryData(),
}: MemoryStoreOptions = {}): TokenStore {
  const { entries, locked, fences, changes } = data;
  let closed = false;

  const assertOpen = async (): Promise<void> => {
    if (closed) throw new Error("The store is closed.");
  };
  const find = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || clock.now() < entry.expiresAt) return entry;
    entries.delete(key);
    return undefined;
  };

  return {
    async get(key) {
      await assertOpen();
      const entry = find(key);
      if (entry === undefined) return undefined;
      const { value, expiresAt } = entry;
      return expiresAt === Number.POSITIVE_INFINITY
        ? { value }
        : { value, expiresIn: expiresAt - clock.now() };
    },
    async set(key, value, { expiresIn = Number.POSITIVE_INFINITY, fence = Number.POSITIVE_INFINITY } = {}) {
      await assertOpen();
      if (fence < (fences.get(key) ?? 0)) return false;
      entries.set(key, { value, expiresAt: clock.now() + expiresIn });
      changes.notify(key);
      return true;
    },
    async delete(key) {
      await assertOpen();
      entries.delete(key);
      changes.notify(key);
    },
    async compareAndDelete(key, value) {
      await assertOpen();
      if (find(key)?.value !== value) return false;
      entries.delete(key);
      changes.notify(key);
      return true;
    },
    async withLock(key, _ttl, run) {
      await assertOpen();
      if (locked.has(key)) return { acquired: false };
      locked.add(key);
      const fence = (fences.get(key) ?? 0) + 1;
      fences.set(key, fence);
      try {
        // Only this process can hold the lock, so it cannot be lost.
        return { acquired: true, value: await run({ fence, signal: new AbortController().signal }) };
      } finally {
        locked.delete(key);
        changes.notify(key);
      }
    },
    onChange: (key, listener) => changes.listen(key, listener),
    async keys(prefix) {
      await assertOpen();
      return [...entries.keys()].filter((key) => key.startsWith(prefix) && find(key) !== undefined);
    },
    async close() {
      closed = true;
    },
  };
}
