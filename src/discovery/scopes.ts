import { isScope } from "../lib/scope.js";

/** The well-formed ones among scopes that a server names, each once; `undefined` when there are none. */
export function parseScopes(values: readonly string[] | undefined): readonly string[] | undefined {
  const scopes = new Set((values ?? []).filter(isScope));
  return scopes.size === 0 ? undefined : [...scopes];
}
