import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { debugAttempt, isDebugging } from "../lib/debug.js";
import type { RenewalReason, TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";
import { errorFields, type Report } from "./token-event.js";

export interface EventOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly report: Report;
  /** Called with each token that the source requested. */
  readonly onToken?: ((token: Token, reason: RenewalReason) => void) | undefined;
}

/**
 * Reports each attempt as `token:renewed` or `token:failed`. An attempt that the deadline ended failed with the reason
 * of its signal. A canceled attempt is not reported.
 */
export function withEvents(
  source: TokenSource,
  { server, issuer, clock, report, onToken }: EventOptions,
): TokenSource {
  async function getTokenWithEvents(request: TokenRequest): Promise<Token> {
    const { reason, attempt, signal } = request;
    const started = clock.now();
    const event = () => ({ server, issuer, reason, attempt, durationMs: clock.now() - started });
    try {
      const token = await (isDebugging
        ? debugAttempt({ server, issuer, reason, attempt }, () => source.getToken(request))
        : source.getToken(request));
      onToken?.(token, reason);
      report("token:renewed", { ...event(), expiresAt: token.expiresAt });
      return token;
    } catch (error) {
      const failure: unknown = signal.aborted ? signal.reason : error;
      if (failure instanceof McpAuthError) report("token:failed", { ...event(), ...errorFields(failure) });
      throw error;
    }
  }
  return { getToken: getTokenWithEvents };
}
