import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { untilAborted } from "../lib/until-aborted.js";
import { Coalesced } from "./coalesce.js";
import type { Cooldown } from "./cooldown.js";
import type { Report } from "./observer.js";
import { nextTry, type RefreshPolicy, type Timeline, timeline } from "./policy.js";
import type { RenewalReason, TokenRequest } from "./source.js";
import type { Token } from "./token.js";

export interface TokenCacheOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly policy: RefreshPolicy;
  readonly report: Report;
  /** Makes the source under the cache; it asks `hasToken` whether a failure leaves callers without one. */
  readonly source: (hasToken: () => boolean) => Cooldown;
  /** Called when it becomes known when the token is next to be renewed; `undefined`: there is none. */
  readonly onPlan: (renewAt: number | undefined) => void;
  /** Called when a token from the source has taken its place. */
  readonly onRenewed?: () => void;
}

export interface CacheRequest {
  readonly reason: RenewalReason;
  /** Detaches this caller. */
  readonly signal?: AbortSignal | undefined;
}

export interface CacheSnapshot {
  readonly state: "none" | "fresh" | "stale" | "expired" | "cooldown" | "stopped";
  readonly expiresAt?: number;
  readonly lastError?: McpAuthError;
}

interface Entry extends Timeline {
  readonly token: Token;
  /** The server took it. */
  confirmed: boolean;
}

// A token refused so soon after it was issued, and never taken, was no good from the start.
const youth = 30_000;
const rejectionsInARow = 2;
// However short tokens live, they are not renewed in the background more often than this.
const shortestInterval = 1_000;
// Longer than anybody waits, and the longest that `setTimeout` takes.
const everLong = 2 ** 31 - 1;

