import { isScope } from "../lib/scope.js";

/** Returns the well-formed scopes among those that a server names, each once; `undefined` if there are none. */
export function parseScopes(values: readonly string[] | undefined): readonly string[] | undefined {
  const scopes = new Set((values ?? []).filter(isScope));
  return scopes.size === 0 ? undefined : [...scopes];
}
