import { absolute, buildReference, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type { Config } from "./generated/types.js";
import type { StoreSpec } from "./spec.js";

/** `folder` is what relative paths are relative to. */
export function buildStore(store: Config["store"] = defaults.store, folder: string): StoreSpec {
  if (store.type === "memory") return { type: "memory" };
  const encryptionKeys = [store.encryptionKey].flat().map((reference) => buildReference(reference, folder));
  if (store.type === "file") {
    const path = store.path === undefined ? {} : { path: absolute(store.path, folder) };
    return { type: "file", ...path, encryptionKeys, lease: defaults.lease };
  }
  const { sentinel, cluster } = store;
  return {
    type: "redis",
    url: buildReference(store.url, folder),
    ...(sentinel !== undefined && { sentinel: { name: sentinel.name, nodes: [...sentinel.nodes] } }),
    ...(cluster !== undefined && { cluster: [...cluster] }),
    prefix: store.prefix ?? defaults.prefix,
    lease: duration(store.lease) ?? defaults.lease,
    encryptionKeys,
  };
}
