import { unreachable } from "../lib/unreachable.js";

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

/** Returns the id of the finding about a flaw, and what to remove, as it is followed by the secret. */
export function flawInWords(flaw: SecretFlaw): { readonly id: string; readonly what: string } {
  switch (flaw) {
    case "white_space_at_end":
      return { id: "secret_whitespace", what: "the white space at the end of" };
    case "white_space_at_start":
      return { id: "secret_whitespace", what: "the white space at the beginning of" };
    case "line_break":
      return { id: "secret_line_break", what: "the line break from" };
    case "quotes":
      return { id: "secret_quotes", what: "the quotes around" };
    case "byte_order_mark":
      return { id: "secret_byte_order_mark", what: "the invisible byte order mark at the beginning of" };
    case "invisible_character":
      return { id: "secret_invisible_character", what: "the invisible character from" };
    default:
      return unreachable(flaw);
  }
}

/**
 * Returns whether a secret has the form of a UUID. Some servers show the id of a secret beside its value, and people
 * copy the id.
 */
export function looksLikeId(secret: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(secret.trim());
}
