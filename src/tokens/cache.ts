import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { settledWithin } from "../lib/settled-within.js";
import { untilAborted } from "../lib/until-aborted.js";
import { attended } from "./attended.js";
import { abortedError, again, stoppedError, unauthorized, unexplained } from "./cache-errors.js";
import { Coalesced } from "./coalesce.js";
import { CooldownRelief, type CooldownReliefOptions, isOfCredential } from "./cooldown-relief.js";
import * as lifecycle from "./lifecycle.js";
import * as befalls from "./lifecycle-events.js";
import { type Report, saidOf } from "./observer.js";
import { type RefreshPolicy, timeline } from "./policy.js";
import type { RenewalReason, TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

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
  /** The MCP server refused this token, which was at hand. */
  readonly onRejected?: (accessToken: string) => void;
  /** Called when a token from the source has taken its place. */
  readonly onRenewed?: () => void;
}

export interface CacheRequest {
  readonly reason: RenewalReason;
  /** Detaches this caller. */
  readonly signal?: AbortSignal | undefined;
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
  readonly #options: TokenCacheOptions;
  readonly #clock: Clock;
  readonly #source: Coalesced;
  readonly #relief: CooldownRelief;
  readonly #stopping = new AbortController();
  /** Of background requests, the same for the life of this one: spreads those of a fleet. */
  readonly #spread: number;
  #life = lifecycle.beginning;
  #token: Token | undefined;
  /** What `peek` compares: the token is fresh from the last look until then. */
  #staleAt = Number.NEGATIVE_INFINITY;
  #seenAt = Number.NEGATIVE_INFINITY;
  #lastError: McpAuthError | undefined;
  #rejected = false;

  constructor(options: TokenCacheOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#relief = new CooldownRelief(options);
    this.#spread = options.policy.random();
    // What the outcome means is settled as part of the shared request: once that has ended, whoever comes finds it.
    this.#source = new Coalesced({ getToken: (request) => this.#fetch(request) });
  }

