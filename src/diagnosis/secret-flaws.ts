import { unreachable } from "../lib/unreachable.js";

/** What is unusual about the text of a secret. A secret with a flaw was probably copied or quoted in a wrong way. */
export type SecretFlaw =
  | "white_space_at_end"
  | "white_space_at_start"
  | "line_break"
  /** The two characters `\n` at the end. */
  | "escaped_line_break"
  | "quotes"
  | "byte_order_mark"
  | "invisible_character";

const invisible = /(?!^)\ufeff|[\p{Default_Ignorable_Code_Point}\p{Cc}](?<![\ufeff\s])/u;
const allInvisible = /\ufeff|[\p{Default_Ignorable_Code_Point}\p{Cc}](?<!\s)/gu;
const lineBreaks = /\r\n|[\r\n\u0085\u2028\u2029]/g;

const checks: ReadonlyArray<readonly [SecretFlaw, RegExp]> = [
  ["byte_order_mark", /^\ufeff/],
  ["quotes", /^(["'`]).*\1\s*$/s],
  ["line_break", /[\r\n\u0085\u2028\u2029]/],
  // A line break that was not unescaped.
  ["escaped_line_break", /\\n$/],
  ["white_space_at_end", /\s$/],
  ["white_space_at_start", /^(?!\ufeff)\s/],
  ["invisible_character", invisible],
];

/** Returns the flaws of a secret, without its text. */
export function secretFlaws(secret: string): readonly SecretFlaw[] {
  return checks.filter(([, pattern]) => pattern.test(secret)).map(([flaw]) => flaw);
}

/**
 * Returns a secret without its flaws, as it was probably meant. A line break or an invisible character inside of it is
 * removed too.
 */
export function cleanSecret(secret: string): string {
  const text = withoutEscapes(secret.replace(lineBreaks, "").replace(allInvisible, ""));
  const [, inner] = /^(?:"(.*)"|'(.*)'|`(.*)`)$/s.exec(text)?.filter((group) => group !== undefined) ?? [];
  return inner === undefined ? text : withoutEscapes(inner);
}

/** Removes white space around a text, and line breaks at its end that were not unescaped. */
function withoutEscapes(text: string): string {
  return text
    .trim()
    .replace(/(?:\\[rn])+$/, "")
    .trim();
}

/** Returns whether a secret has flaws, and something is left without them. */
export function canBeCleaned(secret: string): boolean {
  const cleaned = cleanSecret(secret);
  return cleaned !== "" && cleaned !== secret;
}

/** A flaw as a sentence says it, without the text of the secret. */
export interface FlawInWords {
  /** The id of the finding about it. */
  readonly id: string;
  /** What to remove, as it is followed by the secret: `the quotes around`. */
  readonly what: string;
  /** The end of a sentence about it: `unless they belong there`. */
  readonly unless: string;
}

/** Returns the flaw of a secret in words. */
export function flawInWords(flaw: SecretFlaw, secret: string): FlawInWords {
  const [one, many] = ["unless it belongs there", "unless they belong there"];
  switch (flaw) {
    case "white_space_at_end":
      return { id: "secret_whitespace", what: "the white space at the end of", unless: one };
    case "white_space_at_start":
      return { id: "secret_whitespace", what: "the white space at the beginning of", unless: one };
    case "line_break":
      return secret.match(lineBreaks)?.length === 1
        ? { id: "secret_line_break", what: "the line break from", unless: one }
        : { id: "secret_line_break", what: "the line breaks from", unless: many };
    case "escaped_line_break":
      return { id: "secret_line_break", what: "the two characters \\n at the end of", unless: many };
    case "quotes":
      return { id: "secret_quotes", what: "the quotes around", unless: many };
    case "byte_order_mark": {
      const what = "the invisible byte order mark at the beginning of";
      return { id: "secret_byte_order_mark", what, unless: one };
    }
    case "invisible_character": {
      const what = `the invisible character ${invisibleInWords(secret)}`;
      return { id: "secret_invisible_character", what, unless: one };
    }
    default:
      return unreachable(flaw);
  }
}

/** Returns the first invisible character and roughly where it is. Its index would say how long the secret is. */
function invisibleInWords(secret: string): string {
  const found = invisible.exec(secret);
  const [character = ""] = found ?? [];
  const codePoint = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  if (found?.index === 0) return `U+${codePoint} at the beginning of`;
  const isLast = found !== null && found.index + character.length === secret.length;
  return `U+${codePoint} ${isLast ? "at the end of" : "inside"}`;
}

/**
 * Returns whether a secret has the form of a UUID. Some servers show the id of a secret beside its value, and people
 * copy the id.
 */
export function looksLikeId(secret: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(secret.trim());
}
