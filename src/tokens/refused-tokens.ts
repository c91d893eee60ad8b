import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { untilAborted } from "../lib/wait.js";
import { abortedError, ReplacementWithheld } from "./cache-errors.js";
import {
  accepted,
  clockSetBack,
  credentialChanged,
  mayRequest,
  noRefusals,
  onlyLimits,
  type Refusals,
  type RequestLimits,
  requestFailed,
  requestStarted,
  seen,
  suspected,
  withoutHold,
} from "./refusal-policy.js";
import type { RefusedToken } from "./source.js";
import type { Token } from "./token.js";

/** A request that the server refused. */
export interface RefusedCall {
  /** The token that it was sent with. */
  readonly token: Token;
  /** Requests of the same kind are expected to be accepted or refused together. */
  readonly kind: string;
  /** Detaches this caller. */
  readonly signal?: AbortSignal | undefined;
  /** The token request that was under way when it was sent (`TokenCache.pending`). */
  readonly pending?: object | undefined;
}

/** The token request that brought a new token. */
export interface Replacement {
  /**
   * The server refused this kind of request with the new token too, `at` this time if not just now. Returns the present token:
   * another may have come meanwhile.
   */
  failed(kind: string, at?: number): Token | undefined;
}

/** A token request that refused calls wait for. */
interface PendingReplacement extends Replacement {
  readonly flight: Promise<Token>;
  /** Resolves with `undefined` when there is no new token; `withheld`: nobody was asked for one. */
  readonly outcome: Promise<Token | "withheld" | undefined>;
  /** Of the calls that wait for it, and can be sent again. */
  readonly kinds: Set<string>;
  /** It counts as a failure no more: it has been counted, or another process made the request and counts it. */
  isCounted: boolean;
  error: McpAuthError | undefined;
}

export type AfterRefusal =
  /** Send it again with this token. `replacement`: the request that brought it; without one others have got it. */
  | { readonly kind: "resend"; readonly token: Token; readonly replacement: Replacement | undefined }
  /** The authorization server returned the refused token again. */
  | { readonly kind: "same" }
  /** The response is the answer. `error`: what the token request failed with, if there was one. */
  | { readonly kind: "none"; readonly error?: McpAuthError | undefined };

/** What processes share of the limits. Changes take effect in the background; `undefined`: there is none. */
export interface SharedLimits {
  update(change: (stored: RequestLimits | undefined) => RequestLimits | undefined): void;
}

export interface RefusedTokensOptions {
  readonly server: string;
  readonly clock: Clock;
  readonly current: () => Token | undefined;
  readonly inFlight: () => Promise<Token> | undefined;
  /** Whether anything but a refusal is against a request now. */
  readonly mayRequest: () => boolean;
  /** A request asks nobody: the token is read where the config says, which nothing limits. */
  readonly isLocal: boolean;
  /** Whether a credential that was refused has been replaced, which ends the hold. */
  readonly hasNewCredential: () => Promise<boolean>;
  /** Begins a request for a token in place of the refused one. */
  readonly request: (refused: RefusedToken) => Promise<Token>;
  /** Where tokens are shared: then the code that makes the request calls `RefusedToken.take`, under the token's lock. */
  readonly shared: SharedLimits | undefined;
}

/** Replaces tokens that the MCP server refused, as the policy in `refusals.ts` allows. */
export class RefusedTokens {
  readonly #options: RefusedTokensOptions;
  #refusals: Refusals = noRefusals;
  #latest: PendingReplacement | undefined;
  #isExplained = false;

  constructor(options: RefusedTokensOptions) {
    this.#options = options;
  }

