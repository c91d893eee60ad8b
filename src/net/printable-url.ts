const longest = 200;
const plainUrl = /^https?:\/\/[A-Za-z0-9.:[\]-]{1,120}(\/[A-Za-z0-9._~/-]*)?$/;

/**
 * A URL that may be shown in a message, else `undefined`.
 *
 * URLs in metadata and challenges are chosen by a server, and messages can land in a model's context, so only
 * what cannot carry prose or a secret passes: http or https, a host, a path of unreserved characters; no userinfo,
 * query, fragment, escapes or spaces; at most 200 characters. That is every issuer seen in the field, and it is
 * shown exactly as the server wrote it, because a slash or a capital letter is often the whole mistake.
 */
export function printableUrl(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > longest || !plainUrl.test(text)) return undefined;
  return URL.canParse(text) ? text : undefined;
}
