const longest = 200;
const plainUrl = /^https?:\/\/[A-Za-z0-9.:[\]-]{1,120}(\/[A-Za-z0-9._~/-]*)?$/;

/**
 * A URL of the config, or one made of such a URL, if a message may show it; else `undefined`. What only a server has
 * named belongs into `details`, whatever it looks like.
 *
 * What can carry a secret does not pass: only http or https, a host, a path of unreserved characters; no userinfo, query,
 * fragment, escapes or spaces; at most 200 characters. That is every issuer seen in the field. It is shown exactly as it
 * was written, because a slash or a capital letter is often the whole mistake.
 */
export function printableUrl(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > longest || !plainUrl.test(text)) return undefined;
  return URL.canParse(text) ? text : undefined;
}
