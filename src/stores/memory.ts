import { type Clock, systemClock } from "../lib/clock.js";
import { Changes } from "./changes.js";
import type { TokenStore } from "./store.js";

interface Entry {
  readonly value: string;
  /** Milliseconds since the epoch; `Infinity` for what stays. */
  readonly expiresAt: number;
}

/** What several memory stores may have in common, as processes have a folder or a server in common. */
export class MemoryData {
  readonly entries = new Map<string, Entry>();
  readonly locked = new Set<string>();
  readonly fences = new Map<string, number>();
  readonly changes = new Changes();
}

export interface MemoryStoreOptions {
  readonly clock?: Clock;
  /** Data of its own unless told. */
  readonly data?: MemoryData;
}

/** The store contract at its plainest: for tests, and to read. It shares nothing beyond the process. */
export function createMemoryStore({
  clock = systemClock,
  data = new MemoryData(),
}: MemoryStoreOptions = {}): TokenStore {
  const { entries, locked, fences, changes } = data;
  let closed = false;

  /** Whatever is asked of a closed store rejects. */
  const open = async (): Promise<void> => {
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
      await open();
      const entry = find(key);
      if (entry === undefined) return undefined;
      const { value, expiresAt } = entry;
      return expiresAt === Number.POSITIVE_INFINITY
        ? { value }
        : { value, expiresIn: expiresAt - clock.now() };
    },
    async set(key, value, { expiresIn = Number.POSITIVE_INFINITY, fence = Number.POSITIVE_INFINITY } = {}) {
      await open();
      if (fence < (fences.get(key) ?? 0)) return false;
      entries.set(key, { value, expiresAt: clock.now() + expiresIn });
      changes.tell(key);
      return true;
    },
    async delete(key) {
      await open();
      entries.delete(key);
      changes.tell(key);
    },
    async compareAndDelete(key, value) {
      await open();
      if (find(key)?.value !== value) return false;
      entries.delete(key);
      changes.tell(key);
      return true;
    },
    async withLock(key, _ttl, run) {
      await open();
      if (locked.has(key)) return { acquired: false };
      locked.add(key);
      const fence = (fences.get(key) ?? 0) + 1;
      fences.set(key, fence);
      try {
        // Whoever holds it is in this process, and cannot be lost while the process lives.
        return { acquired: true, value: await run({ fence, signal: new AbortController().signal }) };
      } finally {
        locked.delete(key);
        changes.tell(key);
      }
    },
    onChange: (key, listener) => changes.listen(key, listener),
    async keys(prefix) {
      await open();
      return [...entries.keys()].filter((key) => key.startsWith(prefix) && find(key) !== undefined);
    },
    async close() {
      closed = true;
    },
  };
}
