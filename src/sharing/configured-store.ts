import type { FileStoreSpec, RedisStoreSpec, StoreSpec } from "../config/spec.js";
import type { Clock } from "../lib/clock.js";
import { notAllowed } from "../lib/permissions.js";
import type { NetworkTrust } from "../net/network-trust.js";
import type { SecretContext } from "../secrets/secret-context.js";
import { SharedStore } from "../stores/shared-store.js";
import type { TokenStore } from "../stores/store.js";

/** The context that the secrets of the store are read with. */
type StoreContext = SecretContext & { readonly clock: Clock };

/** Creates the store of the config, `undefined` for `memory`. The store is opened on first use. */
export function configuredStore(
  spec: StoreSpec,
  trust: Pick<NetworkTrust, "authorities">,
  context: StoreContext,
): SharedStore | undefined {
  if (spec.type === "memory") return undefined;
  let folder: string | undefined;
  const openIn = async (path: string): Promise<TokenStore> => {
    folder = path;
    const { createFileStore } = await import("../stores/file.js");
    return createFileStore({ path, clock: context.clock, assertAllowed: () => assertAllowed(path, context) });
  };
  const open = async (): Promise<TokenStore> =>
    spec.type === "file"
      ? await openIn(await folderOf(spec, context))
      : await openRedis(spec, trust, context);
  let opened: Promise<TokenStore> | undefined;
  const load = (): Promise<TokenStore> => {
    opened ??= open();
    return opened;
  };
  return new SharedStore({
    store: openedWhenUsed(load, () => opened),
    load,
    place: () => folder,
    kind: spec.type,
    lease: spec.lease,
    clock: context.clock,
    async keys() {
      const { readEncryptionKey } = await import("../keys/store-secret.js");
      return await Promise.all(spec.encryptionKeys.map((reference) => readEncryptionKey(reference, context)));
    },
  });
}

async function folderOf({ path }: FileStoreSpec, { env }: StoreContext): Promise<string> {
  return path ?? (await import("../stores/state-folder.js")).stateFolder({ env });
}

/** Rejects with `config_invalid` if `allow` does not name the folder. This includes the default folder. */
async function assertAllowed(folder: string, { permissions }: StoreContext): Promise<void> {
  if ((await permissions?.allow?.file(folder)) === false)
    throw notAllowed("the folder of the store", "files");
}

async function openRedis(
  { url, sentinel, cluster, prefix }: RedisStoreSpec,
  trust: Pick<NetworkTrust, "authorities">,
  context: StoreContext,
): Promise<TokenStore> {
  const [{ createRedisStore }, { loadRedis }] = await Promise.all([
    import("../stores/redis.js"),
    import("../stores/redis-client.js"),
  ]);
  await loadRedis();
  return createRedisStore({
    prefix,
    clock: context.clock,
    async address() {
      const { readRedisUrl } = await import("../keys/store-secret.js");
      const secret = await readRedisUrl(url, context);
      // With Sentinel, the host of the URL is not contacted.
      const isAllowed = sentinel !== undefined || context.permissions?.allow?.url(secret.reveal()) !== false;
      if (!isAllowed) throw notAllowed("the origin of the URL of the store", "origins");
      return {
        url: secret,
        sentinel,
        cluster,
        ca: await trust.authorities(),
      };
    },
  });
}

/** Returns a store that loads its code on first use. */
function openedWhenUsed(
  load: () => Promise<TokenStore>,
  opened: () => Promise<TokenStore> | undefined,
): TokenStore {
  let store: TokenStore | undefined;
  const use = async (): Promise<TokenStore> => {
    store = await load();
    return store;
  };
  return {
    get: async (key) => await (await use()).get(key),
    set: async (key, value, options) => await (await use()).set(key, value, options),
    delete: async (key) => await (await use()).delete(key),
    compareAndDelete: async (key, value) => await (await use()).compareAndDelete(key, value),
    withLock: async (key, ttl, run) => await (await use()).withLock(key, ttl, run),
    // A caller has read the entry before it listens, so the store is loaded.
    onChange: (key, listener) => store?.onChange(key, listener) ?? (() => {}),
    keys: async (prefix) => await (await use()).keys(prefix),
    async quarantine(key, value) {
      const used = await use();
      await (used.quarantine === undefined ? used.compareAndDelete(key, value) : used.quarantine(key, value));
    },
    async close() {
      const opening = opened();
      if (opening === undefined) return;
      // If it could not be opened, every use has failed with the reason, and there is nothing to close.
      const [result] = await Promise.allSettled([opening]);
      if (result.status === "fulfilled") await result.value.close();
    },
  };
}
