import { randomBytes } from "node:crypto";
import type { McpAuthStore } from "../../src/index.js";
import { createMemoryStore, MemoryData } from "../../src/testing.js";

export interface SharedMemory {
  readonly data: MemoryData;
  /** What one process would have: a store of its own over the same data. */
  store(overrides?: Partial<McpAuthStore>): McpAuthStore;
}

/** A store that several runtimes of one test share, sealed with a key of its own. */
export function sharedMemory(): SharedMemory {
  const data = new MemoryData();
  const key = randomBytes(32).toString("base64url");
  return {
    data,
    store: (overrides = {}) => ({
      ...createMemoryStore({ data }),
      encryptionKeys: () => [key],
      ...overrides,
    }),
  };
}
