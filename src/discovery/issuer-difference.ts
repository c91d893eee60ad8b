import { printableUrl } from "../net/printable-url.js";

/** An issuer that the config has, in a message. One that only a server names is not shown. */
export function issuerName(issuer: string): string {
  return printableUrl(issuer) ?? "(an issuer that is not a plain URL)";
}

/**
 * Says in what way an issuer that a server named differs from the expected one, as the end of "one that", without quoting
 * it. The two are equal only as strings (RFC 8414 §3.3); a slash or a capital letter is the usual mistake and hard to
 * see. `undefined` when it is simply another one.
 */
export function issuerDifference(found: unknown, expected: string): string | undefined {
  if (typeof found !== "string") return "is not even a string";
  if (!URL.canParse(found)) return "is not a URL";
  if (withoutSlash(found) === withoutSlash(expected)) return "differs only by a trailing slash";
  if (found.toLowerCase() === expected.toLowerCase()) return "differs only by upper and lower case";
  return isNearIssuer(found, expected)
    ? "differs only by a trailing slash and by upper and lower case"
    : undefined;
}

/** Whether two issuers are so alike that one is a misspelling of the other. */
export function isNearIssuer(found: string, configured: string): boolean {
  return withoutSlash(found).toLowerCase() === withoutSlash(configured).toLowerCase();
}

function withoutSlash(text: string): string {
  return text.replace(/\/$/, "");
}
