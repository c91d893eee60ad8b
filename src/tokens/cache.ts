import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import type { Clock } from "../lib/clock.js";
import { debugDecision, debugFreshToken, isDebugging } from "../lib/debug.js";
import { detached } from "../lib/detached.js";
import { unreachable } from "../lib/unreachable.js";
import { untilAborted } from "../lib/wait.js";
import type { TokenTelemetry } from "../telemetry/token-telemetry.js";
import { abortedError, repeatedError, stoppedError, unknownFailure } from "./cache-errors.js";
import { CachedToken } from "./cached-token.js";
import { CooldownRelief, type CooldownReliefOptions, concernsCredential } from "./cooldown-relief.js";
import * as lifecycle from "./lifecycle.js";
import type { RefreshPolicy } from "./policy.js";
import { RefusedTokens, type SharedLimits } from "./refused-tokens.js";
import { Renewal, type RenewalOptions } from "./renewal.js";
import type { RenewalReason } from "./source.js";
import type { Token } from "./token.js";
import * as transitions from "./transitions.js";
import { waitForShared } from "./wait-for-shared.js";

export interface TokenCacheOptions extends RenewalOptions, CooldownReliefOptions {
  readonly clock: Clock;
  readonly policy: RefreshPolicy;
  /** Called with the time of the next background request, `undefined` if there will be none. */
  readonly onPlan: (nextRefreshAt: number | undefined) => void;
  /** The source reads a variable or a file and sends no request. */
  readonly isLocal?: boolean;
  /** Limits on replacements that processes share. */
  readonly sharedLimits?: SharedLimits | undefined;
  readonly telemetry?: TokenTelemetry | undefined;
}

export interface CacheRequest {
  readonly reason: RenewalReason;
  /** Detaches this caller. */
  readonly signal?: AbortSignal | undefined;
  /** Return any unexpired token instead of an error. The server decides whether it still accepts the token. */
  readonly anyUnexpired?: boolean;
}

export interface CacheSnapshot {
  readonly state: lifecycle.StateName;
  readonly expiresAt?: number;
  readonly lastError?: McpAuthError;
  /** When the MCP server last refused the current token. */
  readonly rejectedAt?: number;
}

