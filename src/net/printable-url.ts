const longest = 200;
const plainUrl = /^https?:\/\/[A-Za-z0-9.:[\]-]{1,120}(\/[A-Za-z0-9._~/-]*)?$/;

/**
 * Returns a URL of the config, or one that was derived from it, if a message may show it; otherwise `undefined`. A URL
 * that a server named belongs in `details`, even if it looks harmless.
 *
 * A URL that can contain a secret is not shown. Allowed are http or https, a host, and a path of unreserved characters,
 * with at most 200 characters and without userinfo, query, fragment, escapes or spaces. All issuers that we have seen
 * fit. The URL is shown exactly as it was written, because a slash or a capital letter is often the mistake.
 */
export function printableUrl(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > longest || !plainUrl.test(text)) return undefined;
  return URL.canParse(text) ? text : undefined;
}
