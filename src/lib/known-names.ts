/**
 * Returns a server's list of names for a message. Shows only registered names, each once, and says whether there were
 * others. Empty for an empty list.
 */
export function knownNames(listed: readonly string[], registered: ReadonlySet<string>): string {
  const known = [...new Set(listed)].filter((name) => registered.has(name));
  const others = listed.some((name) => !registered.has(name)) ? ["names that are not registered"] : [];
  return [...known, ...others].join(", ");
}
