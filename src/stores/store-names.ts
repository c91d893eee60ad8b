// The names that this package creates in the folder of a file store. A file with any other name belongs to somebody
// else, and is never changed or removed.

// See `hashOf` in sharing/entry-key.ts.
const hash = "[0-9a-f]{32}";
const entryForms = [
  `(?:token|refusals|refresh|metadata)\\.${hash}\\.${hash}`,
  `metadata\\.${hash}`,
  `given\\.${hash}\\.latest`,
  // Written and deleted by a check of the store.
  `check\\.${hash}`,
];
const entryName = new RegExp(`^(?:${entryForms.join("|")})$`);

// A random UUID, RFC 9562 §5.4, as `randomUUID` writes it.
const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

/** Names in the folder of an entry. The group in parentheses is the number in the name. */
export const namePatterns = {
  value: /^value-(\d{1,15})$/,
  fence: /^fence-(\d{1,15})$/,
  lock: /^held-(\d{1,15})$/,
  /** A value that is being written or removed. */
  unfinished: new RegExp(`^value-\\d{1,15}\\.${uuid}\\.tmp$`),
  /** A value that could not be decrypted. */
  quarantined: new RegExp(`^${uuid}\\.unreadable$`),
} as const;

/**
 * Returns whether this package creates entries with this name. A new kind of entry must be added here: otherwise the
 * sweep skips it, and so does `store clear` unless its content shows that it is ours.
 */
export function isEntryName(name: string): boolean {
  return entryName.test(name);
}

/** Returns whether the store creates files or folders with this name in the folder of an entry. */
export function isStoreName(name: string): boolean {
  return Object.values(namePatterns).some((pattern) => pattern.test(name));
}
