import { checkResource } from "../diagnosis/resource.js";
import { McpAuthError } from "../errors/error.js";
import { systemClock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl, assertLearnedUrl, type EgressRules } from "../net/egress.js";
import { type Failure, failureError } from "../net/failure.js";
import { fetchAuthorizationServer } from "./authorization-server.js";
import type { ServerChallenge } from "./challenge.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import type { MetadataFetch } from "./metadata-document.js";
import { probe } from "./probe.js";
import { type DiscoveryProblem, Problems } from "./problems.js";
import { type FoundResource, findProtectedResource } from "./protected-resource.js";
import { resourceCandidates } from "./resource-locations.js";

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
  /**
   * RFC 8707 `resource`, byte for byte as the server publishes it, even where it is not that of the server (see
   * `problems`); the URL asked for when it publishes none.
   */
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
  /** What is wrong with what was found, or keeps it from being found; empty where all is in order. */
  readonly problems: readonly DiscoveryProblem[];
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
 * What cannot be reached, found or used is listed in `problems`. Rejects with `config_invalid` or `insecure_url` for a URL
 * that cannot be asked, and with `aborted`.
 */
export async function discoverServer(url: string, means: DiscoveryMeans): Promise<Discovery> {
  const { fetch, insecureHosts, timeout = defaultTimeout, signal } = means;
  const location = assertConfiguredUrl(url, "The URL of the MCP server", undefined, insecureHosts);
  const server = location.host;
  const rules = { server, configured: [url], insecureHosts };
  const how = { fetch, clock: systemClock, timeout, ...(signal === undefined ? {} : { signal }) };
  const problems = new Problems(server);

  const { challenge, isReachable } = await probe(how, url, problems);
  const named = followable(challenge?.resourceMetadataUrl, rules, problems);
  const found = isReachable ? await findResource(how, url, named, problems) : undefined;
  const listed = [...new Set(found?.metadata.authorization_servers ?? [])];
  const find = (issuer: string): Promise<AuthorizationServerMetadata> =>
    findIssuer(how, issuer, found !== undefined, rules);
  const servers: AuthorizationServerMetadata[] = [];
  if (found !== undefined) servers.push(...(await findAll(listed, find, problems)));
  else if (isReachable) servers.push(...(await guess(location.origin, find, problems)));
  return {
    resource: found?.metadata.resource ?? url,
    ...(found === undefined ? {} : { resourceMetadataUrl: found.document.url }),
    issuers: found === undefined ? servers.map(({ issuer }) => issuer) : listed,
    scopes: challenge?.scopes ?? found?.metadata.scopes_supported ?? [],
    ...(challenge === undefined ? {} : { challenge }),
    servers: servers.map(describe),
    problems: problems.all,
  };
}

/** The URL that a challenge names, if it may be asked. */
function followable(named: string | undefined, rules: EgressRules, problems: Problems): string | undefined {
  if (named === undefined) return undefined;
  try {
    assertLearnedUrl(named, "the resource metadata URL of its challenge", rules);
    return named;
  } catch (error) {
    problems.caught(error, named);
    return undefined;
  }
}

async function findResource(
  how: MetadataFetch,
  url: string,
  named: string | undefined,
  problems: Problems,
): Promise<FoundResource | undefined> {
  // Nobody has said yet which issuer is right.
  const candidates = resourceCandidates({ url, issuer: url, named });
  const outcome = await findProtectedResource(how, url, candidates, { retries: false });
  if (!outcome.ok) {
    problems.add(outcome.failure);
    return undefined;
  }
  if ("failure" in outcome.value) {
    problems.add(outcome.value.failure);
    return undefined;
  }
  const { metadata, document } = outcome.value;
  const mismatch = checkResource(metadata.resource, url);
  if (mismatch !== undefined) problems.add(mismatch, metadata.resource);
  const { origin } = new URL(document.url);
  const origins = [url, ...(metadata.authorization_servers ?? [])].filter((each) => URL.canParse(each));
  if (!origins.some((each) => new URL(each).origin === origin)) problems.add(elsewhere, document.url);
  if ((metadata.authorization_servers ?? []).length === 0) problems.add(silent, document.url);
  return outcome.value;
}

const elsewhere: Failure = {
  code: "discovery_failed",
  detail:
    "its resource metadata is neither at its own origin nor at that of an issuer. The runtime reads it there only if the " +
    'config says so, in "resourceMetadata".',
};

const silent: Failure = {
  code: "issuer_mismatch",
  detail:
    "its resource metadata lists no authorization server. Ask the operator of the server for the issuer.",
};

async function findIssuer(
  how: MetadataFetch,
  issuer: string,
  isLearned: boolean,
  rules: EgressRules,
): Promise<AuthorizationServerMetadata> {
  const { server } = rules;
  assertLearnedUrl(issuer, "an authorization server that it lists", rules);
  const outcome = await fetchAuthorizationServer(how, { issuer, isLearned });
  if (!outcome.ok) throw failureError(server, outcome.failure);
  const { token_endpoint } = outcome.value.metadata;
  assertLearnedUrl(token_endpoint, "the token endpoint of an authorization server that it lists", rules);
  return outcome.value.metadata;
}

/**
 * MCP 2025-03-26: the authorization server is at the server's origin. Its issuer may be written with a slash, as
 * the TypeScript SDK does; both spellings have the same well-known URL.
 */
async function guess(
  origin: string,
  find: (issuer: string) => Promise<AuthorizationServerMetadata>,
  problems: Problems,
): Promise<readonly AuthorizationServerMetadata[]> {
  let failed: unknown;
  for (const issuer of [origin, `${origin}/`]) {
    try {
      return [await find(issuer)];
    } catch (error) {
      failed ??= error;
      if (!(error instanceof McpAuthError) || error.code !== "issuer_mismatch") break;
    }
  }
  problems.caught(failed, origin);
  return [];
}

async function findAll(
  listed: readonly string[],
  find: (issuer: string) => Promise<AuthorizationServerMetadata>,
  problems: Problems,
): Promise<readonly AuthorizationServerMetadata[]> {
  const asked = listed.slice(0, mostServers);
  const results = await Promise.allSettled(asked.map(find));
  for (const [index, result] of results.entries()) {
    if (result.status === "rejected") problems.caught(result.reason, asked[index]);
  }
  if (listed.length > asked.length) {
    const detail = `it lists ${listed.length} authorization servers, of which only the first ${mostServers} were asked.`;
    problems.add({ code: "discovery_failed", detail });
  }
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
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
