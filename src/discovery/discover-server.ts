import { checkResource } from "../diagnosis/resource.js";
import { McpAuthError } from "../errors/error.js";
import { systemClock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl, assertLearnedUrl, type EgressRules } from "../net/egress.js";
import { type Failure, failureError } from "../net/failure.js";
import { type FoundAuthorizationServer, fetchAuthorizationServer } from "./authorization-server.js";
import type { ServerChallenge } from "./challenge.js";
import { type MetadataFetch, stringList } from "./metadata-document.js";
import { resourceLocations } from "./metadata-locations.js";
import { probe } from "./probe.js";
import { type DiscoveryProblem, Problems } from "./problems.js";
import { type FoundResource, findProtectedResource } from "./protected-resource.js";

/** How `discoverServer` sends its requests. */
export interface DiscoveryOptions {
  /** Sends all requests. */
  readonly fetch: FetchFunction;
  /** Hosts that may be reached over plain http, as `URL.hostname` gives them. */
  readonly insecureHosts: readonly string[];
  /** Milliseconds for each request; 10 seconds by default. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Everything that an MCP server and its authorization servers publish about authorization. */
export interface Discovery {
  /**
   * RFC 8707 `resource`, byte for byte as the server publishes it, even if it does not identify the server (see
   * `problems`). The given URL if the server publishes none.
   */
  readonly resource: string;
  /**
   * Where the resource metadata was found. Absent if the server publishes none. `issuers` then has the server's own
   * origin, which MCP 2025-03-26 prescribes, if that origin is an issuer.
   */
  readonly resourceMetadataUrl?: string;
  /** Candidates for `issuer` in the config, as the server lists them. Nobody but the server has confirmed them. */
  readonly issuers: readonly string[];
  /** The scopes that the server requires: those of its challenge, else of its metadata. */
  readonly scopes: readonly string[];
  /** Absent if the server did not require a token. */
  readonly challenge?: ServerChallenge;
  /** Whether the server refused a request without a token. Absent if it gave no answer that tells. */
  readonly requiresToken?: boolean;
  /**
   * The MCP extensions that the server names. Absent if it did not tell them without a token, as is usual for a server
   * that requires one.
   */
  readonly extensions?: readonly string[];
  /** The authorization servers among `issuers` that have valid metadata. */
  readonly servers: readonly DiscoveredAuthorizationServer[];
  /** What is wrong with the metadata, or why it could not be read; empty if everything is in order. */
  readonly problems: readonly DiscoveryProblem[];
}

export interface DiscoveredAuthorizationServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Client authentication methods that it lists. */
  readonly authMethods?: readonly string[];
  readonly grantTypes?: readonly string[];
  /** The algorithms of client assertions that it lists (RFC 8414 §2). */
  readonly signingAlgorithms?: readonly string[];
  /** The profiles of grants that it lists, such as the one for ID-JAGs. */
  readonly grantProfiles?: readonly string[];
  /** RFC 8628 §4. */
  readonly deviceAuthorizationEndpoint?: string;
  /** Where its own public keys are (RFC 8414 §2). */
  readonly jwksUri?: string;
}

const defaultTimeout = 10_000;
/** How many of the listed authorization servers are requested. No known MCP server lists more. */
const maxServers = 8;

/**
 * Finds out how an MCP server wants to be authorized. Sends one unauthenticated request to get a challenge, then
 * fetches the resource metadata (RFC 9728), then the metadata of all authorization servers (RFC 8414) at the same time.
 * This is for people and tools that write a config: the runtime itself never takes an issuer from the network.
 *
 * `problems` lists everything that cannot be reached, found or used. Rejects with `config_invalid` or `insecure_url`
 * for a URL that may not be requested, and with `aborted`.
 */
export async function discoverServer(url: string, options: DiscoveryOptions): Promise<Discovery> {
  const { fetch, insecureHosts, timeout = defaultTimeout, signal } = options;
  const location = assertConfiguredUrl(url, "The URL of the MCP server", undefined, insecureHosts);
  const server = location.host;
  const rules = { server, configured: [url], insecureHosts };
  const fetchOptions = { fetch, clock: systemClock, timeout, ...(signal === undefined ? {} : { signal }) };
  const problems = new Problems(server);

  const { isReachable, ...answer } = await probe(fetchOptions, url, problems);
  const { challenge } = answer;
  const challengeUrl = allowedUrl(challenge?.resourceMetadataUrl, rules, problems);
  const found = isReachable ? await findResource(fetchOptions, url, challengeUrl, problems) : undefined;
  const listed = [...new Set(found?.metadata.authorization_servers ?? [])];
  const find = (issuer: string): Promise<FoundAuthorizationServer> =>
    findIssuer(fetchOptions, issuer, found !== undefined, rules);
  const servers: FoundAuthorizationServer[] = [];
  if (found !== undefined) servers.push(...(await findAll(listed, find, problems)));
  else if (isReachable) servers.push(...(await guessIssuer(location.origin, find, problems)));
  return {
    resource: found?.metadata.resource ?? url,
    ...(found === undefined ? {} : { resourceMetadataUrl: found.document.url }),
    issuers: found === undefined ? servers.map(({ metadata }) => metadata.issuer) : listed,
    scopes: challenge?.scopes ?? found?.metadata.scopes_supported ?? [],
    ...answer,
    servers: servers.map(toDiscovered),
    problems: problems.all,
  };
}