  /** Another token for a call that can be sent again. Rejects with `aborted`. */
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
      // It was for another kind, and says nothing of what this one may do.
      if (next === "withheld") continue;
      if (next === undefined) return { kind: "none", error: replacement.error };
      if (next.accessToken === token.accessToken) return { kind: "same" };
      // What was requested before the call was sent may have been revoked with the token that it was sent with.
      const isOlder = replacement.flight === pending;
      return { kind: "resend", token: next, replacement: isOlder ? undefined : replacement };
    }
  }

  /** The same for a call that cannot be sent again: the next one finds another token. */
  replaceForOthers({ token, kind }: RefusedCall): void {
    if (this.#options.current()?.accessToken === token.accessToken) this.#joinOrStart(token, kind);
  }

  /** Whether there is anything that an accepted request could change. */
  get hasSuspects(): boolean {
    return this.#refusals.suspects.size > 0;
  }

  /** The server accepted a request of this kind. */
  accepted(kind: string): void {
    const before = this.#refusals;
    this.#refusals = accepted(before, kind);
    if (this.#refusals !== before && !this.hasSuspects) this.#isExplained = false;
  }

  credentialChanged(): void {
    this.#refusals = credentialChanged(this.#refusals);
    this.#isExplained = false;
    // For all processes.
    this.#options.shared?.update((stored) => stored && withoutHold(stored));
  }

  clockSetBack(by: number): void {
    this.#refusals = clockSetBack(this.#refusals, by);
  }

  /** True once until the last suspect was accepted: for the one who says that the server refuses new tokens too. */
  takeExplanation(): boolean {
    const isFirst = !this.#isExplained;
    this.#isExplained = true;
    return isFirst;
  }

  #joinOrStart(token: Token, kind: string): PendingReplacement | undefined {
    const { inFlight, request, shared, clock } = this.#options;
    this.#refusals = seen(this.#refusals, kind);
    const flight = inFlight();
    if (flight !== undefined)
      return this.#latest?.flight === flight ? this.#latest : this.#follow(flight, token);
    const now = clock.now();
    const isSuspect = this.#refusals.suspects.has(kind);
    const isAllowed = this.#options.isLocal || mayRequest(this.#refusals, now, isSuspect);
    if (!this.#options.mayRequest() || !isAllowed) return undefined;
    if (shared === undefined) this.#refusals = requestStarted(this.#refusals, now, isSuspect);
    return this.#follow(request({ token, take: (stored) => this.#take(isSuspect, stored) }), token);
  }

  #follow(flight: Promise<Token>, refused: Token): PendingReplacement {
    const replacement: PendingReplacement = {
      flight,
      kinds: new Set(),
      isCounted: false,
      error: undefined,
      failed: (kind, at) => {
        this.#fail(replacement, [kind], at);
        return this.#options.current();
      },
      outcome: flight.then(
        (next) => {
          if (next.isShared) replacement.isCounted = true;
          if (next.accessToken === refused.accessToken) this.#fail(replacement, replacement.kinds);
          return next;
        },
        (error: unknown) => {
          if (error instanceof ReplacementWithheld) return "withheld";
          if (error instanceof McpAuthError) replacement.error = error;
          this.#fail(replacement, replacement.kinds);
          return undefined;
        },
      ),
    };
    this.#latest = replacement;
    return replacement;
  }

  #fail(replacement: PendingReplacement, kinds: Iterable<string>, at?: number): void {
    const before = this.#refusals;
    const refusals = suspected(before, kinds);
    // Without a kind there are only calls that could not be sent again, of which nobody knows whether it helped them.
    if (refusals === before) return;
    this.#refusals = refusals;
    if (replacement.isCounted) return;
    replacement.isCounted = true;
    const time = (): number => at ?? this.#options.clock.now();
    this.#refusals = { ...refusals, ...requestFailed(refusals, time()) };
    this.#options.shared?.update((stored) => {
      const limits = requestFailed(stored ?? before, time());
      // Unless the last suspect was accepted meanwhile.
      if (this.hasSuspects) this.#refusals = { ...this.#refusals, ...limits };
      return limits;
    });
  }

  /**
   * What the store has is what counts, where it has anything. `undefined`: there is to be no request now. What the kind was
   * when it was refused is what it is here, though it may have become a suspect while the lock was waited for.
   */
  #take(isSuspect: boolean, stored: RequestLimits | undefined): RequestLimits | undefined {
    const now = this.#options.clock.now();
    this.#refusals = { ...this.#refusals, ...stored };
    if (!mayRequest(this.#refusals, now, isSuspect)) return undefined;
    this.#refusals = requestStarted(this.#refusals, now, isSuspect);
    return onlyLimits(this.#refusals);
  }
}
