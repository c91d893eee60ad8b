import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { Secret } from "../lib/secret.js";
import { SharedStore } from "../stores/shared-store.js";
import type { TokenStore } from "../stores/store.js";

/** A store of your own, for the option `store` of `createMcpAuth`. */
export interface McpAuthStore extends TokenStore {
  /**
   * Returns the keys that encrypt the entries, each 32 bytes in base64url. The first one encrypts, all of them decrypt.
   * It is called from time to time, so that keys can be rotated. `false`: the store gets the entries unencrypted,
   * and must protect them itself.
   */
  readonly encryptionKeys: false | (() => readonly string[] | Promise<readonly string[]>);
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

/** Throws `config_invalid` for a value that is not a store. JavaScript can pass any value. */
export function assertStore(store: McpAuthStore): void {
  const missing = methods.find((name) => typeof store[name] !== "function");
  if (missing !== undefined) {
    throw new McpAuthError(
      "config_invalid",
      `The option \`store\` has no method \`${missing}\`. Spreading an object loses the methods of its class: write ` +
        "Object.assign(store, { encryptionKeys }).",
    );
  }
  const { encryptionKeys } = store;
  if (encryptionKeys === false || typeof encryptionKeys === "function") return;
  throw new McpAuthError(
    "config_invalid",
    "The option `store` has no `encryptionKeys`. Set it to a function that returns a list of keys, each 32 bytes in base64url, " +
      "or to `false` if the store itself protects its entries.",
  );
}

/** Wraps the store of the caller. */
export function customStore(store: McpAuthStore, clock: Clock, lease: number): SharedStore {
  const { encryptionKeys } = store;
  const keys = encryptionKeys === false ? encryptionKeys : () => readCallerKeys(encryptionKeys);
  return new SharedStore({ store, keys, lease, clock });
}

async function readCallerKeys(
  encryptionKeys: () => readonly string[] | Promise<readonly string[]>,
): Promise<readonly Secret[]> {
  let keys: unknown;
  try {
    keys = await encryptionKeys();
  } catch {
    // The error is not shown, because it may contain a key.
    throw new McpAuthError(
      "secret_unavailable",
      "The function `encryptionKeys` of the option `store` threw an error. Fix the function.",
    );
  }
  const isKey = (key: unknown): key is string =>
    typeof key === "string" && Buffer.from(key, "base64url").byteLength === 32;
  if (Array.isArray(keys) && keys.length > 0 && keys.every(isKey)) return keys.map((key) => new Secret(key));
  throw new McpAuthError(
    "key_invalid",
    "The function `encryptionKeys` of the option `store` did not return a list of keys, each 32 bytes in base64url.",
  );
}
