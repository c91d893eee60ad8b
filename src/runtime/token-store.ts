import { defaults } from "../config/defaults.js";
import type { FileStoreSpec, RedisStoreSpec, StoreSpec } from "../config/spec.js";
import type { MetadataName, MetadataStore } from "../discovery/metadata-store.js";
import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { parseJsonObject } from "../lib/json-object.js";
import { machineOf } from "../lib/machine.js";
import { notAllowed } from "../lib/not-allowed.js";
import { Secret } from "../lib/secret.js";
import type { NetworkTrust } from "../net/network-trust.js";
import type { RefreshTokens } from "../oauth/grant-environment.js";
import type { SecretSources } from "../secrets/secret-context.js";
import { SharedStore } from "../stores/shared-store.js";
import type { TokenStore } from "../stores/store.js";

/** A store that is given in code. */
export interface McpAuthStore extends TokenStore {
  /**
   * The keys that seal what is stored, 32 bytes in base64url each: the first encrypts, all of them decrypt. Asked for now
   * and then, so that they can be rotated. `false`: the store keeps everything safe by itself, and gets it in the clear.
   */
  readonly encryptionKeys: false | (() => readonly string[] | Promise<readonly string[]>);
}

type Sources = SecretSources & { readonly clock: Clock };

/** The store that the config describes; `undefined` where tokens are kept in memory alone. Nothing is opened before it is used. */
export function describedStore(
  spec: StoreSpec,
  trust: Pick<NetworkTrust, "authorities">,
  sources: Sources,
): SharedStore | undefined {
  if (spec.type === "memory") return undefined;
  const reading = { ...sources, unattended: true };
  let place: string | undefined;
  const openIn = async (path: string): Promise<TokenStore> => {
    place = path;
    const { createFileStore } = await import("../stores/file.js");
    return createFileStore({ path, clock: sources.clock, assertAllowed: () => assertAllowed(path, sources) });
  };
  const open = async (): Promise<TokenStore> =>
    spec.type === "file"
      ? await openIn(await folderOf(spec, sources))
      : await openRedis(spec, trust, reading);
  let opened: Promise<TokenStore> | undefined;
  const load = (): Promise<TokenStore> => {
    opened ??= open();
    return opened;
  };
  return new SharedStore({
    store: openedWhenUsed(load, () => opened),
    load,
    place: () => place,
    isRedis: spec.type === "redis",
    lease: spec.lease,
    clock: sources.clock,
    async keys() {
      const { readEncryptionKey } = await import("../keys/store-secret.js");
      return await Promise.all(spec.encryptionKeys.map((reference) => readEncryptionKey(reference, reading)));
    },
  });
}

const methods = [
  "get",
  "set",
  "delete",
  "compareAndDelete",
  "withLock",
  "onChange",
  "keys",
  "close",
] as const;

/** Whether it is a store at all, as somebody without types may not know. Throws `config_invalid`. */
export function assertStore(store: McpAuthStore): void {
  const missing = methods.find((name) => typeof store[name] !== "function");
  if (missing !== undefined) {
    throw new McpAuthError(
      "config_invalid",
      `The store that was given has no method \`${missing}\`. A copy by \`...\` loses the methods of a class: write ` +
        "Object.assign(store, { encryptionKeys }).",
    );
  }
  const { encryptionKeys } = store;
  if (encryptionKeys === false || typeof encryptionKeys === "function") return;
  throw new McpAuthError(
    "config_invalid",
    "The store that was given has no `encryptionKeys`: a function that gives a list of keys, 32 bytes in base64url each, or " +
      "`false` for a store that keeps everything safe by itself.",
  );
}

/** A store of the caller's. */
export function givenStore(store: McpAuthStore, clock: Clock): SharedStore {
  const { encryptionKeys } = store;
  const keys = encryptionKeys === false ? encryptionKeys : () => givenKeys(encryptionKeys);
  return new SharedStore({ store, keys, lease: defaults.lease, clock });
}

/**
 * Metadata in the store, for processes that start later with the same network trust. A process that trusts another authority,
 * or plain http, may have got its metadata from someone other than the issuer.
 */
