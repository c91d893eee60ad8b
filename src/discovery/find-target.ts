import type { ConfiguredMetadata } from "../config/spec.js";
import { assertConfiguredUrl } from "../net/egress.js";
import { failureError } from "../net/failure.js";
import type { ServerChallenge } from "./challenge.js";
import type { AuthorizationServerMetadata, Target } from "./metadata.js";
import type { DiscoveryRequest, MetadataCache } from "./metadata-cache.js";
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
  /** The config's `resource`: sent in place of what the metadata says; `false`: none is sent. */
  readonly resource?: string | false | undefined;
  /** The config's word in place of the metadata of the authorization server. */
  readonly metadata?: ConfiguredMetadata | undefined;
  /** The last challenge of the server, if there was one. */
  readonly challenge?: Pick<ServerChallenge, "resourceMetadataUrl" | "scopes">;
}

/** Whose authorization server is wanted. */
export type WantedAuthorizationServer = Pick<
  WantedTarget,
  "server" | "url" | "issuer" | "timeout" | "signal" | "metadata"
>;

/**
 * Everything that a token request needs to know of the two servers. Both documents are fetched side by side: the
 * issuer is known, so the second need not wait for the first. A server that publishes no metadata is taken at its
 * URL, byte for byte. A challenge that was not seen before makes its metadata be asked for again, so that an issuer
 * that it dropped is noticed while the agent runs.
 *
 * Rejects with `issuer_mismatch` if the server does not list the issuer, with `resource_mismatch` if its metadata
 * is for another resource and the config does not say what to send, and with the codes of `MetadataCache` and of
 * `findAuthorizationServer`.
 */
export async function findTarget(cache: MetadataCache, wanted: WantedTarget): Promise<Target> {
  const { server, url, issuer, challenge, resource } = wanted;
  const [authorizationServer, metadata] = await Promise.all([
    findAuthorizationServer(cache, wanted),
    cache.resource(url, { ...request(wanted), ...(challenge && { challenge }) }),
  ]);
  const mismatch =
    metadata &&
    ((resource === undefined ? resourceMismatch(metadata.resource, url) : undefined) ??
      issuerNotListed(metadata, issuer));
  if (mismatch !== undefined) throw failureError(server, mismatch);
  const supportedScopes = metadata?.scopes_supported;
  const proofAlgorithms = metadata?.dpop_signing_alg_values_supported;
  const scopes = challenge?.scopes ?? supportedScopes;
  return {
    authorizationServer,
    resource: resource === false ? undefined : (resource ?? metadata?.resource ?? url),
    ...(scopes && { scopes }),
    ...(supportedScopes && { supportedScopes }),
    ...(proofAlgorithms && { proofAlgorithms }),
  };
}

/**
 * An authorization server by its issuer: as the config describes it, without any request, else by its metadata. Rejects
 * with `insecure_url` or `config_invalid` for an endpoint in the config that may not be used, and with the codes of
 * `MetadataCache`.
 */
export async function findAuthorizationServer(
  cache: MetadataCache,
  wanted: WantedAuthorizationServer,
): Promise<AuthorizationServerMetadata> {
  const { server, issuer, metadata } = wanted;
  if (metadata === undefined) return await cache.authorizationServer(issuer, request(wanted));
  const { tokenEndpoint, mtlsTokenEndpoint, revocationEndpoint, authMethods, signingAlgorithms } = metadata;
  const allow = (url: string, name: string): void => {
    assertConfiguredUrl(url, `"${name}" in the client's "metadata"`, server, cache.insecureHosts);
  };
  allow(tokenEndpoint, "tokenEndpoint");
  if (mtlsTokenEndpoint !== undefined) allow(mtlsTokenEndpoint, "mtlsTokenEndpoint");
  if (revocationEndpoint !== undefined) allow(revocationEndpoint, "revocationEndpoint");
  return {
    issuer,
    token_endpoint: tokenEndpoint,
    ...(revocationEndpoint && { revocation_endpoint: revocationEndpoint }),
    ...(mtlsTokenEndpoint && { mtls_endpoint_aliases: { token_endpoint: mtlsTokenEndpoint } }),
    ...(authMethods && { token_endpoint_auth_methods_supported: authMethods }),
    ...(signingAlgorithms && { token_endpoint_auth_signing_alg_values_supported: signingAlgorithms }),
  };
}

function request({ server, url, issuer, timeout, signal }: WantedAuthorizationServer): DiscoveryRequest {
  return { server, timeout, rules: { server, configured: [url, issuer] }, ...(signal && { signal }) };
}
