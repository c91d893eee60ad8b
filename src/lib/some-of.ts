const most = 10;

/** The first ten of a list for a message, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
