import { randomBytes } from "node:crypto";
import type { McpAuthStore } from "../../src/index.js";
import { createMemoryStore, MemoryData } from "../../src/testing.js";

export interface SharedMemory {
  readonly data: MemoryData;
  /** Creates the store of one process, over the same data. */
  store(overrides?: Partial<McpAuthStore>): McpAuthStore;
}

/** Creates a store that several runtimes of a test can share, encrypted with a random key. */
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
