import { issuerName } from "../diagnosis/issuer.js";
import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { untilAborted } from "../lib/wait.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { assertConfiguredUrl, assertLearnedUrl, type EgressRules } from "../net/egress.js";
import { failureError, type Outcome, succeed } from "../net/failure.js";
import { AnswersByAttempt } from "./answers-by-attempt.js";
import { fetchAuthorizationServer, storedAuthorizationServer } from "./authorization-server.js";
import { freshFor } from "./freshness.js";
import {
  answers,
  isOf,
  type KnownResource,
  lastGoodResource,
  loadResource,
  type ResourceSource,
  resourceVariant,
  storedResource,
  toStore,
} from "./known-resource.js";
import type { AuthorizationServerMetadata } from "./metadata.js";
import type { MetadataFetch } from "./metadata-document.js";
import { type MetadataStore, StoredLookups } from "./metadata-store.js";
import { followed, resourceCandidates } from "./resource-locations.js";
import { type Loaded, SharedLookups } from "./shared-lookups.js";

export interface DiscoveryRequest {
  /** Name of the MCP server in the config, for error messages. */
  readonly server: string;
  /** Milliseconds for each metadata request. */
  readonly timeout: number;
  /** Ends this caller's wait (`aborted`); the request goes on for the others. */
  readonly signal?: AbortSignal | undefined;
  readonly rules: EgressRules;
}

