import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import type { Replacement } from "../tokens/refused-tokens.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";

/** Milliseconds after which a new token that was not refused counts as accepted: most hosts do not say so. */
const silenceMeansAccepted = 2_000;

/** The requests of a host cannot be seen: all of them are of one kind. */
const kind = "host";

/** So many tokens replaced within so many milliseconds: the server hardly revoked each of them. */
const manyReplacements = 3;
const inShortTime = 60_000;

export interface HostRefusalsOptions {
  readonly caches: CachesByScope;
  readonly clock: Clock;
  /**
   * Says what may be wrong when the server refuses new tokens too. `challenge`: the `WWW-Authenticate` header, where the host
   * passes it on.
   */
  readonly explain: (token: Token, challenge: string | null) => Promise<McpAuthError>;
}

interface Latest {
  readonly replacement: Replacement;
  readonly accessToken: string;
  /** When it came, and the host sent its request again. */
  readonly at: number;
  /** When the host last said that it is refused. */
  refusedAt: number | undefined;
  /** The host has seen it accepted. */
  isAccepted: boolean;
}

/** What follows when a host reports a 401. It is not told which token that was for, and may report it late. */
export class HostRefusals {
  readonly #options: HostRefusalsOptions;
  #latest: Latest | undefined;
  /** When the latest tokens were replaced. */
  #replacedAt: readonly number[] = [];

  constructor(options: HostRefusalsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the host may send its request again, with another token where there is one. Rejects with what the token
   * request failed with, and with `unauthorized` when it brought the refused token again.
   */
  async refused(accessToken: string, challenge: string | null): Promise<void> {
    const { caches, clock, explain } = this.#options;
    const { refused, latest } = caches.defaultCache;
    if (latest === undefined || latest.accessToken !== accessToken) return;
    if (this.#latest?.accessToken === accessToken) this.#judge(this.#latest);
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
    this.#replacedAt = [...this.#replacedAt.filter((time) => at - time < inShortTime), at];
    if (this.#replacedAt.length >= manyReplacements) await explain(latest, challenge);
  }

  accepted(accessToken: string): void {
    if (this.#latest?.accessToken === accessToken) this.#latest.isAccepted = true;
  }

  /** Whether the server accepted the latest replacement, which it refuses now. */
  #judge(replaced: Latest): void {
    const { caches, clock } = this.#options;
    const { at, refusedAt = at, replacement, isAccepted } = replaced;
    const now = clock.now();
    const silence = now - refusedAt;
    replaced.refusedAt = now;
    if (isAccepted || silence < 0 || silence >= silenceMeansAccepted)
      caches.defaultCache.refused.accepted(kind);
    // It was refused when the request was sent again, which the host did at once and did not report.
    else replacement.failed(kind, at);
  }
}
