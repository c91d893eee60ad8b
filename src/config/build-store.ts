import { absolute, buildReference, duration } from "./build-reference.js";
import { builtIn } from "./built-in.js";
import type { Config } from "./generated/types.js";
import type { StoreSpec } from "./spec.js";

/** `folder` is what relative paths are relative to. */
export function buildStore(store: Config["store"] = builtIn.store, folder: string): StoreSpec {
  if (store.type === "memory") return { type: "memory" };
  const encryptionKeys = [store.encryptionKey].flat().map((reference) => buildReference(reference, folder));
  if (store.type === "file") {
    const path = store.path === undefined ? {} : { path: absolute(store.path, folder) };
    return { type: "file", ...path, encryptionKeys, lease: builtIn.lease };
  }
  const { sentinel, cluster } = store;
  return {
    type: "redis",
    url: buildReference(store.url, folder),
    ...(sentinel !== undefined && { sentinel: { name: sentinel.name, nodes: [...sentinel.nodes] } }),
    ...(cluster !== undefined && { cluster: [...cluster] }),
    prefix: store.prefix ?? builtIn.prefix,
    lease: duration(store.lease) ?? builtIn.lease,
    encryptionKeys,
  };
}
