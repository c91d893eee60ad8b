/** Returns whether a text is a single scope (RFC 6749 §3.3): printable ASCII without spaces, quotes and backslashes. */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(text);
}
