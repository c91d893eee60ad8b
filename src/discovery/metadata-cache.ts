import { issuerName } from "../diagnosis/issuer.js";
import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { fingerprintOf, Secret } from "../lib/secret.js";
import { untilAborted } from "../lib/wait.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl, assertLearnedUrl, type EgressRules } from "../net/egress.js";
import { failureError, type Outcome, succeed } from "../net/failure.js";
import {
  fetchAuthorizationServer,
  ResultsByAcquisition,
  storedAuthorizationServer,
} from "./authorization-server.js";
import {
  agreesWithConfig,
  answersLookup,
  type CachedResource,
  lastGoodResource,
  loadResource,
  type ResourceSource,
  resourceVariant,
  storedResource,
  toStore,
} from "./cached-resource.js";
import { freshFor, type Loaded, LookupCache } from "./lookup-cache.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import type { MetadataFetch, ServerHeaders } from "./metadata-document.js";
import { allowedChallengeUrl, resourceLocations } from "./metadata-locations.js";
import { type MetadataStore, StoredLookups } from "./metadata-store.js";
import { readServerHeaders } from "./read-server-headers.js";

export interface DiscoveryRequest {
  /** Name of the MCP server in the config, for error messages. */
  readonly server: string;
  /** Milliseconds for each metadata request. */
  readonly timeout: number;
  /** Ends this caller's wait (`aborted`). The request continues for other callers. */
  readonly signal?: AbortSignal | undefined;
  readonly rules: EgressRules;
  /** The config's headers for the server that the metadata is about. */
  readonly headers?: ServerHeaders | undefined;
}

export interface ResourceRequest extends DiscoveryRequest, ResourceSource {
  /** Milliseconds for the whole search of the locations; at most `timeout` counts. */
  readonly searchTimeout: number;
  /** The issuer of the config. */
  readonly issuer: string;
  readonly challenge?: { readonly resourceMetadataUrl?: string } | undefined;
}

/**
 * The metadata of authorization servers and MCP servers, shared by all servers of a config. `LookupCache` decides how
 * long each document is kept. The absence of resource metadata is cached, too.
 */
export class MetadataCache {
  /** Hosts that may be reached over plain http, as `URL.hostname` gives them. */
  readonly insecureHosts: readonly string[];
  readonly #fetch: FetchFunction;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  /** For each challenge, the time at which it was first seen. */
  readonly #challenges = new WeakMap<object, number>();
  readonly #authorizationServers: LookupCache<AuthorizationServerMetadata>;
  readonly #resources: LookupCache<CachedResource>;
  readonly #results = new ResultsByAcquisition();
  readonly #stored: StoredLookups;

  constructor(options: {
    readonly fetch: FetchFunction;
    readonly clock: Clock;
    readonly insecureHosts?: readonly string[];
    /** Shares what is fetched with other processes. */
    readonly store?: MetadataStore | undefined;
  }) {
    this.insecureHosts = options.insecureHosts ?? [];
    this.#fetch = options.fetch;
    this.#clock = options.clock;
    this.#authorizationServers = new LookupCache("authorization server metadata", options.clock);
    this.#resources = new LookupCache("resource metadata", options.clock);
    this.#stored = new StoredLookups(options.store, options.clock);
  }

