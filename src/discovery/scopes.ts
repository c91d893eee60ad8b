// RFC 6749 §3.3.
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** The well-formed ones among scopes that a server names, each once; `undefined` when there are none. */
export function parseScopes(values: readonly string[] | undefined): readonly string[] | undefined {
  const scopes = new Set((values ?? []).filter((value) => scopeToken.test(value)));
  return scopes.size === 0 ? undefined : [...scopes];
}
