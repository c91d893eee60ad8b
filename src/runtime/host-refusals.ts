import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import type { Replacement } from "../tokens/refused-tokens.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";

/**
 * Milliseconds after which a new token that was not refused counts as accepted, because most hosts do not report that.
 */
const acceptedAfter = 2_000;

/** All requests of a host have one kind, because the runtime does not see them. */
const kind = "host";

/** This many replacements within `replacementWindow` milliseconds mean that the server refuses new tokens. */
const manyReplacements = 3;
const replacementWindow = 60_000;

export interface HostRefusalsOptions {
  readonly caches: CachesByScope;
  readonly clock: Clock;
  /**
   * Explains why the server may refuse new tokens too. `challenge`: the `WWW-Authenticate` header, if the host passes
   * it on.
   */
  readonly explain: (token: Token, challenge: string | null) => Promise<McpAuthError>;
}

interface LastReplacement {
  readonly replacement: Replacement;
  readonly accessToken: string;
  /** When the token arrived and the host sent its request again. */
  readonly at: number;
  /** When the host last reported that the token was refused. */
  refusedAt: number | undefined;
  /** The host has reported that the token was accepted. */
  isAccepted: boolean;
}

/** Handles a 401 that a host reports, perhaps late and without the request that it belongs to. */
export class HostRefusals {
  readonly #options: HostRefusalsOptions;
  #latest: LastReplacement | undefined;
  /** The times of the last replacements. */
  #replacedAt: readonly number[] = [];

  constructor(options: HostRefusalsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the host may send its request again, with another token if there is one. Rejects with the error of
   * the token request, and with `unauthorized` if it brought the same token again.
   */
  async refused(accessToken: string, challenge: string | null): Promise<void> {
    const { caches, clock, explain } = this.#options;
    const { refused, latest } = caches.defaultCache;
    if (latest === undefined || latest.accessToken !== accessToken) return;
    if (this.#latest?.accessToken === accessToken) this.#settlePrevious(this.#latest);
    const next = await refused.replace({ token: latest, kind });
    if (next.kind === "same") throw await explain(latest, challenge);
    if (next.kind === "none" && next.error !== undefined) throw next.error;
    if (next.kind !== "resend" || next.replacement === undefined) return;
    const { replacement, token } = next;
    if (this.#latest?.replacement === replacement) return;
    const at = clock.now();
    this.#latest = {
      replacement,
      accessToken: token.accessToken,
      at,
      refusedAt: undefined,
      isAccepted: false,
    };
    this.#replacedAt = [...this.#replacedAt.filter((time) => at - time < replacementWindow), at];
    if (this.#replacedAt.length >= manyReplacements) await explain(latest, challenge);
  }

  accepted(accessToken: string): void {
    if (this.#latest?.accessToken === accessToken) this.#latest.isAccepted = true;
  }

  /** The server refuses the last replacement now. Decides whether it had accepted that token before. */
  #settlePrevious(last: LastReplacement): void {
    const { caches, clock } = this.#options;
    const { at, refusedAt = at, replacement, isAccepted } = last;
    const now = clock.now();
    const silence = now - refusedAt;
    last.refusedAt = now;
    if (isAccepted || silence < 0 || silence >= acceptedAfter) caches.defaultCache.refused.accepted(kind);
    // The server refused it when the host sent its request again, at the time `at`.
    else replacement.failed(kind, at);
  }
}