  /**
   * Returns the metadata of an issuer. Its `issuer` is identical to the requested one, and its token endpoints are
   * allowed. Rejects with `discovery_failed`, `issuer_mismatch`, `insecure_url`, `unavailable`, `timeout`, `tls_failed`
   * or `aborted`.
   */
  async authorizationServer(issuer: string, request: DiscoveryRequest): Promise<AuthorizationServerMetadata> {
    const rules = this.#rules(request);
    const { signal } = request;
    if (!rules.configured.includes(issuer)) assertLearnedUrl(issuer, "the issuer", rules);
    else assertConfiguredUrl(issuer, "the issuer", request.server, this.insecureHosts);
    const assertUsable = (metadata: AuthorizationServerMetadata): void => {
      const endpoint = `the token endpoint of ${issuerName(issuer)}`;
      const instead = (name: string) => `give the client "metadata" with the "${name}"`;
      assertLearnedUrl(metadata.token_endpoint, endpoint, { ...rules, instead: instead("tokenEndpoint") });
      const alias = metadata.mtls_endpoint_aliases?.token_endpoint;
      if (alias === undefined) return;
      const ofAlias = { ...rules, instead: instead("mtlsTokenEndpoint") };
      assertLearnedUrl(alias, `${endpoint} for client certificates`, ofAlias);
    };
    // Metadata that may not be used here is not stored for other processes either.
    const ifUsable = (metadata: AuthorizationServerMetadata | undefined) =>
      metadata !== undefined && isAllowed(() => assertUsable(metadata)) ? metadata : undefined;
    const lastGood = (metadata: AuthorizationServerMetadata): AuthorizationServerMetadata => metadata;
    const loadWith = async (
      fetchOptions: MetadataFetch,
    ): Promise<Outcome<Loaded<AuthorizationServerMetadata>>> => {
      const found = await fetchAuthorizationServer(fetchOptions, {
        issuer,
        tried: this.#results.get(signal, issuer),
        onTried: (tried) => this.#results.set(signal, issuer, tried),
      });
      if (!found.ok) return found;
      const { metadata, document } = found.value;
      // Metadata that may not be used does not replace metadata that may.
      const isEmpty = ifUsable(metadata) === undefined;
      return succeed({ value: metadata, freshFor: freshFor(document.headers), isEmpty });
    };
    const judge = (value: unknown) => ifUsable(storedAuthorizationServer(value, issuer));
    const metadata = await this.#valueOf(
      request,
      this.#authorizationServers.lookup({
        key: issuerKey(issuer, request.headers),
        // A server with a short timeout must not end the load of others.
        variant: String(request.timeout),
        accepts: () => true,
        lastGood,
        load: async () => {
          const fetchOptions = { ...this.#fetchOptions(request), headers: request.headers };
          // Most configs have none. Then the request is sent at once, before that for the resource metadata.
          const read =
            request.headers === undefined
              ? succeed<Readonly<Record<string, string>>>({})
              : await readServerHeaders(fetchOptions);
          // The token request needs them too, and without them the server may answer with other metadata.
          if (!read.ok) return read;
          const headers = request.headers && { ...request.headers, read: async () => read };
          return await this.#stored.load({
            ...{ kind: "issuer", name: issuer, since: undefined, judge, lastGood, toStore: ifUsable },
            // By their values: another process may have others under the same reference.
            variant: headers && fingerprintOf([new Secret(JSON.stringify(read.value))]),
            load: () => loadWith({ ...fetchOptions, headers }),
          });
        },
      }),
    );
    // Checked after the shared load, because each server of the config allows other URLs.
    assertUsable(metadata);
    return metadata;
  }

  /**
   * Returns the metadata of the MCP server at `url`, or why there is none. `findTarget` checks whether it agrees with
   * the config. If the challenge has a `resourceMetadataUrl` that may be followed, and the cached result does not come
   * from it, it is requested at once. A result that is older than `challenge` is requested again, at most once a
   * minute, because the server's metadata may have changed. Rejects with `insecure_url` or `config_invalid` for a URL
   * of the config, and with `aborted`.
   */
  async resource(request: ResourceRequest): Promise<CachedResource> {
    const { url, issuer, challenge, searchTimeout, headers, resourceMetadata: configured } = request;
    assertConfiguredUrl(url, "the server's URL", request.server, this.insecureHosts);
    if (configured !== undefined) {
      assertConfiguredUrl(configured, '"resourceMetadata"', request.server, this.insecureHosts);
    }
    const hints = { url, issuer, configured };
    const challengeUrl = allowedChallengeUrl({ ...hints, challengeUrl: challenge?.resourceMetadataUrl });
    const since = challenge && this.#firstSeen(challenge);
    const timeout = Math.min(request.timeout, searchTimeout);
    const load = async (): Promise<Outcome<Loaded<CachedResource>>> => {
      const locations = resourceLocations({ ...hints, challengeUrl });
      const fetchOptions = { ...this.#fetchOptions(request), timeout, headers };
      return await loadResource(fetchOptions, { url, challengeUrl, locations });
    };
    const lastGood = lastGoodResource(challengeUrl);
    const judge = (value: unknown): CachedResource | undefined => {
      const resource = storedResource(value);
      return resource !== undefined &&
        answersLookup(resource, challengeUrl) &&
        agreesWithConfig(resource, url, issuer)
        ? resource
        : undefined;
    };
    const variant = resourceVariant(configured, headers);
    const outcome = await this.#outcomeOf(
      request,
      this.#resources.lookup({
        key: JSON.stringify([url, variant]),
        variant: JSON.stringify([challengeUrl, timeout]),
        accepts: (resource) => answersLookup(resource, challengeUrl),
        lastGood,
        since,
        load: () =>
          this.#stored.load({
            ...{ kind: "resource", name: url, variant, since, judge, lastGood, load },
            toStore: (resource) => (agreesWithConfig(resource, url, issuer) ? toStore(resource) : undefined),
          }),
      }),
    );
    if (outcome.ok) return outcome.value;
    if (outcome.failure.code === "aborted") throw failureError(request.server, outcome.failure);
    return { sources: [], missing: { isAbsent: false, failure: outcome.failure } };
  }

  /** Makes metadata stale, because its token endpoint answered 404 or 405 or cannot be used: it may have moved. */
  expireAuthorizationServer(issuer: string, headers?: ServerHeaders): void {
    this.#authorizationServers.expire(issuerKey(issuer, headers));
    this.#stored.forget({ kind: "issuer", name: issuer });
  }

  /** Makes the metadata of an MCP server stale. */
  expireResource({ url, resourceMetadata, headers }: ResourceSource): void {
    this.#resources.expire(JSON.stringify([url, resourceVariant(resourceMetadata, headers)]));
    this.#stored.forget({ kind: "resource", name: url });
  }

  /** Drops the metadata of an MCP server, because it contradicts the config. */
  forgetResource({ url, resourceMetadata, headers }: ResourceSource): void {
    this.#resources.forget(JSON.stringify([url, resourceVariant(resourceMetadata, headers)]));
    this.#stored.forget({ kind: "resource", name: url });
  }

  /** Ends the requests in flight when the runtime stops. */
  close(): void {
    this.#closing.abort();
  }

  #firstSeen(challenge: object): number {
    const seen = this.#challenges.get(challenge) ?? this.#clock.now();
    this.#challenges.set(challenge, seen);
    return seen;
  }

  #rules({ rules }: DiscoveryRequest): EgressRules {
    return { ...rules, insecureHosts: this.insecureHosts };
  }

  #fetchOptions({ timeout }: DiscoveryRequest): MetadataFetch {
    return { fetch: this.#fetch, clock: this.#clock, timeout, signal: this.#closing.signal };
  }

  async #valueOf<V>(request: DiscoveryRequest, work: Promise<Outcome<V>>): Promise<V> {
    const outcome = await this.#outcomeOf(request, work);
    if (!outcome.ok) throw failureError(request.server, outcome.failure);
    return outcome.value;
  }

  /** Waits for shared work, but rejects with `aborted` when the caller aborts its signal. */
  async #outcomeOf<V>({ server, signal }: DiscoveryRequest, work: Promise<Outcome<V>>): Promise<Outcome<V>> {
    const aborted = (): McpAuthError =>
      failureError(server, { code: "aborted", detail: "the wait for its metadata was aborted." });
    return await untilAborted(work, signal, aborted);
  }
}

/** Returns the key of an authorization server. With other headers, it may publish other metadata. */
function issuerKey(issuer: string, headers: ServerHeaders | undefined): string {
  return headers === undefined ? issuer : JSON.stringify([issuer, headers.id]);
}

/** Returns whether the check of a URL passes. Throws a programming error. */
function isAllowed(assertion: () => void): boolean {
  try {
    assertion();
    return true;
  } catch (error) {
    if (error instanceof McpAuthError) return false;
    throw error;
  }
}
