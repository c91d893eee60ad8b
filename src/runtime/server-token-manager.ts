import type { ServerSpec } from "../config/spec.js";
import { bearerChallenge, type ServerChallenge } from "../discovery/challenge.js";
import { createAuthorizedFetch } from "../http/authorized-fetch.js";
import { isWithinPath } from "../http/reach.js";
import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { RenewalTimers } from "../schedule/renewal-timers.js";
import type { TokenCache } from "../tokens/cache.js";
import type { Token } from "../tokens/token.js";
import { configuredHeaders } from "./configured-headers.js";
import { hostAccess } from "./host-access.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import { type HostSeam, hostSeam, type SeamedManager } from "./seam.js";
import { createTokenCache } from "./token-cache.js";
import type { HeaderOptions, TokenManagerStatus, TokenOptions } from "./token-manager.js";

// What a renewal in flight gets when the manager stops.
const stopGrace = 5_000;

/** The manager of one server: a token cache, the timers that keep it fresh, and a `fetch` over both. */
export class ServerTokenManager implements SeamedManager {
  readonly name: string;
  readonly url: string;
  /** `url`, taken apart. */
  readonly address: URL;
  readonly fetch: FetchFunction;
  readonly [hostSeam]: HostSeam;
  readonly #clock: Clock;
  readonly #cache: TokenCache;
  readonly #timers: RenewalTimers;
  readonly #headers: () => Promise<Readonly<Record<string, string>>> | undefined;
  readonly #automatic: boolean;
  #challenge: ServerChallenge | undefined;
  #kid: string | undefined;

  constructor(spec: ServerSpec, environment: ManagerEnvironment) {
    this.name = spec.name;
    this.url = spec.url;
    this.address = new URL(spec.url);
    this.#clock = environment.clock;
    this.#automatic = spec.refresh.automatic;
    this.#cache = createTokenCache(spec, environment, {
      challenge: () => this.#challenge,
      signedWith: (kid) => {
        this.#kid = kid;
      },
      onPlan: (renewAt) => this.#timers.plan(renewAt),
    });
    this.#timers = renewalTimers(spec, environment, this.#cache);
    this.#headers = configuredHeaders(spec, environment.env);
    this[hostSeam] = hostAccess(spec, environment, this.#cache);
    this.fetch = createAuthorizedFetch({
      name: spec.name,
      url: this.address,
      reach: spec.reach,
      fetch: environment.fetch,
      headers: this.#headers,
      token: (signal) => this.getToken(signal === undefined ? undefined : { signal }),
      accepted: (token) => this.#cache.confirm(token),
      rejected: (token, response, url) => {
        // Another path of the same origin may be another resource; what it asks for is not for us.
        if (isWithinPath(url.pathname, this.address.pathname)) {
          this.#challenge = bearerChallenge(response.headers) ?? this.#challenge;
        }
        this.#cache.reject(token.accessToken);
      },
    });
  }

  // One async method that looks into the cache before it waits: what a fresh token costs is one comparison.
  // `getToken` does the same again, because a second async method in between doubles that cost (see `bench/`).
  async getAccessToken(options?: TokenOptions): Promise<string> {
    const now = this.#clock.now();
    this.#timers.used(now);
    const token = options === undefined ? this.#cache.peek(now) : undefined;
    return token === undefined ? (await this.#acquire(options)).accessToken : token.accessToken;
  }

  async getToken(options?: TokenOptions): Promise<Token> {
    const now = this.#clock.now();
    this.#timers.used(now);
    return (options === undefined ? this.#cache.peek(now) : undefined) ?? (await this.#acquire(options));
  }

  async getHeaders(options?: HeaderOptions): Promise<Record<string, string>> {
    const [headers, token] = await Promise.all([this.#headers(), this.getToken(options)]);
    return { ...headers, authorization: `${token.tokenType} ${token.accessToken}` };
  }

  status(): TokenManagerStatus {
    const { state, ...known } = this.#cache.snapshot();
    const { asleep, nextRefreshAt } = this.#timers;
    return {
      server: this.name,
      state: asleep && state !== "stopped" ? "asleep" : state,
      ...known,
      ...(nextRefreshAt !== undefined && { nextRefreshAt }),
      ...(this.#kid !== undefined && { kid: this.#kid }),
    };
  }

  /** Starts the schedule and waits for a first token, if the server is to have one before it is used. */
  async start(required: boolean): Promise<void> {
    this.#timers.startTicking();
    if (this.#automatic || required) await this.getToken();
  }

  async stop(): Promise<void> {
    this.#timers.stop();
    await this.#cache.stop(stopGrace);
  }

  #acquire({ forceRefresh = false, signal }: TokenOptions = {}): Promise<Token> {
    return this.#cache.getToken({ reason: forceRefresh ? "forced" : "demand", signal });
  }
}

function renewalTimers(spec: ServerSpec, environment: ManagerEnvironment, cache: TokenCache): RenewalTimers {
  const { automatic, idle, schedule, timezone } = spec.refresh;
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
    ensureUsableUntil: (time, reason) => cache.ensureUsableUntil(time, reason),
  });
}
