import type { ConfiguredMetadata } from "../config/spec.js";
import { checkListedIssuers, noIssuerListed } from "../diagnosis/issuer.js";
import { checkResource } from "../diagnosis/resource.js";
import { McpAuthError } from "../errors/error.js";
import { assertConfiguredUrl } from "../net/egress.js";
import { type Failure, failureError } from "../net/failure.js";
import type { ServerChallenge } from "./challenge.js";
import type { AuthorizationServerMetadata, ResourceMetadata, Target, TargetWarning } from "./metadata.js";
import type { DiscoveryRequest, MetadataCache } from "./metadata-cache.js";
import type { ServerHeaders } from "./metadata-document.js";

/** The MCP server and the authorization server of a token request, as the config describes them. */
export interface WantedTarget {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly url: string;
  /** The issuer that the credential is pinned to. */
  readonly issuer: string;
  /** Milliseconds for each metadata request. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole search for the resource metadata: at most `timeout`, which is the default. */
  readonly searchTimeout?: number;
  /** The config's headers for the MCP server. They are sent to metadata URLs of its own origin. */
  readonly headers?: ServerHeaders | undefined;
  /** The config's headers for the authorization server. They are sent to metadata URLs of the issuer's own origin. */
  readonly issuerHeaders?: ServerHeaders | undefined;
  /** The config's location of the resource metadata; `false` if it must not be read. */
  readonly resourceMetadata?: string | false | undefined;
  /** The config's `resource`, which replaces the one of the metadata; `false` if none is sent. */
  readonly resource?: string | false | undefined;
  /** The endpoints in the config, for an authorization server that publishes no metadata. */
  readonly metadata?: ConfiguredMetadata | undefined;
  /** The last challenge of the server, if there was one. */
  readonly challenge?: Pick<ServerChallenge, "resourceMetadataUrl" | "scopes">;
}

/** The part of a target that concerns the authorization server. */
export type WantedAuthorizationServer = Pick<
  WantedTarget,
  "server" | "url" | "issuer" | "timeout" | "signal" | "metadata" | "issuerHeaders"
>;

/**
 * Returns everything that a token request needs to know about the authorization server and the MCP server. Fetches both
 * metadata documents at the same time: the config has the issuer, so neither depends on the other. If the resource
 * metadata is absent or cannot be read, the resource is the server's URL, byte for byte. A new challenge causes a new
 * request for the resource metadata, so that an issuer that the server no longer lists is noticed while the agent runs.
 *
 * Rejects with `issuer_mismatch` if the server lists issuers but not ours, with `resource_mismatch` if its metadata is
 * for another resource and the config sets no `resource`, and with the codes of `MetadataCache` and of
 * `findAuthorizationServer`.
 */
export async function findTarget(cache: MetadataCache, wanted: WantedTarget): Promise<Target> {
  const { url, challenge, resource } = wanted;
  const authorizationServerFound = findAuthorizationServer(cache, wanted);
  const resourceFound = findResource(cache, wanted);
  const [authorizationServer, found] = await Promise.all([
    authorizationServerFound.catch(async (error: unknown) => {
      // If the MCP server lists other issuers, this explains why the configured one has no metadata.
      if (error instanceof McpAuthError && !error.retryable && error.code !== "aborted") await resourceFound;
      throw error;
    }),
    resourceFound,
  ]);
  const { metadata, isUnread, warnings } = found;
  const supportedScopes = metadata?.scopes_supported;
  const proofAlgorithms = metadata?.dpop_signing_alg_values_supported;
  const scopes = challenge?.scopes ?? supportedScopes;
  return {
    authorizationServer,
    resource: resource === false ? undefined : (resource ?? metadata?.resource ?? url),
    ...(scopes && { scopes }),
    ...(supportedScopes && { supportedScopes }),
    ...(proofAlgorithms && { proofAlgorithms }),
    ...(warnings.length > 0 && { warnings }),
    ...(isUnread && {
      unread: { resource: resource === undefined, scopes: challenge?.scopes === undefined },
    }),
  };
}

export interface UsableResource {
  readonly metadata?: ResourceMetadata;
  /** Whether there may be metadata that could not be read. */
  readonly isUnread: boolean;
  readonly warnings: readonly TargetWarning[];
}

