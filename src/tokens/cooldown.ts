import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import type { Report } from "./observer.js";
import type { RenewalReason, TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

export interface CooldownOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly report: Report;
  /** While there is a usable token, failures open no cool-down: their pace is the cache's business. */
  readonly hasToken: () => boolean;
}

const shortest = 1_000;
const longest = 60_000;

/**
 * Keeps callers from hammering a server that refuses: after a failure, calls repeat it with `retryAfter` for 1 s,
 * then 2 s, up to 60 s, or for as long as the failure itself asks. A success and a forced refresh end it.
 */
export class Cooldown implements TokenSource {
  readonly #source: TokenSource;
  readonly #options: CooldownOptions;
  #open: { readonly error: McpAuthError; readonly since: number; readonly until: number } | undefined;
  #failures = 0;
  /** Opened because of tokens that were refused: that another is issued proves nothing. */
  #tokensRefused = false;

  constructor(source: TokenSource, options: CooldownOptions) {
    this.#source = source;
    this.#options = options;
  }

  /**
   * When it ends, milliseconds since the epoch; `undefined` while none is open. One that began in the future has ended:
   * the clock was set back, and it would last that much longer.
   */
  get until(): number | undefined {
    const now = this.#options.clock.now();
    const { since = now, until = now } = this.#open ?? {};
    return since <= now && now < until ? until : undefined;
  }

  /** The last failure once more, while it stands against a request for this reason. */
  refusal(reason: RenewalReason): McpAuthError | undefined {
    const { until } = this;
    if (this.#open === undefined || until === undefined || reason === "forced") return undefined;
    return again(this.#open.error, until - this.#options.clock.now());
  }

  async getToken(request: TokenRequest): Promise<Token> {
    const { hasToken } = this.#options;
    const refusal = this.refusal(request.reason);
    if (refusal !== undefined) throw refusal;
    try {
      const token = await this.#source.getToken(request);
      this.#open = undefined;
      if (!this.#tokensRefused) this.#failures = 0;
      return token;
    } catch (error) {
      if (error instanceof McpAuthError && !request.signal.aborted && !hasToken())
        this.open(error, request.reason);
      throw error;
    }
  }

  /** Starts a cool-down with this failure, longer than the one before. */
  open(error: McpAuthError, reason: RenewalReason): void {
    const { server, issuer, clock, report } = this.#options;
    const now = clock.now();
    const length = Math.max(
      Math.min(shortest * 2 ** Math.min(this.#failures, 6), longest),
      error.retryAfter ?? 0,
    );
    this.#failures += 1;
    this.#open = { error, since: now, until: now + length };
    report("token:cooldown", { server, issuer, reason, durationMs: length, code: error.code });
  }

  /** Starts one because tokens were refused. It grows from time to time until `reset`, not until one is issued. */
  openForRefusedTokens(error: McpAuthError): void {
    this.#tokensRefused = true;
    this.open(error, "rejected");
  }

  /** Ends it: a token was taken or came from elsewhere, or the credential changed. */
  reset(): void {
    this.#open = undefined;
    this.#failures = 0;
    this.#tokensRefused = false;
  }
}

/** The same failure as a new error, whose stack is the present caller's. */
function again(error: McpAuthError, left: number): McpAuthError {
  const { server, oauthError, message, code, retryable } = error;
  return new McpAuthError(code, message, { server, oauthError, retryable, retryAfter: left });
}
