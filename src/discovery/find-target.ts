import type { ConfiguredMetadata } from "../config/spec.js";
import { checkListedIssuers, noIssuerListed } from "../diagnosis/issuer.js";
import { checkResource } from "../diagnosis/resource.js";
import { assertConfiguredUrl } from "../net/egress.js";
import { type Failure, failureError } from "../net/failure.js";
import type { ServerChallenge } from "./challenge.js";
import type { AuthorizationServerMetadata, ResourceMetadata, Target, TargetWarning } from "./metadata.js";
import type { DiscoveryRequest, MetadataCache } from "./metadata-cache.js";
import type { ServerHeaders } from "./server-headers.js";

export interface WantedTarget {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly url: string;
  /** The issuer that the credential is pinned to. */
  readonly issuer: string;
  /** Milliseconds for each metadata request. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Milliseconds that the resource metadata is waited for, at most `timeout`, and that unless told. */
  readonly patience?: number;
  /** Of the config, for the MCP server: they go to the metadata of its own origin. */
  readonly headers?: ServerHeaders | undefined;
  /** The config's only place for the resource metadata; `false`: it is not read. */
  readonly resourceMetadata?: string | false | undefined;
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
 * issuer is known, so the second need not wait for the first. A server whose metadata is absent or cannot be read is taken
 * at its URL, byte for byte. A challenge that was not seen before makes its metadata be asked for again, so that an issuer
 * that it dropped is noticed while the agent runs.
 *
 * Rejects with `issuer_mismatch` if the server lists issuers without ours, with `resource_mismatch` if its metadata
 * is for another resource and the config does not say what to send, and with the codes of `MetadataCache` and of
 * `findAuthorizationServer`.
 */
export async function findTarget(cache: MetadataCache, wanted: WantedTarget): Promise<Target> {
  const { url, challenge, resource } = wanted;
  const [authorizationServer, known] = await Promise.all([
    findAuthorizationServer(cache, wanted),
    findResource(cache, wanted),
  ]);
  const { metadata, isUnread, warnings } = known;
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

interface UsableResource {
  readonly metadata?: ResourceMetadata;
  /** There may be some. */
  readonly isUnread: boolean;
  readonly warnings: readonly TargetWarning[];
}

/** What the MCP server says of itself. It stops nothing by being absent, broken or slow, but by contradicting the config. */
async function findResource(cache: MetadataCache, wanted: WantedTarget): Promise<UsableResource> {
  const { server, url, issuer, headers, challenge, resource, resourceMetadata, timeout } = wanted;
  const { patience = timeout } = wanted;
  if (resourceMetadata === false) return { isUnread: false, warnings: [] };
  const source = { url, resourceMetadata, headers };
  const known = await cache.resource({ ...request(wanted), ...source, issuer, challenge, patience });
  const { metadata, missing } = known;
  const warning = ({ code, detail }: Failure): TargetWarning => {
    return { code, message: `Server "${server}": ${detail}` };
  };
  if (metadata === undefined) {
    // A server need not publish any: then its URL and no scopes are what it wants.
    if (missing?.isAbsent !== false) return { isUnread: false, warnings: [] };
    return { isUnread: true, warnings: [warning(withoutResource(missing.failure))] };
  }
  const other = resource === undefined ? checkResource(metadata.resource, url) : undefined;
  if (known.other === "misled") {
    // With the resource in the config, nothing is missing.
    if (other === undefined) return { isUnread: false, warnings: [] };
    return { isUnread: true, warnings: [warning(withoutResource(other))] };
  }
  const contradiction = other ?? checkListedIssuers(metadata.authorization_servers, issuer);
  if (contradiction !== undefined) {
    cache.forgetResource(source);
    throw failureError(server, contradiction);
  }
  const isSilent = (metadata.authorization_servers ?? []).length === 0;
  return { metadata, isUnread: false, warnings: isSilent ? [warning(noIssuerListed(issuer))] : [] };
}

/** What the token is then asked for, and what to do about it. */
function withoutResource({ code, detail }: Failure): Failure {
  const remedy =
    'Tokens are requested without it: for the "resource" and the "scopes" of the grant, else for the server\'s URL and without ' +
    'scopes. Set "resourceMetadata" on the server to the URL where the metadata is, or to false if there is none.';
  return { code, detail: `${detail} ${remedy}` };
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

function request(wanted: WantedAuthorizationServer): DiscoveryRequest {
  const { server, url, issuer, timeout, signal } = wanted;
  return { server, timeout, signal, rules: { server, configured: [url, issuer] } };
}
