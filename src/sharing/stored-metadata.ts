import type { MetadataName, MetadataStore } from "../discovery/metadata-store.js";
import { ignoreFailure } from "../errors/expected-errors.js";
import type { Clock } from "../lib/clock.js";
import { machineOf } from "../lib/loopback.js";
import type { NetworkTrust } from "../net/network-trust.js";
import type { SharedStore } from "../stores/shared-store.js";
import { isFiniteNumber, parseEntry, serializeEntry } from "./stored-format.js";

/**
 * Keeps metadata in the store, for processes that start later with the same network trust. The trust is part of the
 * key, because a process that trusts another authority, or plain http, may have fetched metadata that is not from the
 * issuer.
 */
export function storedMetadata(
  store: SharedStore,
  clock: Clock,
  trust: Pick<NetworkTrust, "fingerprint">,
): MetadataStore {
  const keyOf = async ({ kind, name, variant }: MetadataName): Promise<string> => {
    const { hashOf, metadataPrefix } = await import("./entry-key.js");
    const keyParts = [
      await trust.fingerprint(),
      machineOf(name),
      ...(variant === undefined ? [] : [variant]),
    ];
    return `${metadataPrefix(kind, name)}${hashOf(keyParts)}`;
  };
  return {
    async read(name) {
      const found = await keyOf(name)
        .then((key) => store.read(key))
        .catch(ignoreFailure);
      const fields = found?.kind === "value" ? parseEntry(found.text) : undefined;
      const { value, askedAt, freshUntil } = fields ?? {};
      if (!isFiniteNumber(askedAt) || !isFiniteNumber(freshUntil)) return undefined;
      return { value, askedAt, freshUntil };
    },
    async write(name, metadata, keptUntil) {
      const expiresIn = keptUntil - clock.now();
      const text = serializeEntry(metadata);
      const key = await keyOf(name).catch(ignoreFailure);
      if (key === undefined) return;
      await store.waitBriefly(store.write(key, text, { expiresIn }));
    },
  };
}
