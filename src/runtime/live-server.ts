import type { ServerSpec } from "../config/spec.js";
import type { McpAuthError } from "../errors/error.js";
import { createAuthorizedFetch } from "../http/authorized-fetch.js";
import { assertUrlOfServer } from "../http/server-url.js";
import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { RenewalTimers } from "../schedule/renewal-timers.js";
import type { CacheRequest, TokenCache } from "../tokens/cache.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";
import { assertHeaderOptions, assertTokenOptions } from "./check-options.js";
import { clientCapabilities, type McpClientCapabilities } from "./client-capabilities.js";
import { configuredHeaders } from "./configured-headers.js";
import { type ManagerInternals, managerInternals } from "./manager-internals.js";
import type { RuntimeContext } from "./runtime-context.js";
import { tokenHeaders } from "./sender-constrained.js";
import { serverAuthorizer } from "./server-authorizer.js";
import { ServerTokens } from "./server-tokens.js";
import { specChange, withTokensOf } from "./spec-changes.js";
import { hasRuntimeSubject, type RuntimeSubject } from "./subjects.js";
import type { HeaderOptions, TokenManagerStatus, TokenOptions } from "./token-manager.js";

/** Milliseconds that a renewal in flight, and the write of a refresh token, have to end after `stop()`. */
export const stopGrace = 5_000;

/** The user of the tokens, if they are not those of the server itself. */
export interface LiveServerUser {
  readonly server: LiveServer;
  readonly subject: () => RuntimeSubject;
}

/**
 * One server with one config: its tokens, the timers that renew them, and a `fetch` that uses them. After a reload that
 * changes the config, another `LiveServer` replaces it; calls in flight still use this one.
 */
export class LiveServer {
  readonly url: string;
  readonly spec: ServerSpec;
  /** Whether this server took over the tokens of the one that it replaced. */
  readonly keepsTokens: boolean;
  readonly #runtime: RuntimeContext;
  readonly #clock: Clock;
  readonly #tokens: ServerTokens;
  readonly #caches: CachesByScope;
  readonly #timers: RenewalTimers;
  // Created when needed, because a config may have thousands of servers.
  #headers: ReturnType<typeof configuredHeaders> | undefined;
  #fetch: FetchFunction | undefined;
  #clientCapabilities: McpClientCapabilities | undefined;

