import { printableUrl } from "../net/printable-url.js";

/**
 * An issuer in a message. The configured one is a person's own text, but `discover` looks at issuers that a server
 * chose.
 */
export function issuerName(issuer: string): string {
  return printableUrl(issuer) ?? "(an issuer that is not a plain URL)";
}

/**
 * Says in what way an issuer that a server named differs from the configured one, as the end of a sentence. The
 * two are equal only as strings (RFC 8414 §3.3); a slash or a capital letter is the usual mistake and hard to see.
 */
export function issuerDifference(found: unknown, configured: string): string {
  if (typeof found !== "string") return "which is not even a string";
  const shown = printableUrl(found);
  const text = shown === undefined ? "one that is not a plain URL" : `"${shown}"`;
  if (withoutSlash(found) === withoutSlash(configured))
    return `${text}, which differs only by a trailing slash`;
  if (found.toLowerCase() === configured.toLowerCase()) {
    return `${text}, which differs only by upper and lower case`;
  }
  if (withoutSlash(found).toLowerCase() === withoutSlash(configured).toLowerCase()) {
    return `${text}, which differs only by a trailing slash and by upper and lower case`;
  }
  return text;
}

/** Whether two issuers are so alike that one is a misspelling of the other. */
export function isNearIssuer(found: string, configured: string): boolean {
  return withoutSlash(found).toLowerCase() === withoutSlash(configured).toLowerCase();
}

function withoutSlash(text: string): string {
  return text.replace(/\/$/, "");
}
