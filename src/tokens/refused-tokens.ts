import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import type { Clock } from "../lib/clock.js";
import { untilAborted } from "../lib/wait.js";
import { abortedError, ReplacementWithheld } from "./cache-errors.js";
import {
  accepted,
  clockSetBack,
  credentialChanged,
  kindRefused,
  kindsSuspected,
  mayRequest,
  noRefusals,
  onlyLimits,
  type Refusals,
  type RequestLimits,
  requestFailed,
  requestStarted,
  withoutHold,
} from "./refusal-policy.js";
import type { RefusedToken } from "./source.js";
import type { Token } from "./token.js";

/** A request that the server refused. */
export interface RefusedCall {
  /** The token that the request was sent with. */
  readonly token: Token;
  /** The server is expected to accept or refuse all requests of one kind. */
  readonly kind: string;
  /** Detaches this caller. */
  readonly signal?: AbortSignal | undefined;
  /** The token request that was in flight when the request was sent (`TokenCache.pending`). */
  readonly pending?: object | undefined;
}

/** The token request that brought a new token. */
export interface Replacement {
  /**
   * The server refused this kind of request with the new token too, now or at the time `at`. Returns the current token,
   * which may be another one by now.
   */
  failed(kind: string, at?: number): Token | undefined;
}

/** A token request that refused calls wait for. */
interface PendingReplacement extends Replacement {
  readonly flight: Promise<Token>;
  /** Resolves with the new token, `undefined` if the request failed, or `"withheld"` if none was sent. */
  readonly outcome: Promise<Token | "withheld" | undefined>;
  /** The kinds of the waiting calls that can be sent again. */
  readonly kinds: Set<string>;
  /** The failure has been counted, or another process made the request and counts it. */
  isCounted: boolean;
  error: McpAuthError | undefined;
}

export type AfterRefusal =
  /** Send the request again with this token. `replacement` is absent if the token request was made for other calls. */
  | { readonly kind: "resend"; readonly token: Token; readonly replacement: Replacement | undefined }
  /** The authorization server returned the refused token again. */
  | { readonly kind: "same" }
  /** Return the response to the caller. `error`: the failure of the token request, if there was one. */
  | { readonly kind: "none"; readonly error?: McpAuthError | undefined };

/** The limits that processes share. `update` changes them in the background. */
export interface SharedLimits {
  /** Calls `change` with the stored limits and stores its result, unless that is `undefined`. */
  update(change: (stored: RequestLimits | undefined) => RequestLimits | undefined): void;
}

export interface RefusedTokensOptions {
  readonly server: string;
  readonly clock: Clock;
  readonly current: () => Token | undefined;
  readonly inFlight: () => Promise<Token> | undefined;
  /** Whether the state of the cache allows a request now. */
  readonly mayRequest: () => boolean;
  /** The token is read from a variable or a file, so nothing limits how often. */
  readonly isLocal: boolean;
  /** Whether a rejected credential has been replaced, which ends the hold. */
  readonly hasNewCredential: () => Promise<boolean>;
  /** Begins a request for a token that replaces the refused one. */
  readonly request: (refused: RefusedToken) => Promise<Token>;
  /**
   * Present if processes share tokens. Then the code that makes the request calls `RefusedToken.takeAllowance`, under
   * the lock of the token.
   */
  readonly shared: SharedLimits | undefined;
}

/** Replaces tokens that the MCP server refused, within the limits of `refusal-policy.ts`. */
export class RefusedTokens {
  readonly #options: RefusedTokensOptions;
  #refusals: Refusals = noRefusals;
  #latest: PendingReplacement | undefined;
  #isExplained = false;
  /** The last token that was refused while it was the current one. */
  #rejected: { readonly accessToken: string; readonly at: number } | undefined;

  constructor(options: RefusedTokensOptions) {
    this.#options = options;
  }