export function metadataStoreIn(
  store: SharedStore,
  clock: Clock,
  trust: Pick<NetworkTrust, "fingerprint">,
): MetadataStore {
  const version = 1;
  const keyOf = async ({ kind, name, variant }: MetadataName): Promise<string> => {
    const { hashOf, metadataPrefix } = await import("../tokens/entry-key.js");
    const asked = [await trust.fingerprint(), machineOf(name), ...(variant === undefined ? [] : [variant])];
    return `${metadataPrefix(kind, name)}${hashOf(asked)}`;
  };
  return {
    async read(name) {
      const found = await keyOf(name)
        .then((key) => store.read(key))
        .catch(() => undefined);
      const fields = found?.kind === "value" ? parseJsonObject(found.text) : undefined;
      const { v, value, askedAt, freshUntil } = fields ?? {};
      if (v !== version || typeof askedAt !== "number" || typeof freshUntil !== "number") return undefined;
      return { value, askedAt, freshUntil };
    },
    async write(name, metadata, keptUntil) {
      const expiresIn = keptUntil - clock.now();
      const text = JSON.stringify({ v: version, ...metadata });
      const key = await keyOf(name).catch(() => undefined);
      if (key === undefined) return;
      await store.handOver(store.write(key, text, { expiresIn }));
    },
  };
}

/** Refresh tokens that the servers replace, loaded when the first is redeemed. */
export function refreshTokensIn(store: SharedStore, clock: Clock): RefreshTokens {
  let loaded: Promise<RefreshTokens> | undefined;
  return {
    async redeem(...args) {
      loaded ??= import("../tokens/refresh-tokens.js").then(
        ({ StoredRefreshTokens }) => new StoredRefreshTokens({ store, clock }),
      );
      return await (await loaded).redeem(...args);
    },
  };
}

async function folderOf({ path }: FileStoreSpec, { env }: Sources): Promise<string> {
  return path ?? (await import("../stores/state-folder.js")).stateFolder({ env });
}

/** Rejects with `config_invalid` where `allow` does not name the folder, the default one too. */
async function assertAllowed(folder: string, { permissions }: Sources): Promise<void> {
  if ((await permissions?.allow?.file(folder)) === false)
    throw notAllowed("the folder of the store", "files");
}

async function openRedis(
  { url, sentinel, cluster, prefix }: RedisStoreSpec,
  trust: Pick<NetworkTrust, "authorities">,
  sources: Sources,
): Promise<TokenStore> {
  const [{ createRedisStore }, { loadRedis }] = await Promise.all([
    import("../stores/redis.js"),
    import("../stores/redis-client.js"),
  ]);
  await loadRedis();
  return createRedisStore({
    prefix,
    clock: sources.clock,
    async address() {
      const { readRedisUrl } = await import("../keys/store-secret.js");
      const secret = await readRedisUrl(url, sources);
      // With Sentinel, its host is not used.
      const isAllowed = sentinel !== undefined || sources.permissions?.allow?.url(secret.reveal()) !== false;
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

async function givenKeys(
  encryptionKeys: () => readonly string[] | Promise<readonly string[]>,
): Promise<readonly Secret[]> {
  let keys: unknown;
  try {
    keys = await encryptionKeys();
  } catch {
    // It may carry a key.
    throw new McpAuthError(
      "secret_unavailable",
      "The store that was given: its function `encryptionKeys` threw.",
    );
  }
  const isKey = (key: unknown): key is string =>
    typeof key === "string" && Buffer.from(key, "base64url").byteLength === 32;
  if (Array.isArray(keys) && keys.length > 0 && keys.every(isKey)) return keys.map((key) => new Secret(key));
  throw new McpAuthError(
    "key_invalid",
    "The store that was given: `encryptionKeys` did not give a list of keys, 32 bytes in base64url each.",
  );
}

/** A store whose code is loaded when it is first asked for anything. */
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
    // Whoever listens has looked before.
    onChange: (key, listener) => store?.onChange(key, listener) ?? (() => {}),
    keys: async (prefix) => await (await use()).keys(prefix),
    async setAside(key, value) {
      const used = await use();
      await (used.setAside === undefined ? used.compareAndDelete(key, value) : used.setAside(key, value));
    },
    async close() {
      await (await opened()?.catch(() => undefined))?.close();
    },
  };
}
