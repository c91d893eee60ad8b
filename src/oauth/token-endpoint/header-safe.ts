/**
 * Whether a text can stand in an `Authorization` header as it is: visible ASCII without spaces. RFC 6750 §2.1 allows
 * fewer characters, but servers use the others too; what matters is that nothing can end the header or change it.
 */
export function isHeaderSafe(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}
