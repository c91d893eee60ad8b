import { isLoopbackHost } from "../lib/loopback.js";

/**
 * How a URL that a server named differs from the one in the config. If it differs in several parts, the most important
 * one counts.
 */
export type UrlDifference =
  | "not_a_string"
  | "not_a_url"
  | "trailing_slash"
  | "letter_case"
  | "slash_and_case"
  /** Another spelling of the same URL, such as one with its default port. */
  | "spelling"
  /** There is a placeholder, such as `{tenantid}`. */
  | "template"
  | "loopback"
  | "other_host"
  | "other_port"
  | "http_not_https"
  | "https_not_http"
  /** It continues where the configured path ends. */
  | "longer_path"
  | "shorter_path"
  /** One segment of the path is another one. */
  | "other_segment"
  | "other_path"
  | "other_query";

/** Returns how a value that a server named differs from a URL of the config; `undefined` if they are equal. */
export function urlDifference(found: unknown, configured: string): UrlDifference | undefined {
  if (found === configured) return undefined;
  if (typeof found !== "string") return "not_a_string";
  if (!URL.canParse(found)) return "not_a_url";
  if (withoutSlash(found) === withoutSlash(configured)) return "trailing_slash";
  if (found.toLowerCase() === configured.toLowerCase()) return "letter_case";
  if (withoutSlash(found).toLowerCase() === withoutSlash(configured).toLowerCase()) return "slash_and_case";
  const [other, wanted] = [new URL(found), new URL(configured)];
  if (other.href === wanted.href) return "spelling";
  if (other.hostname !== wanted.hostname)
    return isLoopbackHost(other.hostname) && !isLoopbackHost(wanted.hostname) ? "loopback" : "other_host";
  if (/[{}]/.test(found)) return "template";
  if (other.port !== wanted.port) return "other_port";
  if (other.protocol !== wanted.protocol)
    return other.protocol === "http:" ? "http_not_https" : "https_not_http";
  if (withoutSlash(other.pathname) === withoutSlash(wanted.pathname)) return "other_query";
  return pathDifference(segmentsOf(other), segmentsOf(wanted));
}

function pathDifference(found: readonly string[], wanted: readonly string[]): UrlDifference {
  const isEqual = (segment: string, index: number) => segment === found[index];
  if (wanted.every(isEqual)) return "longer_path";
  if (found.every((segment, index) => segment === wanted[index])) return "shorter_path";
  const different = wanted.filter((segment, index) => !isEqual(segment, index));
  return found.length === wanted.length && different.length === 1 ? "other_segment" : "other_path";
}

function segmentsOf({ pathname }: URL): readonly string[] {
  return pathname.split("/").filter((segment) => segment !== "");
}

/** How a URL differs, as a text that follows "which", without quoting it. */
export const differenceInWords: Readonly<Record<UrlDifference, string>> = {
  not_a_string: "is not even a string",
  not_a_url: "is not a URL",
  trailing_slash: "differs only by a trailing slash",
  letter_case: "differs only by upper and lower case",
  slash_and_case: "differs only by a trailing slash and by upper and lower case",
  spelling: "is another spelling of the same URL",
  template: "has a placeholder in its path",
  loopback: "is on localhost",
  other_host: "is on another host",
  other_port: "is on another port of the same host",
  http_not_https: "has http in place of https",
  https_not_http: "has https in place of http",
  longer_path: "has the same host and a longer path",
  shorter_path: "has the same host and a shorter path",
  other_segment: "differs in one segment of its path",
  other_path: "has the same host and another path",
  other_query: "has another query",
};

export function withoutSlash(text: string): string {
  return text.replace(/\/$/, "");
}
