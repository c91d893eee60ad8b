// JSON Web Encryption of the one kind that stores use: flattened (RFC 7516 §7.2.2), `dir` and A256GCM (RFC 7518 §5.3).
// With Node's cipher, because a JOSE library would be loaded for nothing else in most processes.
import { parseJsonObject } from "../lib/json-object.js";

const algorithms = { alg: "dir", enc: "A256GCM" } as const;
const cipher = "aes-256-gcm";
/** Bytes. RFC 7518 §5.3 fixes both. */
const ivLength = 12;
const tagLength = 16;

/** A value that is parsed and not decrypted yet. Anyone may have written it. */
export interface Jwe {
  readonly header: Readonly<Record<string, unknown>>;
  /** The header as it was sent, which is authenticated. */
  readonly protected: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** Encrypts a text with a key of 32 bytes. `entry` must be given again to decrypt it, and is not part of the result. */
export function encryptJwe(
  text: string,
  key: Uint8Array,
  { entry, header }: { readonly entry: string; readonly header: Readonly<Record<string, unknown>> },
): string {
  const { createCipheriv, randomBytes } = process.getBuiltinModule("node:crypto");
  const iv = randomBytes(ivLength);
  const protectedHeader = base64url(JSON.stringify({ ...algorithms, ...header }));
  const encryption = createCipheriv(cipher, key, iv, { authTagLength: tagLength });
  encryption.setAAD(authenticated(protectedHeader, entry));
  const ciphertext = Buffer.concat([encryption.update(text, "utf8"), encryption.final()]);
  return JSON.stringify({
    ciphertext: ciphertext.toString("base64url"),
    iv: iv.toString("base64url"),
    tag: encryption.getAuthTag().toString("base64url"),
    aad: base64url(entry),
    protected: protectedHeader,
  });
}

/**
 * Parses a value; `undefined` for any that `encryptJwe` does not write. So that a value can be written in one way only,
 * it has no other member, and its base64url no other character, padding or unused bits.
 */
export function parseJwe(text: string): Jwe | undefined {
  const { protected: protectedHeader, aad: _, ...members } = parseJsonObject(text) ?? {};
  const { iv: ivText, ciphertext: ciphertextText, tag: tagText, ...others } = members;
  const [iv, ciphertext, tag] = [decoded(ivText), decoded(ciphertextText), decoded(tagText)];
  if (iv?.length !== ivLength || ciphertext === undefined || tag?.length !== tagLength) return undefined;
  if (typeof protectedHeader !== "string" || Object.keys(others).length > 0) return undefined;
  const header = parseJsonObject(decoded(protectedHeader)?.toString("utf8") ?? "");
  if (header?.["alg"] !== algorithms.alg || header["enc"] !== algorithms.enc) return undefined;
  // Parameters that change what is inside, or how it must be processed.
  if ("zip" in header || "crit" in header) return undefined;
  return { header, protected: protectedHeader, iv, ciphertext, tag };
}

/** Decrypts a value; `undefined` if it was changed, belongs to another entry, or was encrypted with another key. */
export function decryptJwe(jwe: Jwe, key: Uint8Array, entry: string): string | undefined {
  const { createDecipheriv } = process.getBuiltinModule("node:crypto");
  const decryption = createDecipheriv(cipher, key, jwe.iv, { authTagLength: tagLength });
  // The `aad` in the value is not used: the value must belong to the entry in which it was found.
  decryption.setAAD(authenticated(jwe.protected, entry));
  decryption.setAuthTag(jwe.tag);
  const text = decryption.update(jwe.ciphertext);
  try {
    // Returns no text in this mode, and throws for one reason: the tag does not match.
    decryption.final();
  } catch {
    return undefined;
  }
  return text.toString("utf8");
}

/** The additional authenticated data of RFC 7516 §5.1, step 14. */
function authenticated(protectedHeader: string, entry: string): Buffer {
  return Buffer.from(`${protectedHeader}.${base64url(entry)}`, "ascii");
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** Decodes base64url; `undefined` for anything that is not, or that is written in another way than by `encryptJwe`. */
function decoded(value: unknown): Buffer | undefined {
  if (typeof value !== "string") return undefined;
  const bytes = Buffer.from(value, "base64url");
  return bytes.toString("base64url") === value ? bytes : undefined;
}
