import { detailsHave } from "../lib/details-place.js";
import type { Failure } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import { findingText } from "./finding.js";
import { type UrlDifference, urlDifference } from "./url-difference.js";

/**
 * Checks whether the `resource` of resource metadata identifies the server at `url`: it must have the same origin, the
 * server's path or a parent of that path, no fragment (RFC 8707 §2), and no query other than the server's. A token for
 * any other resource would be a token for another server. RFC 9728 §3.3 requires the two to be identical, but MCP
 * servers commonly name their origin. Returns `resource_mismatch` if the resource does not identify the server.
 */
export function checkResource(resource: string, url: string): Failure | undefined {
  if (identifies(resource, url)) return undefined;
  const difference = resourceDifference(resource, new URL(url));
  const cause = `its resource metadata is for another resource, ${inWords[difference]}.`;
  const remedy = `${fixes[difference] ?? 'Check the "url" in the config. If it is right,'} ${workaround(url)}`;
  return {
    code: "resource_mismatch",
    detail: `${findingText({ cause, remedy })} ${detailsHave("the resource")}`,
    finding: `resource_${difference}`,
    details: { resource },
  };
}

/** Returns what the config can say until the metadata is right. */
function workaround(url: string): string {
  const own = printableUrl(url);
  return (
    'set "resource" in the grant to what the authorization server knows the server as' +
    `${own === undefined ? "" : `, such as ${own}`}. Or set "resourceMetadata" on the server to the right URL, or to false.`
  );
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

type ResourceDifference =
  | Extract<
      UrlDifference,
      "not_a_url" | "loopback" | "other_host" | "http_not_https" | "https_not_http" | "other_port"
    >
  | Extract<UrlDifference, "longer_path" | "other_path" | "other_query">
  | "fragment"
  | "userinfo";

/** Returns how a resource differs from the server's URL. */
function resourceDifference(resource: string, wanted: URL): ResourceDifference {
  if (!URL.canParse(resource)) return "not_a_url";
  const found = new URL(resource);
  const { hostname, protocol, port } = wanted;
  if (found.hostname !== hostname)
    return urlDifference(resource, wanted.href) === "loopback" ? "loopback" : "other_host";
  if (found.protocol !== protocol) return found.protocol === "http:" ? "http_not_https" : "https_not_http";
  if (found.port !== port) return "other_port";
  if (resource.includes("#")) return "fragment";
  if (found.username !== "" || found.password !== "") return "userinfo";
  if (found.search !== "" && found.search !== wanted.search) return "other_query";
  return urlDifference(resource, wanted.href) === "longer_path" ? "longer_path" : "other_path";
}

const inWords: Readonly<Record<ResourceDifference, string>> = {
  not_a_url: "which is not a URL",
  loopback: "on localhost",
  other_host: "on another host",
  http_not_https: "with http in place of https",
  https_not_http: "with https in place of http",
  other_port: "on another port",
  fragment: "with a fragment",
  userinfo: "with a user name or password",
  other_query: "with another query",
  longer_path: "with a longer path",
  other_path: "with another path",
};

const unknownUrl =
  "The server does not know its public URL, such as behind a reverse proxy: tell its operator. Until then,";

/** What is probably wrong, if it is not just the "url" in the config. */
const fixes: Partial<Record<ResourceDifference, string>> = {
  loopback: unknownUrl,
  http_not_https: unknownUrl,
  other_port: unknownUrl,
  longer_path: 'Check whether the "url" in the config lacks the end of its path. If it is right,',
};