/**
 * Caches the token of one scope set. A fresh token is returned at once; a stale one is returned at once while a request
 * in the background replaces it; otherwise all callers wait for one request.
 *
 * `Lifecycle` decides, `CachedToken` holds the token, `Renewal` makes the request that callers share, and
 * `RefusedTokens` limits replacements.
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  /** Created when the MCP server first refuses a token. */
  #refused: RefusedTokens | undefined;
  readonly #server: string;
  readonly #clock: Clock;
  readonly #cached: CachedToken;
  readonly #renewal: Renewal;
  readonly #relief: CooldownRelief;
  #stopReason: McpAuthError | undefined;

  constructor(options: TokenCacheOptions) {
    const { server, clock, policy, onPlan } = options;
    this.#options = options;
    this.#server = server;
    this.#clock = clock;
    this.#relief = new CooldownRelief(options);
    const cached = new CachedToken({
      clock,
      policy,
      onPlan,
      onClockSetBack: (by) => this.#refused?.clockSetBack(by),
    });
    this.#cached = cached;
    this.#renewal = new Renewal(cached, options);
  }

  /** What to do when the MCP server refuses a token. */
  get refused(): RefusedTokens {
    this.#refused ??= this.#createRefused();
    return this.#refused;
  }

  /** Whether a request that the MCP server accepts matters to `refused`. */
  get awaitsAcceptance(): boolean {
    return this.#refused?.awaitsAcceptance ?? false;
  }

  /** Returns the token while it is fresh. If it returns `undefined`, call `getToken`. */
  peek(now: number): Token | undefined {
    const token = this.#cached.peek(now);
    if (isDebugging && token !== undefined) debugFreshToken(this.#server);
    return token;
  }

  /** The current token, fresh or not. */
  get latest(): Token | undefined {
    return this.#cached.token;
  }

  get isRequesting(): boolean {
    return this.#renewal.inFlight !== undefined;
  }

  /** Identifies the request in flight. */
  get pending(): object | undefined {
    return this.#renewal.inFlight;
  }

  /** Returns a usable token. Rejects with the codes of the grant, `timeout`, `aborted` and `stopped`. */
  async getToken({ reason, signal, anyUnexpired = false }: CacheRequest): Promise<Token> {
    let decision = this.#cached.decide(reason);
    const unexpired = anyUnexpired && decision.kind === "fail" ? this.#cached.staleFallback(true) : undefined;
    if (unexpired !== undefined) {
      debugDecision(this.#server, reason, { kind: "token", renew: false });
      return unexpired;
    }
    if (decision.kind === "fail" && signal?.aborted !== true) {
      await this.#endCooldownEarly(signal);
      // A token may have arrived during the wait, or `stop()` may have been called.
      decision = this.#cached.decide(reason);
    }
    debugDecision(this.#server, reason, decision);
    if (decision.kind !== "stopped" && signal?.aborted) throw abortedError(this.#server);
    switch (decision.kind) {
      case "stopped":
        throw this.#stopReason ?? stoppedError(this.#server);
      case "token":
        if (decision.renew) void this.#renewInBackground("expiry");
        return this.#currentToken();
      case "fail":
        throw repeatedError(this.#renewal.lastError ?? unknownFailure(this.#server), decision.retryAfter);
      case "wait": {
        const joins = this.isRequesting;
        const renewal = this.#renewal.join(reason);
        const fallBack = (error: unknown): Token => this.#fallBack(error, anyUnexpired);
        const result = waitForShared(reason === "forced" ? renewal : renewal.catch(fallBack), {
          clock: this.#clock,
          signal,
          aborted: () => abortedError(this.#server),
          stale: { at: decision.serveStaleAt, token: () => this.#cached.staleFallback(true) },
        });
        return await this.#measured(result, joins);
      }
      default:
        return unreachable(decision);
    }
  }

  /** Renews the token unless it is usable until `time`. A failure is reported as an event; this never rejects. */
  async ensureUsableUntil(time: number, reason: RenewalReason): Promise<void> {
    const now = this.#cached.now();
    if (lifecycle.wantsRenewal(this.#cached.state, now, time)) await this.#renewInBackground(reason);
    else this.#cached.plan();
  }

  /** Uses a token that a host or another process obtained. */
  accept(token: Token): void {
    if (this.#cached.state.stopped) return;
    this.#renewal.lastError = undefined;
    this.#cached.keep(token, false);
  }

  /** Takes the unexpired token of another cache. */
  takeOver(other: TokenCache): void {
    if (!this.#cached.state.stopped && this.#cached.takeOver(other.#cached))
      this.#renewal.lastError = undefined;
  }

  /**
   * The MCP server refuses new tokens too. Only `snapshot` shows this, because it may accept them for other requests.
   */
  noteRefusedAgain(error: McpAuthError): void {
    this.#renewal.lastError = error;
  }

  /** There is a new credential. The rejection of the previous one does not apply to it. */
  credentialChanged(): void {
    this.refused.credentialChanged();
    if (concernsCredential(this.#renewal.lastError)) {
      this.#cached.amend(transitions.credentialChanged(this.#cached.state));
    }
  }

  /** A timer noticed that the clock was set back by this many milliseconds. */
  clockSetBack(by: number): void {
    this.#cached.clockSetBack(by);
  }

  snapshot(): CacheSnapshot {
    const now = this.#cached.now();
    const { state } = this.#cached;
    const { expiresAt } = state.token ?? {};
    const { lastError } = this.#renewal;
    // An expired token is refused with good reason.
    const rejectedAt = expiresAt !== undefined && expiresAt <= now ? undefined : this.#refused?.rejectedAt;
    return {
      state: lifecycle.stateName(state, now),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(lastError !== undefined && { lastError }),
      ...(rejectedAt !== undefined && { rejectedAt }),
    };
  }

  /** Rejects new calls with `reason` at once, and gives the request in flight `grace` milliseconds to end. */
  async stop(grace: number, reason = stoppedError(this.#server)): Promise<void> {
    this.#stopReason ??= reason;
    this.#cached.enter(transitions.stopped(this.#cached.state));
    await this.#renewal.stop(grace, this.#stopReason);
  }

  /**
   * Ends a cool-down early if another process has a token, the server may be asked again, or there is a new credential.
   */
  async #endCooldownEarly(signal: AbortSignal | undefined): Promise<void> {
    const aborted = (): McpAuthError => abortedError(this.#server);
    const shared = await untilAborted(this.#relief.sharedToken(), signal, aborted);
    if (shared !== undefined) this.accept(shared);
    const { lastError } = this.#renewal;
    if (this.#relief.hasWaitEnded(lastError)) {
      this.#cached.amend(transitions.retryAfterEnded(this.#cached.state));
    }
    if (await untilAborted(this.#relief.hasNewCredential(lastError), signal, aborted))
      this.credentialChanged();
  }

  #createRefused(): RefusedTokens {
    const [cached, renewal, relief, clock] = [this.#cached, this.#renewal, this.#relief, this.#clock];
    return new RefusedTokens({
      server: this.#server,
      clock,
      current: () => cached.token,
      inFlight: () => renewal.inFlight,
      mayRequest: () => lifecycle.mayReplace(cached.state, clock.now()),
      isLocal: this.#options.isLocal ?? false,
      hasNewCredential: () => relief.hasNewCredential(renewal.lastError),
      request: (refused) => this.#measured(renewal.replace(refused), renewal.inFlight !== undefined),
      shared: this.#options.sharedLimits,
    });
  }

  /** Never rejects: a failure is reported as an event. */
  async #renewInBackground(reason: RenewalReason): Promise<void> {
    const cause = this.#options.telemetry?.cause;
    await detached(() => this.#renewal.join(reason, cause)).catch(ignoreFailureInBackground);
  }

  /** Measures how long a caller waits. `joins`: another caller has caused the request. */
  #measured(result: Promise<Token>, joins: boolean): Promise<Token> {
    const { telemetry } = this.#options;
    return telemetry === undefined ? result : telemetry.wait(result, joins);
  }

  #currentToken(): Token {
    const { token } = this.#cached;
    if (token === undefined)
      throw new TypeError("The lifecycle decided to return a token that does not exist.");
    return token;
  }

  /** Returns the current token if it may be used instead of the one that could not be obtained; otherwise throws. */
  #fallBack(error: unknown, anyUnexpired: boolean): Token {
    const retryable = error instanceof McpAuthError && error.retryable;
    const token = this.#cached.staleFallback(anyUnexpired || retryable);
    if (token === undefined) throw error;
    return token;
  }
}
