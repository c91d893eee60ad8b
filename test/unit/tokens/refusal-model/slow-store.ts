import type { Clock } from "../../../../src/lib/clock.js";
import { pause } from "../../../../src/lib/wait.js";
import type { TokenStore } from "../../../../src/stores/store.js";

/** A store that waits this many milliseconds before each operation. */
export function slowStore(store: TokenStore, clock: Clock, latency: number): TokenStore {
  const late = async (): Promise<void> => await pause(latency, { clock, unref: true });
  return {
    ...store,
    get: async (key) => {
      await late();
      return await store.get(key);
    },
    set: async (key, value, options) => {
      await late();
      return await store.set(key, value, options);
    },
    withLock: async (key, ttl, run) => {
      await late();
      return await store.withLock(key, ttl, run);
    },
  };
}
