import type { ServerSpec } from "../config/spec.js";
import { createAuthorizedFetch } from "../http/authorized-fetch.js";
import { assertOwnUrl } from "../http/own-url.js";
import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { RenewalTimers } from "../schedule/renewal-timers.js";
import type { Token } from "../tokens/token.js";
import { assertHeaderOptions, assertTokenOptions } from "./check-options.js";
import { clientCapabilities, type McpClientCapabilities } from "./client-capabilities.js";
import { configuredHeaders } from "./configured-headers.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import type { ScopeSets } from "./scope-sets.js";
import { type HostSeam, hostSeam, type ManagedServer } from "./seam.js";
import { bareToken, tokenHeaders } from "./sender-constrained.js";
import { serverAuthorizer } from "./server-authorizer.js";
import { specChange, withTokensOf } from "./spec-changes.js";
import { hasRuntimeSubject, type RuntimeSubject } from "./subjects.js";
import type { HeaderOptions, TokenManagerStatus, TokenOptions } from "./token-manager.js";
import { TokenSupply } from "./token-supply.js";

/** Milliseconds that a renewal in flight, and the writing of a refresh token, get when the manager stops. */
export const stopGrace = 5_000;

/** Whose tokens they are, when they are not the server's own. */
export interface UserOf {
  readonly server: LiveServer;
  readonly subject: () => RuntimeSubject;
}

/**
 * One server as one config has it: its tokens, the timers that keep them fresh, and a `fetch` over both. It never
 * changes; with another config another takes its place, and calls that began here end here.
 */
export class LiveServer implements ManagedServer {
  readonly url: string;
  /** `url`, taken apart. */
  readonly address: URL;
  readonly clientCapabilities: McpClientCapabilities;
  readonly fetch: FetchFunction;
  readonly spec: ServerSpec;
  /** The tokens of the one whose place this took are as good as new ones. */
  readonly keepsTokens: boolean;
  readonly #environment: ManagerEnvironment;
  readonly #clock: Clock;
  readonly #supply: TokenSupply;
  readonly #sets: ScopeSets;
  readonly #timers: RenewalTimers;
  readonly #headers: ReturnType<typeof configuredHeaders>;

