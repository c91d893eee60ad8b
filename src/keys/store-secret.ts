import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { messageWithoutServer } from "../errors/message-without-server.js";
import type { Secret } from "../lib/secret.js";
import { readSecret, type SecretContext } from "../secrets/read-secret.js";
import { describeReference } from "../secrets/reference.js";

/** Reads a secret of the store. Errors name the store instead of a server. Rejects with the codes of `readSecret`. */
export async function readStoreSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  try {
    return await readSecret(reference, context);
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    const { code, retryable, retryAfter } = error;
    const message = `The store of the config: ${messageWithoutServer(error)}`;
    throw new McpAuthError(code, message, { retryable, retryAfter });
  }
}

/**
 * Reads the key that encrypts the store: 32 bytes in base64url. Rejects with the codes of `readSecret`, and with
 * `key_invalid` for anything else.
 */
export async function readEncryptionKey(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const secret = await readStoreSecret(reference, context);
  const text = secret.reveal();
  const isKey = /^[\w-]{43}=?$/.test(text) && Buffer.from(text, "base64url").byteLength === 32;
  if (isKey) return secret;
  throw new McpAuthError(
    "key_invalid",
    `The store of the config: the encryption key in ${describeReference(reference)} cannot be used: it is not 32 ` +
      `bytes in base64url. Create one with: node -p 'crypto.randomBytes(32).toString("base64url")'`,
  );
}

/**
 * Reads the URL of a Redis server. Rejects with the codes of `readSecret`, and with `secret_unavailable` for anything
 * else and for an ambiguous URL: a part of a password that is not encoded could be taken for the host or the database.
 */
export async function readRedisUrl(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const secret = await readStoreSecret(reference, context);
  const text = secret.reveal();
  if (isRedisUrl(text)) return secret;
  throw new McpAuthError(
    "secret_unavailable",
    `The store of the config: the value of ${describeReference(reference)} is not a Redis URL. Write ` +
      "rediss://user:password@host:6379/0 with percent-encoded user and password, and nothing after the number of the " +
      "database.",
  );
}

function isRedisUrl(text: string): boolean {
  // `new URL` drops an empty query or fragment.
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
