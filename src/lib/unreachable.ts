/**
 * Ends a `switch` or an `if … else` chain over all variants of a union: a variant that is added and not handled does
 * not compile. Throws a `TypeError` for a value that its type does not have. The message does not show the value, which
 * may be a secret.
 */
export function unreachable(_value: never): never {
  throw new TypeError("A value has a variant that its type does not allow.");
}

/**
 * Takes the rest of an object after each property was taken out by name: a property that is added and not handled does
 * not compile.
 */
export function assertNothingLeft(_rest: { readonly [name: string]: never }): void {
  // Types check it.
}