export interface ResourceRequest extends DiscoveryRequest, ResourceSource {
  /** Milliseconds for all that is asked, at most `timeout`. */
  readonly patience: number;
  /** The issuer of the config. */
  readonly issuer: string;
  readonly challenge?: { readonly resourceMetadataUrl?: string } | undefined;
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
  readonly #resources: SharedLookups<KnownResource>;
  readonly #answers = new AnswersByAttempt();
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
    this.#authorizationServers = new SharedLookups("authorization server metadata", options.clock);
    this.#resources = new SharedLookups("resource metadata", options.clock);
    this.#stored = new StoredLookups(options.store, options.clock);
  }

  /**
   * The metadata of an issuer, its `issuer` identical to the one asked for and its token endpoints allowed.
   * Rejects with `discovery_failed`, `issuer_mismatch`, `insecure_url`, `unavailable`, `timeout`, `tls_failed` or
   * `aborted`.
   */
  async authorizationServer(issuer: string, request: DiscoveryRequest): Promise<AuthorizationServerMetadata> {
    const rules = this.#rules(request);
    const { signal } = request;
    if (!rules.configured.includes(issuer)) assertLearnedUrl(issuer, "the issuer", rules);
    else assertConfiguredUrl(issuer, "the issuer", request.server, this.insecureHosts);
    const assertUsable = (metadata: AuthorizationServerMetadata): void => {
      assertLearnedUrl(metadata.token_endpoint, `the token endpoint of ${issuerName(issuer)}`, rules);
      const alias = metadata.mtls_endpoint_aliases?.token_endpoint;
      if (alias === undefined) return;
      assertLearnedUrl(alias, `the token endpoint of ${issuerName(issuer)} for client certificates`, rules);
    };
    // What may not be used here is no good to keep for others either.
    const usable = (metadata: AuthorizationServerMetadata | undefined) =>
      metadata !== undefined && passes(() => assertUsable(metadata)) ? metadata : undefined;
    const lastGood = (metadata: AuthorizationServerMetadata): AuthorizationServerMetadata => metadata;
    const load = async (): Promise<Outcome<Loaded<AuthorizationServerMetadata>>> => {
      const found = await fetchAuthorizationServer(this.#how(request), {
        issuer,
        known: this.#answers.get(signal, issuer),
        onAnswers: (answers) => this.#answers.set(signal, issuer, answers),
      });
      if (!found.ok) return found;
      const { metadata, document } = found.value;
      // What may not be used here takes no place from what may.
      const isNothing = usable(metadata) === undefined;
      return succeed({ value: metadata, freshFor: freshFor(document.headers), isNothing });
    };
    const judge = (value: unknown) => usable(storedAuthorizationServer(value, issuer));
    const metadata = await this.#wait(
      request,
      this.#authorizationServers.lookup({
        key: issuer,
        // A server with a short timeout does not end the wait of others.
        variant: String(request.timeout),
        accepts: () => true,
        lastGood,
        load: () =>
          this.#stored.load({
            ...{ kind: "issuer", name: issuer, since: undefined, judge, lastGood, load },
            toStore: usable,
          }),
      }),
    );
    // Here and not in the shared part: what is allowed depends on the server that asks.
    assertUsable(metadata);
    return metadata;
  }

  /**
   * The metadata of the MCP server at `url`, or why there is none. Whether it fits the config is for `findTarget` to say. A
   * `resourceMetadataUrl` that may be followed and differs from what the cached answer came from is followed at once. An
   * answer from before `challenge` was first seen here is asked for again, at most once a minute: what the server says of
   * itself may have changed. Rejects with `insecure_url` or `config_invalid` for a URL of the config, and with `aborted`.
   */
  async resource(request: ResourceRequest): Promise<KnownResource> {
    const { url, issuer, challenge, patience, headers, resourceMetadata: configured } = request;
    assertConfiguredUrl(url, "the server's URL", request.server, this.insecureHosts);
    if (configured !== undefined) {
      assertConfiguredUrl(configured, '"resourceMetadata"', request.server, this.insecureHosts);
    }
    const places = { url, issuer, configured };
    const named = followed({ ...places, named: challenge?.resourceMetadataUrl });
    const since = challenge && this.#firstSeen(challenge);
    const timeout = Math.min(request.timeout, patience);
    const load = async (): Promise<Outcome<Loaded<KnownResource>>> => {
      const candidates = resourceCandidates({ ...places, named });
      const how = { ...this.#how(request), timeout, headers };
      return await loadResource(how, { url, named, candidates });
    };
    const lastGood = lastGoodResource(named);
    const judge = (value: unknown): KnownResource | undefined => {
      const resource = storedResource(value);
      return resource !== undefined && answers(resource, named) && isOf(resource, url, issuer)
        ? resource
        : undefined;
    };
    const variant = resourceVariant(configured, headers);
    const outcome = await this.#outcome(
      request,
      this.#resources.lookup({
        key: JSON.stringify([url, variant]),
        variant: JSON.stringify([named, timeout]),
        accepts: (resource) => answers(resource, named),
        lastGood,
        since,
        load: () =>
          this.#stored.load({
            ...{ kind: "resource", name: url, variant, since, judge, lastGood, load },
            toStore: (resource) => (isOf(resource, url, issuer) ? toStore(resource) : undefined),
          }),
      }),
    );
    if (outcome.ok) return outcome.value;
    if (outcome.failure.code === "aborted") throw failureError(request.server, outcome.failure);
    return { sources: [], missing: { isAbsent: false, failure: outcome.failure } };
  }

  /** For a token endpoint that answered 404 or 405, and for what cannot be used: it may be another one by now. */
  expireAuthorizationServer(issuer: string): void {
    this.#authorizationServers.expire(issuer);
    this.#stored.forget({ kind: "issuer", name: issuer });
  }

  /** The same for what an MCP server says of itself. */
  expireResource({ url, resourceMetadata, headers }: ResourceSource): void {
    this.#resources.expire(JSON.stringify([url, resourceVariant(resourceMetadata, headers)]));
    this.#stored.forget({ kind: "resource", name: url });
  }

  /** For what does not fit the config: it does not serve any more. */
  forgetResource({ url, resourceMetadata, headers }: ResourceSource): void {
    this.#resources.forget(JSON.stringify([url, resourceVariant(resourceMetadata, headers)]));
    this.#stored.forget({ kind: "resource", name: url });
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

  #how({ timeout }: DiscoveryRequest): MetadataFetch {
    return { fetch: this.#fetch, clock: this.#clock, timeout, signal: this.#closing.signal };
  }

  async #wait<V>(request: DiscoveryRequest, work: Promise<Outcome<V>>): Promise<V> {
    const outcome = await this.#outcome(request, work);
    if (!outcome.ok) throw failureError(request.server, outcome.failure);
    return outcome.value;
  }

  async #outcome<V>({ server, signal }: DiscoveryRequest, work: Promise<Outcome<V>>): Promise<Outcome<V>> {
    const aborted = (): McpAuthError =>
      failureError(server, { code: "aborted", detail: "the wait for its metadata was aborted." });
    return await untilAborted(work, signal, aborted);
  }
}

function passes(assertion: () => void): boolean {
  try {
    assertion();
    return true;
  } catch {
    return false;
  }
}
