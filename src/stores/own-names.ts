// The names that this package makes in the folder of a file store. That folder may hold other things too: what has another
// name is somebody else's, and is never changed or removed.

// See `hashOf` in tokens/entry-key.ts.
const hash = "[0-9a-f]{32}";
const entryForms = [
  `(?:token|refusals|refresh|metadata)\\.${hash}\\.${hash}`,
  `metadata\\.${hash}`,
  `given\\.${hash}\\.latest`,
];
const entryName = new RegExp(`^(?:${entryForms.join("|")})$`);

// A random UUID, RFC 9562 §5.4, as `randomUUID` writes it.
const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

/** In the folder of an entry. Those with a number have it in parentheses. */
export const ownNames = {
  value: /^value-(\d{1,15})$/,
  fence: /^fence-(\d{1,15})$/,
  held: /^held-(\d{1,15})$/,
  /** A value that is being written, or is being taken away. */
  unfinished: new RegExp(`^value-\\d{1,15}\\.${uuid}\\.tmp$`),
  /** A value that did not open. */
  quarantined: new RegExp(`^${uuid}\\.unreadable$`),
} as const;

/**
 * Whether an entry that this package makes has this name. A new kind of entry needs its form here: otherwise it is not
 * swept, and `store clear` leaves it where nothing else shows that it is ours.
 */
export function isEntryName(name: string): boolean {
  return entryName.test(name);
}

/** Whether the store makes files or folders of this name in the folder of an entry. */
export function isOwnName(name: string): boolean {
  return Object.values(ownNames).some((pattern) => pattern.test(name));
}