/** Returns the URL that a challenge names if it may be requested. Otherwise adds a problem. */
function allowedUrl(
  challengeUrl: string | undefined,
  rules: EgressRules,
  problems: Problems,
): string | undefined {
  if (challengeUrl === undefined) return undefined;
  try {
    const instead = 'set "resourceMetadata" on the server to the right URL';
    assertLearnedUrl(challengeUrl, "the resource metadata URL of its challenge", { ...rules, instead });
    return challengeUrl;
  } catch (error) {
    problems.addError(error, challengeUrl);
    return undefined;
  }
}

async function findResource(
  fetchOptions: MetadataFetch,
  url: string,
  challengeUrl: string | undefined,
  problems: Problems,
): Promise<FoundResource | undefined> {
  // The issuer is not known yet.
  const locations = resourceLocations({ url, issuer: url, challengeUrl });
  const outcome = await findProtectedResource(fetchOptions, url, locations, { retries: false });
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
  if (!origins.some((each) => new URL(each).origin === origin)) problems.add(otherOrigin, document.url);
  if ((metadata.authorization_servers ?? []).length === 0) problems.add(noIssuer, document.url);
  return outcome.value;
}

const otherOrigin: Failure = {
  code: "discovery_failed",
  detail:
    "its resource metadata is neither at its own origin nor at that of an issuer. The runtime reads it there only if the " +
    'config says so, in "resourceMetadata".',
};

const noIssuer: Failure = {
  code: "issuer_mismatch",
  detail:
    "its resource metadata lists no authorization server. Ask the operator of the server for the issuer.",
};

async function findIssuer(
  fetchOptions: MetadataFetch,
  issuer: string,
  isLearned: boolean,
  rules: EgressRules,
): Promise<FoundAuthorizationServer> {
  const { server } = rules;
  assertLearnedUrl(issuer, "an authorization server that it lists", rules);
  const outcome = await fetchAuthorizationServer(fetchOptions, { issuer, isLearned });
  if (!outcome.ok) throw failureError(server, outcome.failure);
  const { token_endpoint } = outcome.value.metadata;
  const instead = 'give the client "metadata" with the "tokenEndpoint"';
  assertLearnedUrl(token_endpoint, "the token endpoint of an authorization server that it lists", {
    ...rules,
    instead,
  });
  return outcome.value;
}

/**
 * Tries the server's origin as the issuer, by the rules of MCP 2025-03-26. The issuer may be written with a slash, as
 * by the TypeScript SDK; both spellings have the same well-known URL.
 */
async function guessIssuer(
  origin: string,
  find: (issuer: string) => Promise<FoundAuthorizationServer>,
  problems: Problems,
): Promise<readonly FoundAuthorizationServer[]> {
  let firstError: unknown;
  for (const issuer of [origin, `${origin}/`]) {
    try {
      return [await find(issuer)];
    } catch (error) {
      firstError ??= error;
      if (!(error instanceof McpAuthError) || error.code !== "issuer_mismatch") break;
    }
  }
  problems.addError(firstError, origin);
  return [];
}

async function findAll(
  listed: readonly string[],
  find: (issuer: string) => Promise<FoundAuthorizationServer>,
  problems: Problems,
): Promise<readonly FoundAuthorizationServer[]> {
  const tried = listed.slice(0, maxServers);
  const results = await Promise.allSettled(tried.map(find));
  for (const [index, result] of results.entries()) {
    if (result.status === "rejected") problems.addError(result.reason, tried[index]);
  }
  if (listed.length > tried.length) {
    const detail = `it lists ${listed.length} authorization servers, but only the first ${maxServers} were requested.`;
    problems.add({ code: "discovery_failed", detail });
  }
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

function toDiscovered({ metadata, document }: FoundAuthorizationServer): DiscoveredAuthorizationServer {
  const { issuer, token_endpoint: tokenEndpoint } = metadata;
  const published = {
    authMethods: metadata.token_endpoint_auth_methods_supported,
    grantTypes: metadata.grant_types_supported,
    signingAlgorithms: metadata.token_endpoint_auth_signing_alg_values_supported,
    deviceAuthorizationEndpoint: metadata.device_authorization_endpoint,
    // No token request depends on what follows, so it is no reason to reject the metadata.
    grantProfiles: stringList(document.json["authorization_grant_profiles_supported"]) || undefined,
    jwksUri: urlOf(document.json["jwks_uri"]),
  };
  return { issuer, tokenEndpoint, ...withoutUndefined(published) };
}

function urlOf(value: unknown): string | undefined {
  return typeof value === "string" && URL.canParse(value) ? value : undefined;
}

type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

function withoutUndefined<T extends object>(values: T): Defined<T> {
  // Only properties without a value are left out, which the type says.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}
