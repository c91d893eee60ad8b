import type { EgressRules } from "../net/egress.js";
import { failureError } from "../net/failure.js";
import type { ServerChallenge } from "./challenge.js";
import type { Target } from "./metadata.js";
import type { MetadataCache } from "./metadata-cache.js";
import { issuerNotListed, resourceMismatch } from "./protected-resource.js";

export interface WantedTarget {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly url: string;
  /** The issuer that the credential is pinned to. */
  readonly issuer: string;
  /** Milliseconds for each metadata request. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** The last challenge of the server, if there was one. */
  readonly challenge?: Pick<ServerChallenge, "resourceMetadataUrl" | "scopes">;
}

/**
 * Everything that a token request needs to know of the two servers. Both documents are fetched side by side: the
 * issuer is known, so the second need not wait for the first. A server that publishes no metadata is taken at its
 * URL, byte for byte.
 *
 * Rejects with `issuer_mismatch` if the server does not list the issuer, with `resource_mismatch` if its metadata
 * is for another resource, and with the codes of `MetadataCache`.
 */
export async function findTarget(cache: MetadataCache, wanted: WantedTarget): Promise<Target> {
  const { server, url, issuer, timeout, signal, challenge } = wanted;
  const rules: EgressRules = { server, configured: [url, issuer] };
  const request = { server, timeout, rules, ...(signal === undefined ? {} : { signal }) };
  const resourceMetadataUrl = challenge?.resourceMetadataUrl;
  const [authorizationServer, metadata] = await Promise.all([
    cache.authorizationServer(issuer, request),
    cache.resource(url, {
      ...request,
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    }),
  ]);
  const mismatch =
    metadata && (resourceMismatch(metadata.resource, url) ?? issuerNotListed(metadata, issuer));
  if (mismatch !== undefined) throw failureError(server, mismatch);
  const scopes = challenge?.scopes ?? metadata?.scopes_supported;
  return {
    authorizationServer,
    resource: metadata?.resource ?? url,
    ...(scopes === undefined ? {} : { scopes }),
  };
}
