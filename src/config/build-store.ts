import { unreachable } from "../lib/unreachable.js";
import { absolute, buildReference, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type { Config, FileStore, RedisStore } from "./generated/types.js";
import type { SecretReference, StoreSpec } from "./spec.js";

/** Builds the runtime's form of the store. Relative paths are relative to `folder`. */
export function buildStore(store: Config["store"] = defaults.store, folder: string): StoreSpec {
  switch (store.type) {
    case "memory":
      return { type: "memory" };
    case "file":
      return {
        type: "file",
        ...(store.path !== undefined && { path: absolute(store.path, folder) }),
        encryptionKeys: buildEncryptionKeys(store, folder),
        lease: defaults.lease,
      };
    case "redis": {
      const { sentinel, cluster } = store;
      return {
        type: "redis",
        url: buildReference(store.url, folder),
        ...(sentinel !== undefined && { sentinel: { name: sentinel.name, nodes: [...sentinel.nodes] } }),
        ...(cluster !== undefined && { cluster: [...cluster] }),
        prefix: store.prefix ?? defaults.prefix,
        lease: duration(store.lease) ?? defaults.lease,
        encryptionKeys: buildEncryptionKeys(store, folder),
      };
    }
    default:
      return unreachable(store);
  }
}

function buildEncryptionKeys(
  { encryptionKey }: FileStore | RedisStore,
  folder: string,
): readonly SecretReference[] {
  return [encryptionKey].flat().map((reference) => buildReference(reference, folder));
}