  /** Takes over from `previous`, which it replaces, everything that is still valid under the new config. */
  constructor(latest: ServerSpec, runtime: RuntimeContext, previous?: LiveServer, user?: LiveServerUser) {
    // Another runtime context has another network. Tokens that came over one network are not used over the other.
    const isSameNetwork = previous !== undefined && previous.#runtime === runtime;
    const change = isSameNetwork ? specChange(previous.spec, latest) : "tokens";
    const kept = change === "tokens" ? undefined : previous;
    const spec = kept === undefined ? latest : withTokensOf(kept.spec, latest);
    this.url = spec.url;
    this.spec = spec;
    this.#runtime = runtime;
    this.#clock = runtime.clock;
    this.keepsTokens = kept !== undefined;
    const keptTokens = kept === undefined ? undefined : kept.#tokens;
    const userTokens = user && { subject: user.subject, serverTokens: user.server.#tokens };
    const tokens =
      keptTokens !== undefined && change !== "requested"
        ? keptTokens
        : new ServerTokens(spec, runtime, userTokens, keptTokens);
    this.#tokens = tokens;
    this.#caches = tokens.caches;
    this.#timers = renewalTimers(spec, runtime, tokens.caches, user !== undefined);
    if (kept !== undefined) this.#timers.takeOver(kept.#timers);
    tokens.onPlan((nextRefreshAt) => this.#timers.plan(nextRefreshAt));
  }

  get fetch(): FetchFunction {
    this.#fetch ??= this.#createFetch();
    return this.#fetch;
  }

  get clientCapabilities(): McpClientCapabilities {
    this.#clientCapabilities ??= clientCapabilities(this.spec);
    return this.#clientCapabilities;
  }

  get [managerInternals](): ManagerInternals {
    return this.#tokens.internals;
  }

  /**
   * Notes the use, and returns the token at once if it is fresh and there are no options. Otherwise returns
   * `undefined`: get the token from the cache that `cacheFor` returns.
   */
  freshToken(options?: TokenOptions): Token | undefined {
    const now = this.#clock.now();
    this.#timers.noteUse(now);
    return options === undefined ? this.#caches.defaultCache.peek(now) : undefined;
  }

  /** Returns the cache for the scopes in the options. Throws `config_invalid` for wrong options. */
  cacheFor(options: TokenOptions = {}): TokenCache {
    assertTokenOptions(this.spec.name, options);
    return options.scopes === undefined ? this.#caches.defaultCache : this.#caches.of(options.scopes);
  }

  async getHeaders(options: HeaderOptions = {}): Promise<Record<string, string>> {
    assertHeaderOptions(this.spec.name, options);
    const { method, url, scopes } = options;
    const signal = options.signal ?? undefined;
    if (url !== undefined) {
      const server = { url: new URL(this.url), reach: this.spec.reach };
      assertUrlOfServer(this.spec.name, server, String(url), "The URL of the request");
    }
    const tokenOptions = { ...(signal && { signal }), ...(scopes && { scopes }) };
    const token =
      this.freshToken(tokenOptions) ??
      (await this.cacheFor(tokenOptions).getToken(cacheRequest(tokenOptions)));
    const headers = await this.#configuredHeaders(signal);
    const authorization = await tokenHeaders(token, {
      server: this.spec.name,
      request: { method, url },
      nonce: (target) => this.#tokens.nonces.get("resource", target),
      time: (target) => this.#runtime.serverClocks.at(target),
      signal,
      limits: this.#tokens.limits,
    });
    return { ...headers, ...authorization };
  }

  status(): TokenManagerStatus {
    const { state, ...times } = this.#caches.defaultCache.snapshot();
    const { asleep, nextRefreshAt } = this.#timers;
    const { kid } = this.#tokens;
    return {
      server: this.spec.name,
      state: asleep && state !== "stopped" ? "asleep" : state,
      ...times,
      ...(nextRefreshAt !== undefined && { nextRefreshAt }),
      ...(kid !== undefined && { kid }),
    };
  }

  /** Creates this server for one user. It replaces `previous`, that of the same user with perhaps an earlier config. */
  forUser(subject: () => RuntimeSubject, previous: LiveServer | undefined): LiveServer {
    return new LiveServer(this.spec, this.#runtime, previous, { server: this, subject });
  }

  /** There is a new credential. */
  credentialChanged(): void {
    this.#caches.credentialChanged();
  }

  /** Starts the schedule, and waits for a first token if the server is renewed automatically or `required`. */
  async start(required: boolean): Promise<void> {
    // There is no user yet whose token could be requested.
    if (hasRuntimeSubject(this.spec.grant) && !required) return;
    this.#timers.startSchedule();
    if (!this.spec.refresh.automatic && !required) return;
    if (this.freshToken() === undefined) await this.#caches.defaultCache.getToken({ reason: "demand" });
  }

  /** Stops the timers, because another server replaces this one. */
  retire(): void {
    this.#timers.stop();
  }

  /** Ends this server of a user: it keeps and requests no tokens any more, and its calls get `reason`. */
  async forget(reason: McpAuthError): Promise<void> {
    this.#timers.stop();
    await Promise.all([this.#caches.stop(0, reason), this.#tokens.writes?.close()]);
  }

  /** Deletes the stored tokens of a user, by the `key` that `for()` got. Rejects with `store_unavailable`. */
  async forgetStored(key: string): Promise<void> {
    const { store } = this.#runtime;
    if (store === undefined) return;
    const { forgetUser } = await import("../sharing/forget-user.js");
    await forgetUser(this.spec, store, key);
  }

  async stop(): Promise<void> {
    this.#timers.stop();
    this.#tokens.limits.stop();
    await this.#caches.stop(stopGrace);
  }

  #createFetch(): FetchFunction {
    return createAuthorizedFetch(
      serverAuthorizer({
        ...{ spec: this.spec, address: new URL(this.url), runtime: this.#runtime, tokens: this.#tokens },
        headers: (signal) => this.#configuredHeaders(signal),
        token: (signal) => this.#unexpiredToken(signal),
      }),
    );
  }

  #configuredHeaders(signal: AbortSignal | undefined): ReturnType<ReturnType<typeof configuredHeaders>> {
    this.#headers ??= configuredHeaders(this.spec, this.#runtime, this.#tokens.limits);
    return this.#headers(signal);
  }

  /**
   * Returns any unexpired token instead of an error, for `fetch`: the server decides whether it still accepts the
   * token.
   */
  async #unexpiredToken(signal: AbortSignal | undefined): Promise<Token> {
    const { defaultCache } = this.#caches;
    return (
      this.freshToken() ?? (await defaultCache.getToken({ reason: "demand", signal, anyUnexpired: true }))
    );
  }
}

/** Returns the request to a cache for the options of a call. */
export function cacheRequest({ forceRefresh = false, signal }: TokenOptions = {}): CacheRequest {
  // `fetch` accepts `null` for no signal, and so do callers that follow its types.
  return { reason: forceRefresh ? "forced" : "demand", signal: signal ?? undefined };
}

function renewalTimers(
  spec: ServerSpec,
  runtime: RuntimeContext,
  caches: CachesByScope,
  isForUser: boolean,
): RenewalTimers {
  const { idle, schedule, timezone } = spec.refresh;
  // Tokens of users are renewed when they are used, because there may be any number of users.
  const automatic = spec.refresh.automatic && !isForUser;
  const { clock, random } = runtime;
  return new RenewalTimers({
    clock,
    automatic,
    idle,
    spread: random(),
    cron:
      schedule === undefined
        ? undefined
        : async () => (await import("../schedule/cron.js")).cronSchedule(schedule, timezone),
    ensureUsableUntil: (time, reason) => caches.defaultCache.ensureUsableUntil(time, reason),
    clockSetBack: (by) => caches.clockSetBack(by),
  });
}
