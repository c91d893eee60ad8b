import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { debugCooldown, debugDecision, debugFlight, debugFreshToken, isDebugging } from "../lib/debug.js";
import { settledWithin, untilAborted } from "../lib/wait.js";
import { abortedError, again, RequestWithheld, stoppedError, unexplained } from "./cache-errors.js";
import { CooldownRelief, type CooldownReliefOptions, isOfCredential } from "./cooldown-relief.js";
import * as lifecycle from "./lifecycle.js";
import { type RefreshPolicy, timeline } from "./policy.js";
import { RefusedTokens, type SharedLimits } from "./refused-tokens.js";
import { SingleFlight } from "./single-flight.js";
import type { RefusedToken, RenewalReason, TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";
import { errorFields, type Report } from "./token-event.js";
import * as transitions from "./transitions.js";
import { waitForShared } from "./wait-for-shared.js";

export interface TokenCacheOptions extends CooldownReliefOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly policy: RefreshPolicy;
  readonly report: Report;
  /** Asked for each new token. */
  readonly source: TokenSource;
  /** Called when it becomes known when the token is next to be renewed; `undefined`: there is nothing to be gained. */
  readonly onPlan: (renewAt: number | undefined) => void;
  /** The source reads a variable or a file, and asks nobody. */
  readonly isLocal?: boolean;
  /** What limits requests after refusals, where other processes share the token. */
  readonly sharedLimits?: SharedLimits | undefined;
  /** Called when a request has failed whose error no caller gets. */
  readonly onUntoldFailure?: (error: McpAuthError) => void;
  /** Called when a token from the source has taken its place. */
  readonly onRenewed?: () => void;
}

export interface CacheRequest {
  readonly reason: RenewalReason;
  /** Detaches this caller. */
  readonly signal?: AbortSignal | undefined;
  /** A token that has not expired is better than any error: the server decides whether it still accepts it. */
  readonly anyUnexpired?: boolean;
}

export interface CacheSnapshot {
  readonly state: lifecycle.State;
  readonly expiresAt?: number;
  readonly lastError?: McpAuthError;
}

/** Milliseconds in which a request that was called off has ended, whatever it waited for. */
const endingLimit = 1_000;

/**
 * Holds the token and hands it out: fresh, at once; stale, at once while it is renewed behind the callers' backs;
 * otherwise they wait for the next, all for the same one. What is decided when is the `Lifecycle`'s: here it meets the
 * clock, the source and the callers.
 */
export class TokenCache {
  /** What follows when the server refuses a token. */
  readonly refused: RefusedTokens;
  readonly #options: TokenCacheOptions;
  readonly #clock: Clock;
  readonly #source: SingleFlight;
  readonly #relief: CooldownRelief;
  readonly #stopping = new AbortController();
  /** Of background requests, the same for the life of this one: spreads those of a fleet. */
  readonly #spread: number;
  #state = lifecycle.initialState;
  #token: Token | undefined;
  /** What `peek` compares: the token is fresh from the last look until then. */
  #staleAt = Number.NEGATIVE_INFINITY;
  #lastLookAt = Number.NEGATIVE_INFINITY;
  #lastError: McpAuthError | undefined;

