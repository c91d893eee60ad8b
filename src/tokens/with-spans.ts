import type { TokenTelemetry } from "../telemetry/token-telemetry.js";
import { ReplacementWithheld } from "./cache-errors.js";
import type { TokenRequest, TokenSource } from "./source.js";
import type { Token } from "./token.js";

/**
 * Measures each acquisition, and runs it in a span of OpenTelemetry, if anything takes measurements. A replacement that
 * was withheld is no acquisition.
 */
export function withSpans(source: TokenSource, telemetry: TokenTelemetry): TokenSource {
  const isWithheld = (error: unknown): boolean => error instanceof ReplacementWithheld;

  // Awaits, so that the stack of an error has this step.
  async function getTokenWithSpans(request: TokenRequest): Promise<Token> {
    if (!telemetry.isObserved) return await source.getToken(request);
    const { reason, cause } = request;
    return await telemetry.acquire({ reason, cause, isWithheld }, () => source.getToken(request));
  }
  return { getToken: getTokenWithSpans };
}