  /** `before` is the one whose place this takes: what it knows that still holds is kept. */
  constructor(latest: ServerSpec, environment: ManagerEnvironment, before?: LiveServer, user?: UserOf) {
    // Another environment is another network: what came over the one before is left there.
    const isSameNetwork = before !== undefined && before.#environment === environment;
    const change = isSameNetwork ? specChange(before.spec, latest) : "tokens";
    const kept = change === "tokens" ? undefined : before;
    const spec = kept === undefined ? latest : withTokensOf(kept.spec, latest);
    this.url = spec.url;
    this.address = new URL(spec.url);
    this.clientCapabilities = clientCapabilities(spec);
    this.spec = spec;
    this.#environment = environment;
    this.#clock = environment.clock;
    this.keepsTokens = kept !== undefined;
    const known = kept === undefined ? undefined : kept.#supply;
    const ofUser = user && { subject: user.subject, supply: user.server.#supply };
    const supply =
      known !== undefined && change !== "requested"
        ? known
        : new TokenSupply(spec, environment, ofUser, known);
    this.#supply = supply;
    this.#sets = supply.sets;
    this.#timers = renewalTimers(spec, environment, supply.sets, user !== undefined);
    if (kept !== undefined) this.#timers.follow(kept.#timers);
    supply.onPlan((renewAt) => this.#timers.plan(renewAt));
    this.#headers = configuredHeaders(spec, environment, supply.limits);
    this.fetch = createAuthorizedFetch(
      serverAuthorizer({
        ...{ spec, address: this.address, environment, supply, headers: this.#headers },
        token: (signal) => this.#unexpired(signal),
      }),
    );
  }

  get [hostSeam](): HostSeam {
    return this.#supply.seam;
  }

  // One async method that looks into the cache before it waits: what a fresh token costs is one comparison.
  // `getToken` does the same again, because a second async method in between doubles that cost (see `bench/`).
  async getAccessToken(options?: TokenOptions): Promise<string> {
    const now = this.#clock.now();
    this.#timers.used(now);
    const token =
      (options === undefined ? this.#sets.own.peek(now) : undefined) ?? (await this.#acquire(options));
    return token.binding === undefined ? token.accessToken : bareToken(this.spec.name, token);
  }

  async getToken(options?: TokenOptions): Promise<Token> {
    const now = this.#clock.now();
    this.#timers.used(now);
    return (options === undefined ? this.#sets.own.peek(now) : undefined) ?? (await this.#acquire(options));
  }

  async getHeaders(options: HeaderOptions = {}): Promise<Record<string, string>> {
    assertHeaderOptions(this.spec.name, options);
    const { method, url, scopes } = options;
    const signal = options.signal ?? undefined;
    if (url !== undefined) {
      const own = { url: this.address, reach: this.spec.reach };
      assertOwnUrl(this.spec.name, own, String(url), "The URL of the request");
    }
    const wanted = { ...(signal && { signal }), ...(scopes && { scopes }) };
    const token = await this.getToken(wanted);
    const headers = await this.#headers(signal);
    const authorization = await tokenHeaders(token, {
      server: this.spec.name,
      request: { method, url },
      nonce: (target) => this.#supply.nonces.get("resource", target),
      time: (target) => this.#environment.serverClocks.at(target),
      signal,
      limits: this.#supply.limits,
    });
    return { ...headers, ...authorization };
  }

  status(): TokenManagerStatus {
    const { state, ...known } = this.#sets.own.snapshot();
    const { asleep, nextRefreshAt } = this.#timers;
    const { kid } = this.#supply;
    return {
      server: this.spec.name,
      state: asleep && state !== "stopped" ? "asleep" : state,
      ...known,
      ...(nextRefreshAt !== undefined && { nextRefreshAt }),
      ...(kid !== undefined && { kid }),
    };
  }

  /** The same for a user, whose `before` may be of an earlier config. */
  ofUser(subject: () => RuntimeSubject, before: LiveServer | undefined): LiveServer {
    return new LiveServer(this.spec, this.#environment, before, { server: this, subject });
  }

  /** There is another credential than before. */
  credentialChanged(): void {
    this.#sets.credentialChanged();
  }

  /** Starts the schedule and waits for a first token, if the server is to have one before it is used. */
  async start(required: boolean): Promise<void> {
    // Whose token it would be is not known yet.
    if (hasRuntimeSubject(this.spec.grant) && !required) return;
    this.#timers.startTicking();
    if (this.spec.refresh.automatic || required) await this.getToken();
  }

  /** Another takes its place: from now on nothing happens here by itself. */
  retire(): void {
    this.#timers.stop();
  }

  async stop(): Promise<void> {
    this.#timers.stop();
    this.#supply.limits.stop();
    await this.#sets.stop(stopGrace);
  }

  /** For a request that the server decides about: a token that has not expired is better than any error. */
  async #unexpired(signal: AbortSignal | undefined): Promise<Token> {
    const now = this.#clock.now();
    this.#timers.used(now);
    const { own } = this.#sets;
    return own.peek(now) ?? (await own.getToken({ reason: "demand", signal, anyUnexpired: true }));
  }

  #acquire(options: TokenOptions = {}): Promise<Token> {
    assertTokenOptions(this.spec.name, options);
    const { forceRefresh = false, signal, scopes } = options;
    const cache = scopes === undefined ? this.#sets.own : this.#sets.of(scopes);
    // `fetch` takes `null` for no signal, and so do those that follow its types.
    return cache.getToken({ reason: forceRefresh ? "forced" : "demand", signal: signal ?? undefined });
  }
}

function renewalTimers(
  spec: ServerSpec,
  environment: ManagerEnvironment,
  sets: ScopeSets,
  ofUser: boolean,
): RenewalTimers {
  const { idle, schedule, timezone } = spec.refresh;
  // There may be any number of users, and nobody knows which of them comes back: their tokens are renewed by use.
  const automatic = spec.refresh.automatic && !ofUser;
  const { clock, random } = environment;
  return new RenewalTimers({
    clock,
    automatic,
    idle,
    spread: random(),
    cron:
      schedule === undefined
        ? undefined
        : async () => (await import("../schedule/cron.js")).cronSchedule(schedule, timezone),
    ensureUsableUntil: (time, reason) => sets.own.ensureUsableUntil(time, reason),
    clockSetBack: (by) => sets.clockSetBack(by),
  });
}
