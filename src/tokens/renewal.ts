import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { debugCooldown, debugFlight } from "../lib/debug.js";
import { settledWithin } from "../lib/wait.js";
import type { Cause } from "../telemetry/token-telemetry.js";
import { ReplacementWithheld, stoppedError } from "./cache-errors.js";
import type { CachedToken } from "./cached-token.js";
import * as lifecycle from "./lifecycle.js";
import { SingleFlight } from "./single-flight.js";
import type { RefusedToken, RenewalReason, TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";
import { errorFields, type Report } from "./token-event.js";
import * as transitions from "./transitions.js";

export interface RenewalOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly report: Report;
  /** Requests each new token. */
  readonly source: TokenSource;
  /** Called with the error of a failed request that no caller gets. */
  readonly onBackgroundFailure?: (error: McpAuthError) => void;
  /** Called after a token from the source has become the current one. */
  readonly onRenewed?: () => void;
}

/** Milliseconds that `stop()` waits for a canceled request to end. */
const cancelLimit = 1_000;

/** The token request that all callers of one cache share, and what its outcome means for the current token. */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #cached: CachedToken;
  /** Cancels the request in flight. */
  #stopping: AbortController | undefined;
  readonly #shared: SingleFlight;
  #stopReason: McpAuthError | undefined;
  /** The failure of the last request; `undefined` after a success. */
  lastError: McpAuthError | undefined;

  constructor(cached: CachedToken, options: RenewalOptions) {
    this.#options = options;
    this.#cached = cached;
    this.#shared = new SingleFlight({ getToken: this.#sendSharedRequest });
  }

  /** The request in flight. */
  get inFlight(): Promise<Token> | undefined {
    return this.#shared.inFlight;
  }

  /**
   * Joins the request in flight, or begins one. A request for a replacement that was withheld was not made for this
   * caller, so another one follows it.
   */
  async join(reason: RenewalReason, cause?: Cause): Promise<Token> {
    for (;;) {
      try {
        return await this.#shared.getToken(this.#request(reason, undefined, cause));
      } catch (error) {
        if (!(error instanceof ReplacementWithheld)) throw error;
      }
    }
  }

  /** Requests a token that replaces a refused one, which remains in use until then. */
  replace(refused: RefusedToken): Promise<Token> {
    const { server, issuer, report } = this.#options;
    const { requestedAt, expiresAt } = this.#cached.state.token ?? refused.token;
    const age = this.#cached.now() - requestedAt;
    report("token:rejected", { server, issuer, reason: "rejected", durationMs: age, expiresAt });
    return this.#shared.getToken(this.#request("rejected", refused));
  }

  /** Gives the request in flight `grace` milliseconds to end, then cancels it. Its callers get `reason`. */
  async stop(grace: number, reason: McpAuthError): Promise<void> {
    const { inFlight } = this;
    this.#stopReason = reason;
    if (inFlight === undefined) return;
    const { clock } = this.#options;
    // This timer keeps the process alive, because the pause between two attempts does not.
    const timer = clock.setTimeout(() => this.#stopping?.abort(), grace);
    await settledWithin(inFlight, grace + cancelLimit, clock);
    timer.cancel();
  }

  #request(reason: RenewalReason, refused?: RefusedToken, cause?: Cause): TokenRequest {
    debugFlight(this.#options.server, reason, this.inFlight !== undefined);
    const probe = reason !== "forced" && lifecycle.isProbe(this.#cached.state);
    this.#stopping ??= new AbortController();
    return { reason, attempt: 1, probe, signal: this.#stopping.signal, refused, cause };
  }

  /**
   * The shared request. It also handles the outcome, so that every caller that comes after it finds the new state. A
   * property, not a method, so that it can be passed on without one more function around it.
   */
  readonly #sendSharedRequest = async (request: TokenRequest): Promise<Token> => {
    this.#cached.amend(transitions.requestStarted(this.#cached.state));
    try {
      const token = await this.#options.source.getToken(request);
      this.lastError = undefined;
      this.#cached.keep(token, true);
      this.#options.onRenewed?.();
      return token;
    } catch (error) {
      if (error instanceof ReplacementWithheld) {
        this.#cached.enter(transitions.requestCanceled(this.#cached.state));
        throw error;
      }
      if (request.signal.aborted) {
        this.#cached.amend(transitions.requestCanceled(this.#cached.state));
        throw this.#stopReason ?? stoppedError(this.#options.server);
      }
      this.#fail(error, request.reason);
      throw error;
    } finally {
      this.#stopping = undefined;
    }
  };

  #fail(error: unknown, reason: RenewalReason): void {
    const failure = error instanceof McpAuthError ? error : undefined;
    this.lastError = failure;
    const { retryable = false, retryAfter } = failure ?? {};
    const now = this.#cached.now();
    const { cooldown: previous } = this.#cached.state;
    this.#cached.enter(transitions.requestFailed(this.#cached.state, now, { retryable, retryAfter }));
    if (this.#cached.state.cooldown !== previous) this.#reportCooldown(reason);
    // After a refusal, the caller gets the response of the MCP server and not this error.
    const hasNoCaller = reason === "expiry" || reason === "schedule" || reason === "rejected";
    if (hasNoCaller && failure !== undefined) this.#options.onBackgroundFailure?.(failure);
  }

  #reportCooldown(reason: RenewalReason): void {
    const { cooldown } = this.#cached.state;
    if (cooldown === undefined) return;
    const { server, issuer, report } = this.#options;
    const durationMs = cooldown.until - cooldown.since;
    debugCooldown(server, durationMs);
    report("token:cooldown", { server, issuer, reason, durationMs, ...errorFields(this.lastError) });
  }
}
