import { McpAuthError } from "../errors/error.js";
import { systemClock } from "../lib/clock.js";
import { boundedFetch, type FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl, assertLearnedUrl } from "../net/egress.js";
import { failureError } from "../net/failure.js";
import { fetchAuthorizationServer } from "./authorization-server.js";
import { type ServerChallenge, serverChallenge } from "./challenge.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import { findProtectedResource, resourceMismatch } from "./protected-resource.js";

/** How `discoverServer` asks. */
export interface DiscoveryMeans {
  /** Sends all requests. */
  readonly fetch: FetchFunction;
  /** Hosts that may be reached over plain http, as `URL.hostname` gives them. */
  readonly insecureHosts: readonly string[];
  /** Milliseconds for each request; 10 seconds unless told. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What can be learned about the authorization of an MCP server without a credential. */
export interface Discovery {
  /** RFC 8707 `resource`, byte for byte; the URL asked for when the server publishes none. */
  readonly resource: string;
  /**
   * Where the resource metadata was found. Absent: the server publishes none, and the issuers are a guess, as MCP
   * 2025-03-26 has it: the server's own origin.
   */
  readonly resourceMetadataUrl?: string;
  /** Candidates for `issuer` in the config, as the server lists them. Nothing vouches for them but the server. */
  readonly issuers: readonly string[];
  /** What the server wants: scopes of its challenge, else of its metadata. */
  readonly scopes: readonly string[];
  /** Absent when the server did not ask for a token. */
  readonly challenge?: ServerChallenge;
  /** The authorization servers among `issuers` whose metadata is in order. */
  readonly servers: readonly DiscoveredAuthorizationServer[];
}

export interface DiscoveredAuthorizationServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Client authentication methods that it lists. */
  readonly authMethods?: readonly string[];
  readonly grantTypes?: readonly string[];
}

const defaultTimeout = 10_000;
/** More than any server has; the list is the server's, the requests are ours. */
const mostServers = 8;

/**
 * Finds out how an MCP server wants to be authorized: one unauthenticated request to get its challenge, then its
 * resource metadata (RFC 9728), then the metadata of each authorization server (RFC 8414) side by side. For people
 * and tools that write a config; the runtime itself never takes an issuer from the network.
 *
 * An authorization server whose metadata cannot be used is left out of `servers`; if none is left, the first
 * failure is thrown.
 *
 * Rejects with `config_invalid`, `insecure_url`, `discovery_failed`, `issuer_mismatch`, `resource_mismatch`,
 * `unavailable`, `timeout`, `tls_failed` or `aborted`.
 */
export async function discoverServer(url: string, means: DiscoveryMeans): Promise<Discovery> {
  const { fetch, insecureHosts, timeout = defaultTimeout, signal } = means;
  const location = assertConfiguredUrl(url, "The URL of the MCP server", undefined, insecureHosts);
  const server = location.host;
  const rules = { server, configured: [url], insecureHosts };
  const limits = { timeout, ...(signal === undefined ? {} : { signal }) };

  const challenge = await probe(fetch, { url, server, ...limits });
  const named = challenge?.resourceMetadataUrl;
  if (named !== undefined) assertLearnedUrl(named, "the resource metadata URL of its challenge", rules);
  const how = { fetch, clock: systemClock, ...limits };
  const resource = await findProtectedResource(how, location, named);
  if (!resource.ok) throw failureError(server, resource.failure);
  const metadata = resource.value?.metadata;
  const mismatch = metadata && resourceMismatch(metadata.resource, url);
  if (mismatch !== undefined) throw failureError(server, mismatch);

  const listed = [...new Set(metadata?.authorization_servers ?? [])];
  const find = async (issuer: string): Promise<AuthorizationServerMetadata> => {
    assertLearnedUrl(issuer, "an authorization server that it lists", rules);
    // Without a list it is a guess of ours.
    const outcome = await fetchAuthorizationServer(how, issuer, metadata !== undefined);
    if (!outcome.ok) throw failureError(server, outcome.failure);
    const { token_endpoint } = outcome.value.metadata;
    assertLearnedUrl(token_endpoint, "the token endpoint of an authorization server that it lists", rules);
    return outcome.value.metadata;
  };
  const found =
    metadata === undefined
      ? [await guess(location.origin, find)]
      : await findAll(listed.slice(0, mostServers), find);
  const documentUrl = resource.value?.document.url;
  return {
    resource: metadata?.resource ?? url,
    ...(documentUrl === undefined ? {} : { resourceMetadataUrl: documentUrl }),
    issuers: metadata === undefined ? found.map(({ issuer }) => issuer) : listed,
    scopes: challenge?.scopes ?? metadata?.scopes_supported ?? [],
    ...(challenge === undefined ? {} : { challenge }),
    servers: found.map(describe),
  };
}

/** One `initialize` as an MCP client sends it, without a token. Its answer may be a stream: only headers count. */
async function probe(
  fetch: FetchFunction,
  where: {
    readonly url: string;
    readonly server: string;
    readonly timeout: number;
    readonly signal?: AbortSignal;
  },
): Promise<ServerChallenge | undefined> {
  const { status, headers } = await boundedFetch(fetch, {
    ...where,
    what: "the MCP server",
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "mcp-auth-runtime discover", version: "1" },
      },
    }),
    discardBody: true,
  });
  if (status >= 300 && status < 400) {
    const detail = `it answered with a redirect (${status}), which is not followed. Use the URL that it redirects to, which the error's \`details\` has.`;
    const details = { location: headers.get("location") };
    throw failureError(where.server, { code: "discovery_failed", detail, details });
  }
  return serverChallenge(headers);
}

/**
 * MCP 2025-03-26: the authorization server is at the server's origin. Its issuer may be written with a slash, as
 * the TypeScript SDK does; both spellings have the same well-known URL.
 */
async function guess(
  origin: string,
  find: (issuer: string) => Promise<AuthorizationServerMetadata>,
): Promise<AuthorizationServerMetadata> {
  try {
    return await find(origin);
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code !== "issuer_mismatch") throw error;
    try {
      return await find(`${origin}/`);
    } catch {
      throw error;
    }
  }
}

async function findAll(
  issuers: readonly string[],
  find: (issuer: string) => Promise<AuthorizationServerMetadata>,
): Promise<readonly AuthorizationServerMetadata[]> {
  const results = await Promise.allSettled(issuers.map(find));
  const found = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = results.find((result) => result.status === "rejected");
  if (found.length === 0 && failed !== undefined) throw failed.reason;
  return found;
}

function describe(metadata: AuthorizationServerMetadata): DiscoveredAuthorizationServer {
  const { issuer, token_endpoint: tokenEndpoint } = metadata;
  const authMethods = metadata.token_endpoint_auth_methods_supported;
  const grantTypes = metadata.grant_types_supported;
  return {
    issuer,
    tokenEndpoint,
    ...(authMethods === undefined ? {} : { authMethods }),
    ...(grantTypes === undefined ? {} : { grantTypes }),
  };
}
