/**
 * Ends a `switch` or an `if … else` chain over all variants of a union: a variant that is added and not handled does not
 * compile. Throws a `TypeError` if a value is none of its type's variants. The value is not shown, because it may be a secret.
 */
export function unreachable(_value: never): never {
  throw new TypeError("A variant of the config is not handled here.");
}

/**
 * Takes what is left of an object after its properties were taken out by name: a property that is added and not handled does
 * not compile.
 */
export function assertNothingLeft(_rest: { readonly [name: string]: never }): void {
  // Types check it.
}
