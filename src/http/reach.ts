import { findingText } from "../diagnosis/finding.js";
import { type RefusedRedirect, redirectFinding } from "../diagnosis/redirect.js";
import { McpAuthError } from "../errors/error.js";
import { noteFindings } from "../errors/findings.js";
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

/** @param what the URL as the beginning of the message: "The URL lies" */
export function egressDenied(name: string, server: URL, reach: Reach, what: string): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `${what} outside of ${reachOf(server, reach)}, where the token of server "${name}" may go, so nothing was sent there. ` +
      "Use that server's own URL, or resolve the server that the URL belongs to.",
    { server: name },
  );
}

/** @param location the `Location` of the redirect, as the server wrote it */
export function redirectDenied(
  name: string,
  reach: Reach,
  redirect: RefusedRedirect,
  location: string | null,
): McpAuthError {
  const finding = redirectFinding(redirect);
  const error = new McpAuthError(
    "egress_denied",
    `Server "${name}" redirects outside of ${reachOf(redirect.server, reach)}, where its token may go, so nothing was ` +
      `sent there. ${findingText(finding)}`,
    { server: name, details: { location } },
  );
  return noteFindings(error, [finding.id]);
}

function reachOf(server: URL, reach: Reach): string {
  return reach === "origin" ? server.origin : `${server.origin}${server.pathname}`;
}
