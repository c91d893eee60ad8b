import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { untilAborted } from "../lib/until-aborted.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl, assertLearnedUrl, type EgressRules } from "../net/egress.js";
import { failureError, type Outcome, succeed } from "../net/failure.js";
import { fetchAuthorizationServer, storedAuthorizationServer } from "./authorization-server.js";
import { absenceFreshFor, freshFor } from "./freshness.js";
import { issuerName } from "./issuer-difference.js";
import type { AuthorizationServerMetadata, ResourceMetadata } from "./metadata.js";
import { type MetadataStore, StoredLookups } from "./metadata-store.js";
import { findProtectedResource, resourceMismatch, storedResourceMetadata } from "./protected-resource.js";
import { type Loaded, SharedLookups } from "./shared-lookups.js";

export interface DiscoveryRequest {
  /** Name of the MCP server in the config, for error messages. */
  readonly server: string;
  /** Milliseconds for each metadata request. */
  readonly timeout: number;
  /** Ends this caller's wait (`aborted`); the request goes on for the others. */
  readonly signal?: AbortSignal;
  readonly rules: EgressRules;
}

interface CachedResource {
  readonly metadata: ResourceMetadata | undefined;
  /** URLs that lead to this answer: the one a challenge named, and the one at which it was found. */
  readonly sources: readonly (string | null)[];
}

/**
 * Metadata of authorization servers and MCP servers, shared by all servers of a config. See `SharedLookups` for
 * what is kept and how long; that a server publishes no resource metadata is kept too.
 */
export class MetadataCache {
  /** Hosts that may be reached over plain http, as `URL.hostname` gives them. */
  readonly insecureHosts: readonly string[];
  readonly #fetch: FetchFunction;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  /** When each challenge was first seen. */
  readonly #challenges = new WeakMap<object, number>();
  readonly #authorizationServers: SharedLookups<AuthorizationServerMetadata>;
  readonly #resources: SharedLookups<CachedResource>;
  readonly #stored: StoredLookups;

  constructor(options: {
    readonly fetch: FetchFunction;
    readonly clock: Clock;
    readonly insecureHosts?: readonly string[];
    /** Where what is learned is kept for other processes. */
    readonly store?: MetadataStore | undefined;
  }) {
    this.insecureHosts = options.insecureHosts ?? [];
    this.#fetch = options.fetch;
    this.#clock = options.clock;
    this.#authorizationServers = new SharedLookups(options.clock);
    this.#resources = new SharedLookups(options.clock);
    this.#stored = new StoredLookups(options.store, options.clock);
  }

