/** Returns whether a text is a single scope (RFC 6749 §3.3): printable ASCII without spaces, quotes and backslashes. */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(text);
}

/** Returns the well-formed scopes among those that a server names, each once; `undefined` if there are none. */
export function parseScopes(values: readonly string[] | undefined): readonly string[] | undefined {
  const scopes = new Set((values ?? []).filter(isScope));
  return scopes.size === 0 ? undefined : [...scopes];
}
