// The versions of the formats in which values are stored. The text inside has a version of its own: see
// sharing/stored-format.ts.
import { parseJsonObject } from "../lib/json-object.js";
import { longestValue } from "./store.js";

/** The format of encrypted values: the parameter `v` of their protected header. */
export const encryptionFormat = 1;
/** The format of the files of the file store: the number in their first line. */
export const fileFormat = 1;

/**
 * Returns whether a later version of this package wrote a value in a format that this version does not know. Such a
 * value is not damaged, and processes of the later version still use it. Nothing is decrypted to find out, so this is
 * only a reason not to read a value, never one to trust it.
 */
export function isLaterFormat(value: string): boolean {
  if (value.length > longestValue) return false;
  const [, file] = /^mcp-auth-store (\d{1,9})[ \n]/.exec(value) ?? [];
  if (file !== undefined) return Number(file) > fileFormat;
  const header = parseJsonObject(value)?.["protected"];
  if (typeof header !== "string") return false;
  const version = parseJsonObject(Buffer.from(header, "base64url").toString("utf8"))?.["v"];
  return Number.isSafeInteger(version) && Number(version) > encryptionFormat;
}
