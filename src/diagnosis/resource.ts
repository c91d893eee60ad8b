import type { Failure } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import { findingText } from "./finding.js";

/**
 * Checks whether the `resource` of resource metadata identifies the server at `url`: it must have the same origin, the
 * server's path or a parent of that path, no fragment (RFC 8707 §2), and no query other than the server's. A token for
 * any other resource would be a token for another server. RFC 9728 §3.3 requires the two to be identical, but MCP
 * servers commonly name their origin. Returns `resource_mismatch` if the resource does not identify the server.
 */
export function checkResource(resource: string, url: string): Failure | undefined {
  if (identifies(resource, url)) return undefined;
  const cause = `its resource metadata is for another resource, ${resourceDifference(resource, new URL(url))}.`;
  const remedy =
    `It must be for the server's URL (${printableUrl(url) ?? "see the config"}) or a path above it. ` +
    'Check the URL in the config. If it is right, tell the operator of the server, and set "resource" in the grant to ' +
    'the resource that tokens are requested for, or "resourceMetadata" on the server to the URL of the right metadata or ' +
    "to false.";
  const detail = `${findingText({ cause, remedy })} The error's \`details\` has the resource.`;
  return { code: "resource_mismatch", detail, details: { resource } };
}

function identifies(resource: string, url: string): boolean {
  if (!URL.canParse(resource) || resource.includes("#")) return false;
  const wanted = new URL(url);
  const found = new URL(resource);
  if (found.origin !== wanted.origin || found.username !== "" || found.password !== "") return false;
  if (found.search !== "" && found.search !== wanted.search) return false;
  const withSlash = (path: string): string => (path.endsWith("/") ? path : `${path}/`);
  return withSlash(wanted.pathname).startsWith(withSlash(found.pathname));
}

/** Returns how a resource differs from the server's URL, without quoting it. */
function resourceDifference(resource: string, wanted: URL): string {
  if (!URL.canParse(resource)) return "which is not a URL";
  const found = new URL(resource);
  if (found.hostname !== wanted.hostname) return "on another host";
  if (found.protocol !== wanted.protocol) return "with another scheme";
  if (found.port !== wanted.port) return "on another port";
  if (resource.includes("#")) return "with a fragment";
  if (found.username !== "" || found.password !== "") return "with a user name or password";
  return found.search !== "" && found.search !== wanted.search ? "with another query" : "with another path";
}
