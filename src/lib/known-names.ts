/**
 * What a server lists, as far as it may be shown: only names that a registry has, each once, and that there were
 * others. Empty for an empty list.
 */
export function knownNames(listed: readonly string[], registered: ReadonlySet<string>): string {
  const known = [...new Set(listed)].filter((name) => registered.has(name));
  const others = listed.some((name) => !registered.has(name)) ? ["names that are not registered"] : [];
  return [...known, ...others].join(", ");
}
