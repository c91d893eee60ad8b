import { type Failure, fail, type Outcome, succeed } from "../net/failure.js";
import { printableUrl } from "../net/printable-url.js";
import { isNearIssuer, issuerDifference, issuerName } from "./issuer-difference.js";
import type { ResourceMetadata } from "./metadata.js";
import {
  fetchFirstDocument,
  type MetadataDocument,
  type MetadataFetch,
  stringList,
} from "./metadata-document.js";
import { parseScopes } from "./scopes.js";
import { resourceMetadataUrls } from "./well-known.js";

export interface FoundResource {
  readonly metadata: ResourceMetadata;
  readonly document: MetadataDocument;
}

/**
 * Finds the metadata of an MCP server (RFC 9728 §3 and §5.1): at the URL of its challenge when there is one, then
 * at the well-known URLs. `undefined` when it publishes none, as servers of MCP 2025-03-26 do.
 */
export async function findProtectedResource(
  how: MetadataFetch,
  server: URL,
  resourceMetadataUrl?: string,
): Promise<Outcome<FoundResource | undefined>> {
  const own = resourceMetadataUrls(server);
  const named = resourceMetadataUrl === undefined ? [] : [resourceMetadataUrl];
  const candidates = [...new Set([...named, ...own])].map((url) => ({ url, isLearned: !own.includes(url) }));
  const found = await fetchFirstDocument(how, "its resource metadata", candidates);
  if (!found.ok) return found;
  if (found.value === undefined) return succeed(undefined);

  const metadata = judge(found.value.json);
  if (typeof metadata !== "string") return succeed({ metadata, document: found.value });
  const detail = `its resource metadata cannot be used: ${metadata} Tell whoever runs the server.`;
  const { url } = found.value;
  return fail({ code: "discovery_failed", detail, ...(!own.includes(url) && { details: { url } }) });
}

/** Metadata that was found before and kept; `undefined` for what is none. */
export function storedResourceMetadata(value: unknown): ResourceMetadata | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const metadata = judge({ ...value });
  return typeof metadata === "string" ? undefined : metadata;
}

/** What the document says, or what is wrong with it. */
function judge(json: MetadataDocument["json"]): ResourceMetadata | string {
  const { resource, authorization_servers, scopes_supported, dpop_signing_alg_values_supported } = json;
  if (typeof resource !== "string" || resource === "") return 'it has no "resource".';
  const issuers = stringList(authorization_servers);
  if (issuers === false) return 'its "authorization_servers" is not a list of strings.';
  const scopes = stringList(scopes_supported);
  if (scopes === false) return 'its "scopes_supported" is not a list of strings.';
  const proofAlgorithms = stringList(dpop_signing_alg_values_supported);
  if (proofAlgorithms === false) return 'its "dpop_signing_alg_values_supported" is not a list of strings.';
  const usable = parseScopes(scopes);
  return {
    resource,
    ...(issuers === undefined ? {} : { authorization_servers: issuers }),
    ...(usable === undefined ? {} : { scopes_supported: usable }),
    ...(proofAlgorithms === undefined ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
  };
}

/**
 * Whether `resource` identifies the server at `url`: same origin, its path the server's or above it at a segment
 * boundary, no fragment (RFC 8707 §2), and a query only if it is the server's. Else a token for it would be one for
 * another server. RFC 9728 §3.3 wants the two identical; MCP servers commonly name their origin.
 */
export function resourceMismatch(resource: string, url: string): Failure | undefined {
  if (identifies(resource, url)) return undefined;
  const detail =
    `its resource metadata is for another resource, ${resourceDifference(resource, new URL(url))}. ` +
    `It must be for the server's URL (${printableUrl(url) ?? "see the config"}) or a path above it. ` +
    "Check the URL in the config, else tell the operator of the server. The error's `details` has the resource.";
  return { code: "resource_mismatch", detail, details: { resource } };
}

/** Says in what way a resource is another one, without quoting it. */
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

function identifies(resource: string, url: string): boolean {
  if (!URL.canParse(resource) || resource.includes("#")) return false;
  const wanted = new URL(url);
  const found = new URL(resource);
  if (found.origin !== wanted.origin || found.username !== "" || found.password !== "") return false;
  if (found.search !== "" && found.search !== wanted.search) return false;
  const withSlash = (path: string): string => (path.endsWith("/") ? path : `${path}/`);
  return withSlash(wanted.pathname).startsWith(withSlash(found.pathname));
}

/**
 * Whether the server still takes tokens of the pinned issuer. Metadata without `authorization_servers` does not
 * list it either: RFC 9728 leaves the member out for servers without OAuth, MCP requires at least one entry.
 */
export function issuerNotListed(metadata: ResourceMetadata, issuer: string): Failure | undefined {
  const listed = metadata.authorization_servers ?? [];
  if (listed.includes(issuer)) return undefined;
  const near = listed.find((candidate) => isNearIssuer(candidate, issuer));
  const others = listed.length === 1 ? "another one" : `${listed.length} others`;
  const why =
    listed.length === 0
      ? "it lists no authorization server at all"
      : near === undefined
        ? `it lists ${others}`
        : `it lists one that ${issuerDifference(near, issuer)}`;
  const remedy =
    near === undefined
      ? "No credential is sent elsewhere. Check with whoever runs the server which issuer is right."
      : "Write the issuer in the config exactly as the authorization server's own metadata has it. Where the two servers " +
        'disagree, write what this one lists and give the client "metadata" with the token endpoint.';
  const seen = listed.length === 0 ? "" : " The error's `details` has what it lists.";
  const detail = `its resource metadata does not list the configured issuer ${issuerName(issuer)}: ${why}. ${remedy}${seen}`;
  // The near one first: of a long list only the beginning is kept.
  const authorization_servers = near === undefined ? listed : [...new Set([near, ...listed])];
  return { code: "issuer_mismatch", detail, details: { authorization_servers } };
}
