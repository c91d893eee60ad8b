import { McpAuthError } from "../errors/error.js";
import { mayLeaveFolder } from "./dot-segments.js";

/** How far from the server's URL its tokens may go: the whole origin, or only the URL's path and below. */
export type Reach = "origin" | "path";

/**
 * Whether `path` is `base` or lies below it, compared segment by segment. A path that a server may resolve to another
 * place does not lie below: see `mayLeaveFolder`.
 */
export function isWithinPath(path: string, base: string): boolean {
  if (path === base) return true;
  const folder = base.endsWith("/") ? base : `${base}/`;
  return path.startsWith(folder) && !mayLeaveFolder(path.slice(folder.length));
}

/** Whether a token for `server` may be sent to `url`. */
export function isWithinReach(url: URL, server: URL, reach: Reach): boolean {
  if (url.origin !== server.origin) return false;
  // The origin of all `data:` and `blob:` URLs is "null".
  if (url.protocol !== "https:" && url.protocol !== "http:") return false;
  // `fetch` would reject it too, with the password in its message.
  if (url.username !== "" || url.password !== "") return false;
  return reach === "origin" || isWithinPath(url.pathname, server.pathname);
}

/** @param location the `Location` of a redirect, as the server wrote it */
export function egressDenied(
  name: string,
  server: URL,
  reach: Reach,
  what: string,
  location?: string | null,
): McpAuthError {
  const hint =
    location === undefined || location === null ? "" : " The error's `details` has where it points.";
  const allowed = reach === "origin" ? server.origin : `${server.origin}${server.pathname}`;
  return new McpAuthError(
    "egress_denied",
    `${what} outside of ${allowed}, where the token of server "${name}" may go, so nothing was sent there. ` +
      `Use that server's own URL, or resolve the server that the URL belongs to.${hint}`,
    { server: name, details: { location } },
  );
}