  /** Requests another token for a call that can be sent again. Rejects with `aborted`. */
  async replace({ token, kind, signal, pending }: RefusedCall): Promise<AfterRefusal> {
    for (;;) {
      const current = this.#options.current();
      if (current !== undefined && current.accessToken !== token.accessToken)
        return { kind: "resend", token: current, replacement: undefined };
      const aborted = () => abortedError(this.#options.server);
      const replacement = this.#joinOrStart(token, kind);
      if (replacement === undefined) {
        if (await untilAborted(this.#options.hasNewCredential(), signal, aborted)) continue;
        return { kind: "none" };
      }
      replacement.kinds.add(kind);
      const next = await untilAborted(replacement.outcome, signal, aborted);
      // It was withheld for another kind of request. This kind may be allowed one.
      if (next === "withheld") continue;
      if (next === undefined) return { kind: "none", error: replacement.error };
      if (next.accessToken === token.accessToken) return { kind: "same" };
      // A token that was requested before the call was sent may have been revoked together with the token of the call.
      const isOlder = replacement.flight === pending;
      return { kind: "resend", token: next, replacement: isOlder ? undefined : replacement };
    }
  }

  /** Requests another token for later calls, because this one cannot be sent again. */
  replaceForOthers({ token, kind }: RefusedCall): void {
    if (this.#options.current()?.accessToken === token.accessToken) this.#joinOrStart(token, kind);
  }

  get hasSuspects(): boolean {
    return this.#refusals.suspects.size > 0;
  }

  /** Whether an accepted request could change anything. */
  get awaitsAcceptance(): boolean {
    return this.hasSuspects || this.#rejected !== undefined;
  }

  /** Milliseconds since the epoch at which the server last refused the current token. */
  get rejectedAt(): number | undefined {
    const isCurrent = this.#rejected?.accessToken === this.#options.current()?.accessToken;
    return isCurrent ? this.#rejected?.at : undefined;
  }

  /** The server accepted a request of this kind. */
  accepted(kind: string): void {
    const previous = this.#refusals;
    this.#refusals = accepted(previous, kind);
    this.#rejected = undefined;
    if (this.#refusals !== previous && !this.hasSuspects) this.#isExplained = false;
  }

  credentialChanged(): void {
    this.#refusals = credentialChanged(this.#refusals);
    this.#isExplained = false;
    // The hold ends for all processes.
    this.#options.shared?.update((stored) => stored && withoutHold(stored));
  }

  clockSetBack(by: number): void {
    this.#refusals = clockSetBack(this.#refusals, by);
  }

  /** Returns true once until the last suspect is accepted, so that the refusal of new tokens is explained once. */
  takeExplanation(): boolean {
    const isFirst = !this.#isExplained;
    this.#isExplained = true;
    return isFirst;
  }

  #noteRejected({ accessToken }: Token, at = this.#options.clock.now()): void {
    this.#rejected = { accessToken, at };
  }

  #joinOrStart(token: Token, kind: string): PendingReplacement | undefined {
    const { inFlight, request, shared, clock } = this.#options;
    this.#noteRejected(token);
    this.#refusals = kindRefused(this.#refusals, kind);
    const flight = inFlight();
    if (flight !== undefined)
      return this.#latest?.flight === flight ? this.#latest : this.#track(flight, token);
    const now = clock.now();
    const isSuspect = this.#refusals.suspects.has(kind);
    const isAllowed = this.#options.isLocal || mayRequest(this.#refusals, now, isSuspect);
    if (!this.#options.mayRequest() || !isAllowed) return undefined;
    if (shared === undefined) this.#refusals = requestStarted(this.#refusals, now, isSuspect);
    return this.#track(
      request({ token, takeAllowance: (stored) => this.#takeAllowance(isSuspect, stored) }),
      token,
    );
  }

  /** Returns the pending replacement of a refused token. If it does not help, that is counted. */
  #track(flight: Promise<Token>, refused: Token): PendingReplacement {
    let replaced: Token | undefined;
    const replacement: PendingReplacement = {
      flight,
      kinds: new Set(),
      isCounted: false,
      error: undefined,
      failed: (kind, at) => {
        if (replaced !== undefined) this.#noteRejected(replaced, at);
        this.#fail(replacement, [kind], at);
        return this.#options.current();
      },
      outcome: flight.then(
        (next) => {
          replaced = next;
          if (next.isShared) replacement.isCounted = true;
          if (next.accessToken === refused.accessToken) this.#fail(replacement, replacement.kinds);
          return next;
        },
        (error: unknown) => {
          if (error instanceof ReplacementWithheld) return "withheld";
          if (error instanceof McpAuthError) replacement.error = error;
          else ignoreFailureInBackground(error);
          this.#fail(replacement, replacement.kinds);
          return undefined;
        },
      ),
    };
    this.#latest = replacement;
    return replacement;
  }

  #fail(replacement: PendingReplacement, kinds: Iterable<string>, at?: number): void {
    const previous = this.#refusals;
    const refusals = kindsSuspected(previous, kinds);
    // Without a kind, no waiting call could be sent again, and it is unknown whether the new token would have helped.
    if (refusals === previous) return;
    this.#refusals = refusals;
    if (replacement.isCounted) return;
    replacement.isCounted = true;
    const time = (): number => at ?? this.#options.clock.now();
    this.#refusals = { ...refusals, ...requestFailed(refusals, time()) };
    this.#options.shared?.update((stored) => {
      const limits = requestFailed(stored ?? previous, time());
      // If the last suspect was accepted in the meantime, its limits have ended.
      if (this.hasSuspects) this.#refusals = { ...this.#refusals, ...limits };
      return limits;
    });
  }

  /**
   * Applies the stored limits, if there are any, and returns the limits to store; `undefined` if they allow no request
   * now. `isSuspect` is what the kind was when it was refused. It may have become a suspect during the wait for the
   * lock.
   */
  #takeAllowance(isSuspect: boolean, stored: RequestLimits | undefined): RequestLimits | undefined {
    const now = this.#options.clock.now();
    this.#refusals = { ...this.#refusals, ...stored };
    if (!mayRequest(this.#refusals, now, isSuspect)) return undefined;
    this.#refusals = requestStarted(this.#refusals, now, isSuspect);
    return onlyLimits(this.#refusals);
  }
}
