/**
 * Ends a `switch` or an `if … else` chain over all variants of a union. A variant that is added later and handled
 * nowhere does not compile, because it is not `never`. Throws a `TypeError` for a value that is none of its type's
 * variants.
 */
export function unreachable(_value: never): never {
  // The value is not shown: it may have a secret in it.
  throw new TypeError("A variant of the config is not handled here.");
}
