import "./lib/check-node.js";

export type { MemoryStoreOptions } from "./stores/memory.js";
export { createMemoryStore, MemoryData } from "./stores/memory.js";
export type { StoreRequirement, StoreUnderTest } from "./testing/store-contract.js";
export { storeContract } from "./testing/store-contract.js";
