/**
 * Returns whether a token can be sent in an `Authorization` header: visible ASCII without spaces. RFC 6750 §2.1 allows
 * fewer characters, but servers use the others too, and none of them can end the header or change it.
 */
export function isHeaderSafe(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}