  /** The token while it is fresh, at once; otherwise `undefined`, and `getToken` has to be asked. */
  peek(now: number): Token | undefined {
    if (now >= this.#staleAt || now < this.#seenAt) return undefined;
    this.#seenAt = now;
    return this.#token;
  }

  /** Takes what another has that has not expired, and how long that is to be believed. */
  takeOver(other: TokenCache): void {
    const now = other.#look();
    const { token: times } = other.#life;
    const token = other.#token;
    if (token === undefined || times === undefined || now >= times.expiresAt) return;
    this.accept(token);
    // The clock was set back since it was asked for: the token itself does not know.
    const back = token.expiresAt - times.expiresAt;
    if (back > 0) this.#enter(befalls.clockSetBack(this.#life, now, back), this.#token);
  }

  /** The token at hand, fresh or not. */
  get latest(): Token | undefined {
    return this.#token;
  }

  /** A request is under way. */
  get busy(): boolean {
    return this.#source.flight !== undefined;
  }

  /** A usable token. Rejects with the codes of the grant, `timeout`, `unauthorized`, `aborted` and `stopped`. */
  async getToken({ reason, signal }: CacheRequest): Promise<Token> {
    const aborted = () => abortedError(this.#options.server);
    let decision = this.#decide(reason);
    if (decision.kind === "refuse" && signal?.aborted !== true) {
      const elsewhere = await untilAborted(this.#relief.tokenElsewhere(), signal, aborted);
      if (elsewhere !== undefined) this.accept(elsewhere);
      const failed = this.#lastError;
      if (this.#relief.isHoldLifted(failed)) this.#life = befalls.holdReleased(this.#life);
      const hasNewCredential = this.#relief.hasNewCredential(failed);
      if (await untilAborted(hasNewCredential, signal, aborted)) this.credentialChanged();
      // Meanwhile a token may have come, or the end.
      decision = this.#decide(reason);
    }
    if (decision.kind === "stopped") throw stoppedError(this.#options.server);
    if (signal?.aborted) throw aborted();
    switch (decision.kind) {
      case "token":
        if (decision.renew) this.#request("expiry").catch(ignore);
        return this.#held();
      case "refuse":
        throw again(this.#lastError ?? unexplained(this.#options.server), decision.retryAfter);
      case "wait": {
        const renewal = this.#request(this.#rejected && reason === "demand" ? "rejected" : reason);
        const answer = reason === "forced" ? renewal : renewal.catch((error: unknown) => this.#makeDo(error));
        const stopgap = { at: decision.stopgapAt, token: () => this.#standIn(true) };
        return await attended(answer, { clock: this.#clock, signal, aborted, stopgap });
      }
    }
  }

  /** Renews unless the present token is usable until then. A failure is an event, and never rejects. */
  async ensureUsableUntil(time: number, reason: RenewalReason): Promise<void> {
    const now = this.#look();
    if (lifecycle.wantsRenewal(this.#life, now, time)) await this.#request(reason).catch(ignore);
    else this.#plan();
  }

  /**
   * The server refused this token. Only that token is dropped; two new ones refused in a row open the cool-down,
   * whose error is `unauthorized`.
   */
  reject(accessToken: string): void {
    const token = this.#token;
    if (token === undefined || token.accessToken !== accessToken) return;
    const { server, issuer, report } = this.#options;
    const now = this.#look();
    const age = now - (this.#life.token?.requestedAt ?? now);
    const { expiresAt } = token;
    this.#rejected = true;
    this.#options.onRejected?.(accessToken);
    const life = befalls.tokenRefused(this.#life, now);
    const isCoolingDown = life.cooldown !== undefined && life.cooldown !== this.#life.cooldown;
    if (isCoolingDown) this.#lastError = unauthorized(server);
    this.#enter(life, undefined);
    report("token:rejected", { server, issuer, reason: "rejected", durationMs: age, expiresAt });
    if (isCoolingDown) this.#reportCooldown("rejected");
  }

  /** The server took this token. */
  confirm(token: Token): void {
    if (this.#token === token) this.#life = befalls.tokenTaken(this.#life);
  }

  /** Takes a token that was got elsewhere. */
  accept(token: Token): void {
    if (!this.#life.stopped) this.#keep(token, false);
  }

  /** There is another credential: what was refused for the one before says nothing of it. */
  credentialChanged(): void {
    if (isOfCredential(this.#lastError)) this.#life = befalls.credentialReplaced(this.#life);
  }

  /** A timer that rang tells by how much the clock was set back while it ran, which nobody else can know so well. */
  clockSetBack(by: number): void {
    this.#look(this.#clock.now() + by);
  }

  snapshot(): CacheSnapshot {
    const now = this.#look();
    const state = lifecycle.stateOf(this.#life, now);
    const { expiresAt } = this.#life.token ?? {};
    const lastError = this.#lastError;
    return {
      state,
      ...(expiresAt !== undefined && { expiresAt }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  /** New calls get `stopped` at once; what is in flight has `grace` milliseconds to end. */
  async stop(grace: number): Promise<void> {
    this.#enter(befalls.stopped(this.#life), this.#token);
    const flight = this.#source.flight;
    if (flight === undefined) return;
    // Keeps the process alive: whoever stops waits for the end, and a pause between two attempts would not.
    const timer = this.#clock.setTimeout(() => this.#stopping.abort(), grace);
    await settledWithin(flight, grace + endingLimit, this.#clock);
    timer.cancel();
  }

  /** The present moment; and sees to it that a clock which was set back makes nothing last longer. */
  #look(atLeast = this.#seenAt): number {
    const now = this.#clock.now();
    const back = Math.max(this.#seenAt, atLeast) - now;
    this.#seenAt = now;
    if (back > 0) this.#enter(befalls.clockSetBack(this.#life, now, back), this.#token);
    return now;
  }

  #enter(life: lifecycle.Lifecycle, token: Token | undefined): void {
    this.#life = life;
    this.#token = token;
    this.#staleAt = life.stopped
      ? Number.NEGATIVE_INFINITY
      : (life.token?.staleAt ?? Number.NEGATIVE_INFINITY);
    this.#plan();
  }

  #plan(): void {
    const { onPlan } = this.#options;
    onPlan(lifecycle.wakeAt(this.#life, this.#clock.now(), this.#spread));
  }

  #held(): Token {
    if (this.#token === undefined) throw new TypeError("The lifecycle speaks of a token that is not there.");
    return this.#token;
  }

  #request(reason: RenewalReason): Promise<Token> {
    const probe = reason !== "forced" && lifecycle.isProbe(this.#life);
    return this.#source.getToken({ reason, attempt: 1, probe, signal: this.#stopping.signal });
  }

  /** What callers share: the request, and what its outcome means for the token at hand. */
  async #fetch(request: TokenRequest): Promise<Token> {
    this.#life = befalls.requestBegun(this.#life);
    try {
      const token = await this.#options.source.getToken(request);
      this.#keep(token, true);
      this.#options.onRenewed?.();
      return token;
    } catch (error) {
      if (this.#stopping.signal.aborted) {
        this.#life = befalls.requestCalledOff(this.#life);
        throw stoppedError(this.#options.server);
      }
      this.#failed(error, request.reason);
      throw error;
    }
  }

  #keep(token: Token, fromRequest: boolean): void {
    const { requestedAt, isShared } = token;
    const times = timeline(token, this.#options.policy);
    this.#lastError = undefined;
    this.#rejected = false;
    const now = this.#look();
    const before = this.#life.token;
    const life = befalls.issued(this.#life, now, { ...times, requestedAt, isShared }, fromRequest);
    this.#enter(life, life.token === before ? this.#token : token);
  }

  #failed(error: unknown, reason: RenewalReason): void {
    const failure = error instanceof McpAuthError ? error : undefined;
    this.#lastError = failure;
    const { retryable: passing = false, retryAfter } = failure ?? {};
    const now = this.#look();
    const before = this.#life.cooldown;
    this.#enter(befalls.requestFailed(this.#life, now, { passing, retryAfter }), this.#token);
    if (this.#life.cooldown !== before) this.#reportCooldown(reason);
  }

  #reportCooldown(reason: RenewalReason): void {
    const { cooldown } = this.#life;
    if (cooldown === undefined) return;
    const { server, issuer, report } = this.#options;
    const durationMs = cooldown.until - cooldown.since;
    report("token:cooldown", { server, issuer, reason, durationMs, ...saidOf(this.#lastError) });
  }

  /** What there is when no new token could be had. */
  #makeDo(error: unknown): Token {
    const passing = error instanceof McpAuthError && error.retryable;
    const token = this.#standIn(passing);
    if (token !== undefined) return token;
    throw error;
  }

  /** The token at hand, if it may take the place of one that could not be had. */
  #standIn(passing: boolean): Token | undefined {
    const now = this.#look();
    return lifecycle.canStandIn(this.#life, now, passing) ? this.#token : undefined;
  }

  #decide(reason: RenewalReason): lifecycle.Decision {
    const now = this.#look();
    return lifecycle.decide(this.#life, now, reason);
  }
}

function ignore(): void {}
