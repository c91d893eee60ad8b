import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { Secret } from "../lib/secret.js";
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
export function customStore(store: McpAuthStore, clock: Clock, lease: number): SharedStore {
  const { encryptionKeys } = store;
  const keys = encryptionKeys === false ? encryptionKeys : () => givenKeys(encryptionKeys);
  return new SharedStore({ store, keys, lease, clock });
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