/** Returns the resource metadata. Rejects if it contradicts the config, but not if it is absent, broken or slow. */
export async function findResource(cache: MetadataCache, wanted: WantedTarget): Promise<UsableResource> {
  const { server, url, issuer, headers, challenge, resource, resourceMetadata, timeout } = wanted;
  const { searchTimeout = timeout } = wanted;
  if (resourceMetadata === false) return { isUnread: false, warnings: [] };
  const source = { url, resourceMetadata, headers };
  const cached = await cache.resource({ ...requestFor(wanted), ...source, issuer, challenge, searchTimeout });
  const { metadata, missing } = cached;
  const warning = ({ code, detail }: Failure): TargetWarning => {
    return { code, message: `Server "${server}": ${detail}` };
  };
  if (metadata === undefined) {
    // A server need not publish metadata. Its URL is then the resource, and no scopes are known.
    if (missing?.isAbsent !== false) return { isUnread: false, warnings: [] };
    return { isUnread: true, warnings: [warning(addDefaults(missing.failure))] };
  }
  const mismatch = resource === undefined ? checkResource(metadata.resource, url) : undefined;
  if (cached.other === "hinted") {
    // The config has the resource, so nothing is missing.
    if (mismatch === undefined) return { isUnread: false, warnings: [] };
    return { isUnread: true, warnings: [warning(addDefaults(mismatch))] };
  }
  const contradiction = mismatch ?? checkListedIssuers(metadata.authorization_servers, issuer);
  if (contradiction !== undefined) {
    cache.forgetResource(source);
    throw failureError(server, contradiction);
  }
  const listsNoIssuer = (metadata.authorization_servers ?? []).length === 0;
  return { metadata, isUnread: false, warnings: listsNoIssuer ? [warning(noIssuerListed(issuer))] : [] };
}

/** Adds to a failure which resource and scopes are used without the metadata, and what to do about it. */
function addDefaults({ code, detail }: Failure): Failure {
  const remedy =
    'Tokens are requested without it: for the "resource" and the "scopes" of the grant, else for the server\'s URL and without ' +
    'scopes. Set "resourceMetadata" on the server to the URL of the metadata, or to false if there is none.';
  return { code, detail: `${detail} ${remedy}` };
}

/**
 * Returns the metadata of an authorization server: that of the config, without any request, else that which the server
 * publishes. Rejects with `insecure_url` or `config_invalid` for an endpoint in the config that may not be used, and
 * with the codes of `MetadataCache`.
 */
export async function findAuthorizationServer(
  cache: MetadataCache,
  wanted: WantedAuthorizationServer,
): Promise<AuthorizationServerMetadata> {
  const { server, issuer, metadata } = wanted;
  if (metadata === undefined) {
    const { issuerHeaders: headers } = wanted;
    return await cache.authorizationServer(issuer, { ...requestFor(wanted), headers });
  }
  const { tokenEndpoint, mtlsTokenEndpoint, revocationEndpoint, authMethods, signingAlgorithms } = metadata;
  const { deviceAuthorizationEndpoint } = metadata;
  const assertAllowed = (url: string, name: string): void => {
    assertConfiguredUrl(url, `"${name}" in the client's "metadata"`, server, cache.insecureHosts);
  };
  assertAllowed(tokenEndpoint, "tokenEndpoint");
  if (mtlsTokenEndpoint !== undefined) assertAllowed(mtlsTokenEndpoint, "mtlsTokenEndpoint");
  if (revocationEndpoint !== undefined) assertAllowed(revocationEndpoint, "revocationEndpoint");
  if (deviceAuthorizationEndpoint !== undefined)
    assertAllowed(deviceAuthorizationEndpoint, "deviceAuthorizationEndpoint");
  return {
    issuer,
    token_endpoint: tokenEndpoint,
    ...(revocationEndpoint && { revocation_endpoint: revocationEndpoint }),
    ...(deviceAuthorizationEndpoint && { device_authorization_endpoint: deviceAuthorizationEndpoint }),
    ...(mtlsTokenEndpoint && { mtls_endpoint_aliases: { token_endpoint: mtlsTokenEndpoint } }),
    ...(authMethods && { token_endpoint_auth_methods_supported: authMethods }),
    ...(signingAlgorithms && { token_endpoint_auth_signing_alg_values_supported: signingAlgorithms }),
  };
}

function requestFor(wanted: WantedAuthorizationServer): DiscoveryRequest {
  const { server, url, issuer, timeout, signal } = wanted;
  return { server, timeout, signal, rules: { server, configured: [url, issuer] } };
}