  constructor(options: TokenCacheOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#relief = new CooldownRelief(options);
    this.#spread = options.policy.random();
    // What the outcome means is settled as part of the shared request: once that has ended, whoever comes finds it.
    this.#source = new SingleFlight({ getToken: (request) => this.#fetch(request) });
    this.refused = new RefusedTokens({
      server: options.server,
      clock: options.clock,
      current: () => this.#token,
      inFlight: () => this.#source.flight,
      mayRequest: () => lifecycle.mayReplace(this.#state, this.#clock.now()),
      isLocal: options.isLocal ?? false,
      hasNewCredential: () => this.#relief.hasNewCredential(this.#lastError),
      request: (refused) => this.#replace(refused),
      shared: options.sharedLimits,
    });
  }

  /** The token while it is fresh, at once; otherwise `undefined`, and `getToken` has to be asked. */
  peek(now: number): Token | undefined {
    if (now >= this.#staleAt || now < this.#lastLookAt) return undefined;
    this.#lastLookAt = now;
    if (isDebugging) debugFreshToken(this.#options.server);
    return this.#token;
  }

  /** Takes what another has that has not expired, and how long that is to be believed. */
  takeOver(other: TokenCache): void {
    const now = other.#checkClock();
    const { token: times } = other.#state;
    const token = other.#token;
    if (token === undefined || times === undefined || now >= times.expiresAt) return;
    this.accept(token);
    // The clock was set back since it was asked for: the token itself does not know.
    const back = token.expiresAt - times.expiresAt;
    if (back > 0) this.#enter(transitions.clockSetBack(this.#state, now, back), this.#token);
  }

  /** The token at hand, fresh or not. */
  get latest(): Token | undefined {
    return this.#token;
  }

  /** A request is under way. */
  get busy(): boolean {
    return this.#source.flight !== undefined;
  }

  /** The request that is under way, to tell it from others. */
  get pending(): object | undefined {
    return this.#source.flight;
  }

  /** A usable token. Rejects with the codes of the grant, `timeout`, `aborted` and `stopped`. */
  async getToken({ reason, signal, anyUnexpired = false }: CacheRequest): Promise<Token> {
    const { server } = this.#options;
    const aborted = () => abortedError(server);
    let decision = this.#decide(reason);
    const unexpired = anyUnexpired && decision.kind === "refuse" ? this.#staleFallback(true) : undefined;
    if (unexpired !== undefined) {
      debugDecision(server, reason, { kind: "token", renew: false });
      return unexpired;
    }
    if (decision.kind === "refuse" && signal?.aborted !== true) {
      const elsewhere = await untilAborted(this.#relief.tokenElsewhere(), signal, aborted);
      if (elsewhere !== undefined) this.accept(elsewhere);
      const failed = this.#lastError;
      if (this.#relief.isHoldLifted(failed)) this.#state = transitions.holdReleased(this.#state);
      const hasNewCredential = this.#relief.hasNewCredential(failed);
      if (await untilAborted(hasNewCredential, signal, aborted)) this.credentialChanged();
      // Meanwhile a token may have come, or the end.
      decision = this.#decide(reason);
    }
    debugDecision(server, reason, decision);
    if (decision.kind === "stopped") throw stoppedError(server);
    if (signal?.aborted) throw aborted();
    switch (decision.kind) {
      case "token":
        if (decision.renew) this.#request("expiry").catch(ignore);
        return this.#currentToken();
      case "refuse":
        throw again(this.#lastError ?? unexplained(server), decision.retryAfter);
      case "wait": {
        const renewal = this.#requestOrAgain(reason);
        const fallBack = (error: unknown): Token => this.#fallBack(error, anyUnexpired);
        const answer = reason === "forced" ? renewal : renewal.catch(fallBack);
        const stale = { at: decision.serveStaleAt, token: () => this.#staleFallback(true) };
        return await waitForShared(answer, { clock: this.#clock, signal, aborted, stale });
      }
    }
  }

  /** Renews unless the present token is usable until then. A failure is an event, and never rejects. */
  async ensureUsableUntil(time: number, reason: RenewalReason): Promise<void> {
    const now = this.#checkClock();
    if (lifecycle.wantsRenewal(this.#state, now, time)) await this.#request(reason).catch(ignore);
    else this.#plan();
  }

  /** Takes a token that was got elsewhere. */
  accept(token: Token): void {
    if (!this.#state.stopped) this.#keep(token, false);
  }

  /** The server refuses new tokens too. They may be good for other requests: this is only what `snapshot` tells. */
  noteRefusedAgain(error: McpAuthError): void {
    this.#lastError = error;
  }

  /** There is another credential: what was refused for the one before says nothing of it. */
  credentialChanged(): void {
    this.refused.credentialChanged();
    if (isOfCredential(this.#lastError)) this.#state = transitions.credentialReplaced(this.#state);
  }

  /** A timer that rang tells by how much the clock was set back while it ran, which nobody else can know so well. */
  clockSetBack(by: number): void {
    this.#checkClock(this.#clock.now() + by);
  }

  snapshot(): CacheSnapshot {
    const now = this.#checkClock();
    const state = lifecycle.stateOf(this.#state, now);
    const { expiresAt } = this.#state.token ?? {};
    const lastError = this.#lastError;
    return {
      state,
      ...(expiresAt !== undefined && { expiresAt }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  /** New calls get `stopped` at once; what is in flight has `grace` milliseconds to end. */
  async stop(grace: number): Promise<void> {
    this.#enter(transitions.stopped(this.#state), this.#token);
    const flight = this.#source.flight;
    if (flight === undefined) return;
    // Keeps the process alive: whoever stops waits for the end, and a pause between two attempts would not.
    const timer = this.#clock.setTimeout(() => this.#stopping.abort(), grace);
    await settledWithin(flight, grace + endingLimit, this.#clock);
    timer.cancel();
  }

  /** The present moment; and sees to it that a clock which was set back makes nothing last longer. */
  #checkClock(atLeast = this.#lastLookAt): number {
    const now = this.#clock.now();
    const back = Math.max(this.#lastLookAt, atLeast) - now;
    this.#lastLookAt = now;
    if (back > 0) {
      this.refused.clockSetBack(back);
      this.#enter(transitions.clockSetBack(this.#state, now, back), this.#token);
    }
    return now;
  }

  #enter(life: lifecycle.Lifecycle, token: Token | undefined): void {
    this.#state = life;
    this.#token = token;
    this.#staleAt = life.stopped
      ? Number.NEGATIVE_INFINITY
      : (life.token?.staleAt ?? Number.NEGATIVE_INFINITY);
    this.#plan();
  }

  #plan(): void {
    const { onPlan } = this.#options;
    onPlan(lifecycle.nextRefreshAt(this.#state, this.#clock.now(), this.#spread));
  }

  #currentToken(): Token {
    if (this.#token === undefined) throw new TypeError("The lifecycle speaks of a token that is not there.");
    return this.#token;
  }

  #request(reason: RenewalReason, refused?: RefusedToken): Promise<Token> {
    debugFlight(this.#options.server, reason, this.#source.flight !== undefined);
    const probe = reason !== "forced" && lifecycle.isProbe(this.#state);
    return this.#source.getToken({ reason, attempt: 1, probe, signal: this.#stopping.signal, refused });
  }

  /** Another request for those who joined one that was withheld, which was not made for them. */
  async #requestOrAgain(reason: RenewalReason): Promise<Token> {
    for (;;) {
      try {
        return await this.#request(reason);
      } catch (error) {
        if (!(error instanceof RequestWithheld)) throw error;
      }
    }
  }

  /** Asks for a token in place of one that the server refused, which stays in use until then. */
  #replace(refused: RefusedToken): Promise<Token> {
    const { server, issuer, report } = this.#options;
    const { requestedAt, expiresAt } = this.#state.token ?? refused.token;
    const age = this.#checkClock() - requestedAt;
    report("token:rejected", { server, issuer, reason: "rejected", durationMs: age, expiresAt });
    return this.#request("rejected", refused);
  }

  /** What callers share: the request, and what its outcome means for the token at hand. */
  async #fetch(request: TokenRequest): Promise<Token> {
    this.#state = transitions.requestBegun(this.#state);
    try {
      const token = await this.#options.source.getToken(request);
      this.#keep(token, true);
      this.#options.onRenewed?.();
      return token;
    } catch (error) {
      if (error instanceof RequestWithheld) {
        this.#enter(transitions.requestCalledOff(this.#state), this.#token);
        throw error;
      }
      if (this.#stopping.signal.aborted) {
        this.#state = transitions.requestCalledOff(this.#state);
        throw stoppedError(this.#options.server);
      }
      this.#failed(error, request.reason);
      throw error;
    }
  }

  #keep(token: Token, fromRequest: boolean): void {
    const { requestedAt } = token;
    const times = timeline(token, this.#options.policy);
    this.#lastError = undefined;
    const now = this.#checkClock();
    const before = this.#state.token;
    const life = transitions.issued(this.#state, now, { ...times, requestedAt }, fromRequest);
    this.#enter(life, life.token === before ? this.#token : token);
  }

  #failed(error: unknown, reason: RenewalReason): void {
    const failure = error instanceof McpAuthError ? error : undefined;
    this.#lastError = failure;
    const { retryable = false, retryAfter } = failure ?? {};
    const now = this.#checkClock();
    const before = this.#state.cooldown;
    this.#enter(transitions.requestFailed(this.#state, now, { retryable, retryAfter }), this.#token);
    if (this.#state.cooldown !== before) this.#reportCooldown(reason);
    // After a refusal the caller gets the response of the server, and not this.
    const isUntold = reason === "expiry" || reason === "schedule" || reason === "rejected";
    if (isUntold && failure !== undefined) this.#options.onUntoldFailure?.(failure);
  }

  #reportCooldown(reason: RenewalReason): void {
    const { cooldown } = this.#state;
    if (cooldown === undefined) return;
    const { server, issuer, report } = this.#options;
    const durationMs = cooldown.until - cooldown.since;
    debugCooldown(server, durationMs);
    report("token:cooldown", { server, issuer, reason, durationMs, ...errorFields(this.#lastError) });
  }

  /** What there is when no new token could be had. */
  #fallBack(error: unknown, anyUnexpired: boolean): Token {
    const retryable = error instanceof McpAuthError && error.retryable;
    const token = this.#staleFallback(anyUnexpired || retryable);
    if (token !== undefined) return token;
    throw error;
  }

  /** The token at hand, if it may take the place of one that could not be had. */
  #staleFallback(retryable: boolean): Token | undefined {
    const now = this.#checkClock();
    return lifecycle.mayServeStale(this.#state, now, retryable) ? this.#token : undefined;
  }

  #decide(reason: RenewalReason): lifecycle.Decision {
    const now = this.#checkClock();
    return lifecycle.decide(this.#state, now, reason);
  }
}

function ignore(): void {}
