import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { Secret } from "../lib/secret.js";
import { readSecret, type SecretContext } from "../secrets/read-secret.js";
import { describeReference } from "../secrets/reference.js";

/** Reads a secret of the store, which all servers share. Rejects with the codes of `readSecret`. */
export async function readStoreSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  try {
    return await readSecret(reference, context);
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    const { code, message, retryable, retryAfter } = error;
    const sentence = message.replace(`Server "${context.server}": `, "The store of the config: ");
    throw new McpAuthError(code, sentence, {
      retryable,
      retryAfter,
    });
  }
}

/**
 * A key that seals what is stored: 32 bytes in base64url. Rejects with the codes of `readSecret`, and with `key_invalid`
 * for anything else than such a key.
 */
export async function readEncryptionKey(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const secret = await readStoreSecret(reference, context);
  const text = secret.reveal();
  const isKey = /^[\w-]{43}=?$/.test(text) && Buffer.from(text, "base64url").byteLength === 32;
  if (isKey) return secret;
  throw new McpAuthError(
    "key_invalid",
    `The store of the config: the encryption key in ${describeReference(reference)} cannot be used: it is not 32 bytes in ` +
      `base64url. Make one: node -p 'crypto.randomBytes(32).toString("base64url")'`,
  );
}

/**
 * The URL of a Redis server. Rejects with the codes of `readSecret`, and with `secret_unavailable` for what is none, or
 * would be understood otherwise than it was meant: of a password that is not encoded a part can pass for host and database.
 */
export async function readRedisUrl(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const secret = await readStoreSecret(reference, context);
  const text = secret.reveal();
  if (isRedisUrl(text)) return secret;
  throw new McpAuthError(
    "secret_unavailable",
    `The store of the config: what is in ${describeReference(reference)} is no URL of Redis. It looks like ` +
      "rediss://user:password@host:6379/0: percent-encode user and password, and write nothing behind the number of the " +
      "database.",
  );
}

function isRedisUrl(text: string): boolean {
  // `new URL` forgets an empty query and fragment.
  if (!URL.canParse(text) || /[?#]/.test(text)) return false;
  const { protocol, hostname, pathname, username, password } = new URL(text);
  if (!/^rediss?:$/.test(protocol) || hostname === "" || !/^(\/\d*)?$/.test(pathname)) return false;
  return isDecodable(username) && isDecodable(password);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return false;
  }
}
