import type { ServerSpec } from "../config/spec.js";
import { type ServerChallenge, serverChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { Dpop } from "../dpop/dpop.js";
import { Nonces } from "../dpop/nonces.js";
import { createAuthorizedFetch } from "../http/authorized-fetch.js";
import { isWithinPath } from "../http/reach.js";
import type { Clock } from "../lib/clock.js";
import { isScope } from "../lib/scope.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { RenewalTimers } from "../schedule/renewal-timers.js";
import { CredentialWatch } from "../secrets/credential-watch.js";
import type { Token } from "../tokens/token.js";
import { clientCapabilities, type McpClientCapabilities } from "./client-capabilities.js";
import { configuredHeaders } from "./configured-headers.js";
import { hostAccess } from "./host-access.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import { ScopeSets } from "./scope-sets.js";
import { type HostSeam, hostSeam, type SeamedManager } from "./seam.js";
import { bareToken, tokenHeaders } from "./sender-constrained.js";
import { stepUp } from "./step-up.js";
import {
  assertSubject,
  hasRuntimeSubject,
  type RuntimeSubject,
  readSubjectToken,
  Subjects,
} from "./subjects.js";
import { createTokenCache, type GrantHooks } from "./token-cache.js";
import type { HeaderOptions, TokenManager, TokenManagerStatus, TokenOptions } from "./token-manager.js";

// What a renewal in flight gets when the manager stops.
const stopGrace = 5_000;

/** What the manager of one user has of the server's own. */
interface UserOf {
  readonly parent: ServerTokenManager;
  readonly subject: () => RuntimeSubject;
  readonly dpop: GrantHooks["dpop"];
  readonly nonces: Nonces;
}

/** The manager of one server: its token caches, the timers that keep them fresh, and a `fetch` over both. */
export class ServerTokenManager implements SeamedManager {
  readonly name: string;
  readonly url: string;
  /** `url`, taken apart. */
  readonly address: URL;
  readonly clientCapabilities: McpClientCapabilities;
  readonly fetch: FetchFunction;
  readonly [hostSeam]: HostSeam;
  readonly #spec: ServerSpec;
  readonly #environment: ManagerEnvironment;
  readonly #clock: Clock;
  readonly #sets: ScopeSets;
  readonly #timers: RenewalTimers;
  readonly #headers: () => Promise<Readonly<Record<string, string>>> | undefined;
  readonly #nonces: Nonces;
  readonly #dpop: GrantHooks["dpop"];
  readonly #subjects = new Subjects<ServerTokenManager>();
  readonly #parent: ServerTokenManager | undefined;
  #stopped = false;
  #challenge: ServerChallenge | undefined;
  #target: Target | undefined;
  #kid: string | undefined;

  constructor(spec: ServerSpec, environment: ManagerEnvironment, user?: UserOf) {
    this.name = spec.name;
    this.url = spec.url;
    this.address = new URL(spec.url);
    this.clientCapabilities = clientCapabilities(spec);
    this.#spec = spec;
    this.#environment = environment;
    this.#clock = environment.clock;
    this.#parent = user?.parent;
    this.#nonces = user?.nonces ?? new Nonces();
    this.#dpop = user === undefined ? lazyDpop(spec, this.#clock, this.#nonces) : user.dpop;
    const hooks = this.#hooks(user);
    this.#sets = new ScopeSets({
      scopes: spec.grant.scopes,
      createCache: (scopes, onPlan) => createTokenCache(spec, environment, { ...hooks, scopes, onPlan }),
      onPlan: (renewAt) => this.#timers.plan(renewAt),
    });
    this.#timers = renewalTimers(spec, environment, this.#sets, user !== undefined);
    this.#headers = configuredHeaders(spec, environment);
    this[hostSeam] = hostAccess(spec, environment, {
      sets: this.#sets,
      signedWith: hooks.signedWith,
      target: () => this.#target,
    });
    this.fetch = createAuthorizedFetch({
      name: spec.name,
      url: this.address,
      reach: spec.reach,
      fetch: environment.fetch,
      nonces: this.#nonces,
      headers: this.#headers,
      token: (signal) => this.getToken(signal === undefined ? undefined : { signal }),
      accepted: (token) => this.#sets.confirm(token),
      rejected: (token, response, url) => {
        // Another path of the same origin may be another resource; what it asks for is not for us.
        if (isWithinPath(url.pathname, this.address.pathname)) {
          this.#challenge = serverChallenge(response.headers) ?? this.#challenge;
        }
        this.#sets.reject(token.accessToken);
      },
      stepUp: (wanted, token, signal) => stepUp(spec, this.#sets, this.#target, { wanted, token, signal }),
    });
  }

  // One async method that looks into the cache before it waits: what a fresh token costs is one comparison.
  // `getToken` does the same again, because a second async method in between doubles that cost (see `bench/`).
  async getAccessToken(options?: TokenOptions): Promise<string> {
    const now = this.#clock.now();
    this.#timers.used(now);
    const token =
      (options === undefined ? this.#sets.own.peek(now) : undefined) ?? (await this.#acquire(options));
    return token.binding === undefined ? token.accessToken : bareToken(this.name, token);
  }

  async getToken(options?: TokenOptions): Promise<Token> {
    const now = this.#clock.now();
    this.#timers.used(now);
    return (options === undefined ? this.#sets.own.peek(now) : undefined) ?? (await this.#acquire(options));
  }

  async getHeaders(options: HeaderOptions = {}): Promise<Record<string, string>> {
    const { method, url, signal, scopes } = options;
    const wanted = { ...(signal && { signal }), ...(scopes && { scopes }) };
    const [headers, token] = await Promise.all([this.#headers(), this.getToken(wanted)]);
    const authorization = await tokenHeaders(token, {
      server: this.name,
      url: this.address,
      reach: this.#spec.reach,
      request: { method, url },
      nonce: (target) => this.#nonces.get("resource", target),
      signal,
    });
    return { ...headers, ...authorization };
  }

  for(subject: RuntimeSubject): TokenManager {
    if (this.#parent !== undefined) return this.#parent.for(subject);
    assertSubject(this.name, this.#spec.grant, subject);
    const create = (latest: () => RuntimeSubject): ServerTokenManager => {
      const user = { parent: this, subject: latest, dpop: this.#dpop, nonces: this.#nonces };
      const manager = new ServerTokenManager(this.#spec, this.#environment, user);
      if (this.#stopped) void manager.stop();
      return manager;
    };
    return this.#subjects.get(subject, create, (manager) => manager.#sets.credentialChanged());
  }

  status(): TokenManagerStatus {
    const { state, ...known } = this.#sets.own.snapshot();
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
    // Whose token it would be is not known yet.
    if (hasRuntimeSubject(this.#spec.grant) && !required) return;
    this.#timers.startTicking();
    if (this.#spec.refresh.automatic || required) await this.getToken();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timers.stop();
    await Promise.all([this.#sets.stop(stopGrace), ...this.#subjects.all().map((manager) => manager.stop())]);
  }

  #acquire({ forceRefresh = false, signal, scopes }: TokenOptions = {}): Promise<Token> {
    const cache = scopes === undefined ? this.#sets.own : this.#sets.of(valid(scopes));
    return cache.getToken({ reason: forceRefresh ? "forced" : "demand", signal });
  }

  #hooks(user: UserOf | undefined): GrantHooks {
    return {
      challenge: () => this.#challenge,
      signedWith: (kid) => {
        this.#kid = kid;
      },
      onTarget: (target) => {
        this.#target = target;
      },
      dpop: this.#dpop,
      subjectToken: user && (() => readSubjectToken(this.name, user.subject())),
      watch: new CredentialWatch(),
    };
  }
}

/** Throws `TypeError`: what is no scope is a mistake of the caller, and a space would make two of one. */
function valid(scopes: readonly string[]): readonly string[] {
  if (scopes.every(isScope)) return scopes;
  throw new TypeError("A scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3).");
}

/** DPoP for one server, loaded when its first token is asked for. */
function lazyDpop({ dpop }: ServerSpec, clock: Clock, nonces: Nonces): (() => Promise<Dpop>) | undefined {
  if (dpop === undefined) return undefined;
  const { key } = dpop;
  let loaded: Promise<Dpop> | undefined;
  return () => {
    loaded ??= import("../dpop/dpop.js").then(({ createDpop }) => createDpop({ key, clock, nonces }));
    return loaded;
  };
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
  });
}
