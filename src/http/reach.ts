import { McpAuthError } from "../errors/error.js";

/** How far from the server's URL its tokens may go: the whole origin, or only the URL's path and below. */
export type Reach = "origin" | "path";

/** Whether `path` is `base` or lies below it, compared at segment boundaries. */
export function isWithinPath(path: string, base: string): boolean {
  if (path === base) return true;
  return path.startsWith(base.endsWith("/") ? base : `${base}/`);
}

/** Whether a token for `server` may be sent to `url`. */
export function isWithinReach(url: URL, server: URL, reach: Reach): boolean {
  if (url.origin !== server.origin) return false;
  // An origin of "null" (`data:`, `blob:`) equals itself without being anyone's.
  if (url.protocol !== "https:" && url.protocol !== "http:") return false;
  // `fetch` would refuse it too, and quote it.
  if (url.username !== "" || url.password !== "") return false;
  return reach === "origin" || isWithinPath(url.pathname, server.pathname);
}

export function egressDenied(name: string, server: URL, reach: Reach, what: string): McpAuthError {
  const allowed = reach === "origin" ? server.origin : `${server.origin}${server.pathname}`;
  return new McpAuthError(
    "egress_denied",
    `${what} outside of ${allowed}, where the token of server "${name}" may go; nothing was sent there. ` +
      `Use that server's own URL, or resolve the server that the URL belongs to.`,
    { server: name },
  );
}
