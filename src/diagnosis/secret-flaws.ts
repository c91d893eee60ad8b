/** What is unusual about the text of a secret. A secret with a flaw was probably copied or quoted in a wrong way. */
export type SecretFlaw =
  | "white_space_at_end"
  | "white_space_at_start"
  | "line_break"
  | "quotes"
  | "byte_order_mark"
  | "invisible_character";

const checks: ReadonlyArray<readonly [SecretFlaw, RegExp]> = [
  ["byte_order_mark", /^\ufeff/],
  ["quotes", /^(["'`]).*\1\s*$/s],
  // Two characters `\n` at the end are a line break that was not unescaped.
  ["line_break", /[\r\n\u0085\u2028\u2029]|\\n$/],
  ["white_space_at_end", /\s$/],
  ["white_space_at_start", /^(?!\ufeff)\s/],
  ["invisible_character", /(?!^)\ufeff|[\p{Default_Ignorable_Code_Point}\p{Cc}](?<![\ufeff\s])/u],
];

/** Returns the flaws of a secret, without its text. */
export function secretFlaws(secret: string): readonly SecretFlaw[] {
  return checks.filter(([, pattern]) => pattern.test(secret)).map(([flaw]) => flaw);
}

/**
 * Returns whether a secret has the form of a UUID. Some servers show the id of a secret beside its value, and people
 * copy the id.
 */
export function looksLikeId(secret: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(secret.trim());
}