/**
 * Holds the token and decides by its age: fresh, it is handed out; stale, it is handed out and renewed behind the
 * callers' backs; unusable, they wait for the next, all for the same one. See §"When tokens are renewed" in the docs.
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #clock: Clock;
  readonly #cooldown: Cooldown;
  readonly #source: Coalesced;
  readonly #stopping = new AbortController();
  #entry: Entry | undefined;
  #staleAt = Number.NEGATIVE_INFINITY;
  #lastError: McpAuthError | undefined;
  /** Failed renewals in a row while there was a token, and the moment before which none is tried again. */
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #rejections = 0;
  #rejected = false;
  #stopped = false;

  constructor(options: TokenCacheOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#cooldown = options.source(() => this.#clock.now() < (this.#entry?.unusableAt ?? 0));
    // The token is kept as part of the shared request: once that has ended, whoever comes finds it.
    this.#source = new Coalesced({ getToken: (request) => this.#fetch(request) });
  }

  /** The token while it is fresh, at once; otherwise `undefined`, and `getToken` has to be asked. */
  peek(now: number): Token | undefined {
    return now < this.#staleAt ? this.#entry?.token : undefined;
  }

  /** A request is under way. */
  get busy(): boolean {
    return this.#source.flight !== undefined;
  }

  /** A usable token. Rejects with the codes of the grant, `timeout`, `unauthorized`, `aborted` and `stopped`. */
  async getToken({ reason, signal }: CacheRequest): Promise<Token> {
    if (this.#stopped) throw this.#stoppedError();
    if (signal?.aborted) throw this.#abortedError();
    const now = this.#clock.now();
    const entry = this.#entry;
    if (entry !== undefined && reason !== "forced") {
      if (now < entry.staleAt) return entry.token;
      if (now < entry.unusableAt) {
        if (now >= this.#notBefore) this.#renew("expiry").catch(ignore);
        return entry.token;
      }
    }
    const renewal = this.#renew(this.#rejected && reason === "demand" ? "rejected" : reason);
    const answer = reason === "forced" ? renewal : renewal.catch((error: unknown) => this.#makeDo(error));
    return await this.#attended(answer, signal);
  }

  /** Renews unless the present token is usable until then. A failure is an event, and never rejects. */
  async ensureUsableUntil(time: number, reason: RenewalReason): Promise<void> {
    if (this.#stopped || (this.#entry !== undefined && this.#entry.unusableAt > time)) return;
    if (this.#entry !== undefined && this.#clock.now() < this.#notBefore) return;
    await this.#renew(reason).catch(ignore);
  }

  /**
   * The server refused this token. Only that token is dropped; two new ones refused in a row open the cool-down,
   * whose error is `unauthorized`.
   */
  reject(accessToken: string): void {
    const entry = this.#entry;
    if (entry === undefined || entry.token.accessToken !== accessToken) return;
    const { server, issuer, report } = this.#options;
    const age = this.#clock.now() - entry.token.requestedAt;
    this.#drop();
    this.#rejected = true;
    if (entry.confirmed || age > youth) this.#accepted();
    else this.#rejections += 1;
    const { expiresAt } = entry;
    report("token:rejected", { server, issuer, reason: "rejected", durationMs: age, expiresAt });
    if (this.#rejections >= rejectionsInARow) this.#cooldown.openForRefusedTokens(unauthorized(server));
  }

  /** The server took this token. */
  confirm(token: Token): void {
    const entry = this.#entry;
    if (entry === undefined || entry.token !== token || entry.confirmed) return;
    entry.confirmed = true;
    this.#accepted();
  }

  /** Takes a token that was got elsewhere. */
  accept(token: Token): void {
    if (this.#stopped) return;
    this.#cooldown.reset();
    this.#keep(token);
  }

  /** There is another credential: what was refused for the one before says nothing of it. */
  credentialChanged(): void {
    const { code } = this.#lastError ?? {};
    // Anything else it does not mend, and there may be a new one with each call.
    if (code === "token_request_rejected" || code === "secret_unavailable") this.#cooldown.reset();
  }

  snapshot(): CacheSnapshot {
    const { expiresAt } = this.#entry ?? {};
    const lastError = this.#lastError;
    return {
      state: this.#state(),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  /** New calls get `stopped` at once; what is in flight has `grace` milliseconds to end. */
  async stop(grace: number): Promise<void> {
    this.#stopped = true;
    this.#staleAt = Number.NEGATIVE_INFINITY;
    this.#options.onPlan(undefined);
    const flight = this.#source.flight;
    if (flight === undefined) return;
    // Keeps the process alive: whoever stops waits for the end, and a pause between two attempts would not.
    const timer = this.#clock.setTimeout(() => this.#stopping.abort(), grace);
    await flight.catch(ignore);
    timer.cancel();
  }

  #state(): CacheSnapshot["state"] {
    if (this.#stopped) return "stopped";
    const now = this.#clock.now();
    const entry = this.#entry;
    if (entry !== undefined && now < entry.unusableAt) return now < entry.staleAt ? "fresh" : "stale";
    if (this.#cooldown.until !== undefined) return "cooldown";
    return entry === undefined ? "none" : "expired";
  }

  /** The server takes our tokens: refusals count from the beginning. */
  #accepted(): void {
    if (this.#rejections >= rejectionsInARow) this.#cooldown.reset();
    this.#rejections = 0;
  }

  /**
   * Waits as one caller among others. What they wait for may be a renewal that began in the background, whose timers
   * keep no process alive: those who wait do.
   */
  async #attended(answer: Promise<Token>, signal: AbortSignal | undefined): Promise<Token> {
    const awake = this.#clock.setTimeout(ignore, everLong);
    try {
      return await untilAborted(answer, signal, () => this.#abortedError());
    } finally {
      awake.cancel();
    }
  }

  async #renew(reason: RenewalReason): Promise<Token> {
    // Asked here already, lest a forced refresh join what is only being refused.
    const refusal = this.#source.flight === undefined ? this.#cooldown.refusal(reason) : undefined;
    if (refusal !== undefined) throw refusal;
    return await this.#source.getToken({ reason, attempt: 1, signal: this.#stopping.signal });
  }

  /** What callers share: the request, and what its outcome means for the token at hand. */
  async #fetch(request: TokenRequest): Promise<Token> {
    try {
      const token = await this.#cooldown.getToken(request);
      this.#keep(token);
      this.#options.onRenewed?.();
      return token;
    } catch (error) {
      if (this.#stopping.signal.aborted) throw this.#stoppedError();
      this.#failed(error);
      throw error;
    }
  }

  #keep(token: Token): void {
    const before = this.#entry;
    const now = this.#clock.now();
    const times = timeline(token, this.#options.policy);
    this.#entry = { ...times, token, confirmed: false };
    this.#lastError = undefined;
    this.#rejected = false;
    // A token that is no better than the one before would be renewed at once, again and again.
    const noGain = before !== undefined && times.expiresAt <= before.expiresAt && now >= times.staleAt;
    this.#failures = noGain ? this.#failures + 1 : 0;
    this.#notBefore = Math.max(
      now + shortestInterval,
      noGain ? nextTry(now, times.unusableAt, this.#failures) : Number.NEGATIVE_INFINITY,
    );
    if (this.#stopped) return;
    this.#staleAt = times.staleAt;
    this.#plan(times.unusableAt, Math.max(times.staleAt, this.#notBefore));
  }

  #failed(error: unknown): void {
    if (error instanceof McpAuthError) this.#lastError = error;
    const entry = this.#entry;
    const now = this.#clock.now();
    // Later the cool-down sets the pace.
    if (entry === undefined || now >= entry.unusableAt) return;
    this.#failures += 1;
    this.#notBefore = nextTry(now, entry.unusableAt, this.#failures);
    this.#plan(entry.unusableAt, Math.max(entry.staleAt, this.#notBefore));
  }

  /** A renewal is planned only while it would spare somebody a wait; later, callers ask by themselves. */
  #plan(unusableAt: number, renewAt: number): void {
    this.#options.onPlan(renewAt < unusableAt && this.#clock.now() < unusableAt ? renewAt : undefined);
  }

  /** What there is when no new token could be had: until it expires, the old one, if the failure may pass. */
  #makeDo(error: unknown): Token {
    const entry = this.#entry;
    const passing = error instanceof McpAuthError && error.retryable;
    if (entry !== undefined && passing && this.#clock.now() < entry.expiresAt) return entry.token;
    throw error;
  }

  #drop(): void {
    this.#entry = undefined;
    this.#staleAt = Number.NEGATIVE_INFINITY;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#options.onPlan(undefined);
  }

  #stoppedError(): McpAuthError {
    const { server } = this.#options;
    return new McpAuthError("stopped", `Server "${server}": the runtime was stopped.`, { server });
  }

  #abortedError(): McpAuthError {
    const { server } = this.#options;
    return new McpAuthError("aborted", `Server "${server}": the caller no longer waits for a token.`, {
      server,
    });
  }
}

function unauthorized(server: string): McpAuthError {
  return new McpAuthError(
    "unauthorized",
    `Server "${server}" refused two tokens in a row. Its idea of issuer, audience or scope differs from that of ` +
      "the authorization server: compare what the token says with what the server expects.",
    { server },
  );
}

function ignore(): void {}