  /**
   * The metadata of an issuer, its `issuer` identical to the one asked for and its token endpoints allowed.
   * Rejects with `discovery_failed`, `issuer_mismatch`, `insecure_url`, `unavailable`, `timeout`, `tls_failed` or
   * `aborted`.
   */
  async authorizationServer(issuer: string, request: DiscoveryRequest): Promise<AuthorizationServerMetadata> {
    const rules = this.#rules(request);
    if (!rules.configured.includes(issuer)) assertLearnedUrl(issuer, "the issuer", rules);
    else assertConfiguredUrl(issuer, "the issuer", request.server, this.insecureHosts);
    const metadata = await this.#wait(
      request,
      this.#authorizationServers.lookup({
        key: issuer,
        variant: "",
        accepts: () => true,
        load: () =>
          this.#stored.load({
            kind: "issuer",
            name: issuer,
            since: undefined,
            judge: (value) => storedAuthorizationServer(value, issuer),
            load: async () => {
              const found = await fetchAuthorizationServer(this.#how(request), issuer);
              if (!found.ok) return found;
              const { metadata, document } = found.value;
              return succeed({ value: metadata, freshFor: freshFor(document.headers) });
            },
          }),
      }),
    );
    // Here and not in the shared part: what is allowed depends on the server that asks.
    assertLearnedUrl(metadata.token_endpoint, `the token endpoint of ${issuerName(issuer)}`, rules);
    const alias = metadata.mtls_endpoint_aliases?.token_endpoint;
    if (alias !== undefined) {
      assertLearnedUrl(alias, `the token endpoint of ${issuerName(issuer)} for client certificates`, rules);
    }
    return metadata;
  }

  /**
   * The metadata of the MCP server at `url`, `undefined` if it publishes none. Whether it fits the config is for
   * `findTarget` to say. A `resourceMetadataUrl` that differs from what the cached answer came from is followed
   * at once. An answer from before `challenge` was first seen here is asked for again, at most once a minute: what the
   * server says of itself may have changed. Rejects with the codes of `authorizationServer`.
   */
  async resource(
    url: string,
    request: DiscoveryRequest & { readonly challenge?: { readonly resourceMetadataUrl?: string } },
  ): Promise<ResourceMetadata | undefined> {
    const { challenge } = request;
    const named = challenge?.resourceMetadataUrl;
    const server = assertConfiguredUrl(url, "the server's URL", request.server, this.insecureHosts);
    // Possibly on another host: the specifications do not forbid it, and `resource` and issuer are checked anyway.
    if (named !== undefined)
      assertLearnedUrl(named, "the resource metadata URL of the challenge", this.#rules(request));
    // Where a challenge led to what another resource says of itself, whoever has no challenge does not follow.
    const accepts = ({ sources, metadata }: CachedResource): boolean =>
      sources.includes(named ?? null) ||
      (named === undefined && (!metadata || resourceMismatch(metadata.resource, url) === undefined));
    const since = challenge && this.#firstSeen(challenge);
    const load = async (): Promise<Outcome<Loaded<CachedResource>>> => {
      const found = await findProtectedResource(this.#how(request), server, named);
      if (!found.ok) return found;
      const document = found.value?.document;
      return succeed({
        value: { metadata: found.value?.metadata, sources: [named ?? null, document?.url ?? null] },
        freshFor: document === undefined ? absenceFreshFor : freshFor(document.headers),
      });
    };
    const judge = (value: unknown): CachedResource | undefined => {
      const resource = storedResource(value);
      return resource !== undefined && accepts(resource) ? resource : undefined;
    };
    const found = await this.#wait(
      request,
      this.#resources.lookup({
        key: url,
        variant: named ?? "",
        accepts,
        since,
        load: () => this.#stored.load({ kind: "resource", name: url, since, judge, load }),
      }),
    );
    return found.metadata;
  }

  /** For a token endpoint that answered 404 or 405: it has moved. */
  forgetAuthorizationServer(issuer: string): void {
    this.#authorizationServers.forget(issuer);
    this.#stored.forget("issuer", issuer);
  }

  /** For what an MCP server says of itself and does not fit the config. */
  forgetResource(url: string): void {
    this.#resources.forget(url);
    this.#stored.forget("resource", url);
  }

  /** Ends what is under way, for which nobody can wait any more. */
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

  #how(request: DiscoveryRequest) {
    return {
      fetch: this.#fetch,
      clock: this.#clock,
      timeout: request.timeout,
      signal: this.#closing.signal,
    };
  }

  async #wait<V>(request: DiscoveryRequest, work: Promise<Outcome<V>>): Promise<V> {
    const { server, signal } = request;
    const aborted = (): McpAuthError =>
      failureError(server, { code: "aborted", detail: "the wait for its metadata was aborted." });
    const outcome = await untilAborted(work, signal, aborted);
    if (!outcome.ok) throw failureError(server, outcome.failure);
    return outcome.value;
  }
}

/** What was stored by this or another version of the package, if it is of the form that this one knows. */
function storedResource(value: unknown): CachedResource | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { sources, metadata }: { sources?: unknown; metadata?: unknown } = value;
  const isSource = (each: unknown): each is string | null => each === null || typeof each === "string";
  if (!Array.isArray(sources) || !sources.every(isSource)) return undefined;
  if (metadata === undefined) return { sources, metadata };
  const judged = storedResourceMetadata(metadata);
  return judged && { sources, metadata: judged };
}
