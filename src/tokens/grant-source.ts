import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { longestLifetime } from "../lib/duration.js";
import { untilAborted } from "../lib/wait.js";
import type { AttemptRequest } from "../oauth/attempt.js";
import type { IssuedToken } from "../oauth/issued-token.js";
import { jwtLifetime } from "./jwt-lifetime.js";
import type { TokenRequest, TokenSource } from "./source.js";
import { Token } from "./token.js";
import type { Report, TokenEvent } from "./token-event.js";

export interface GrantSourceOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  /** Lifetime in milliseconds of a token if neither the response nor the token states one. */
  readonly assumedLifetime: number;
  readonly report: Report;
}

/** A grant and the attempt to run it with. */
export interface PreparedAttempt<Attempt> {
  readonly grant: (attempt: Attempt) => Promise<IssuedToken>;
  readonly attempt: Attempt;
}

/**
 * The innermost token source: runs the grant at every call. When its signal is aborted it stops waiting, even for a
 * grant that ignores the signal.
 */
export function grantSource<Attempt>(
  prepare: (request: AttemptRequest) => Promise<PreparedAttempt<Attempt>>,
  options: GrantSourceOptions,
): TokenSource {
  const { server, issuer, clock, assumedLifetime, report } = options;

  async function getTokenFromGrant({ reason, signal, attempt, recorder }: TokenRequest): Promise<Token> {
    const started = clock.now();
    const warn = (about: Pick<TokenEvent, "code" | "message" | "expiresAt">): void => {
      const durationMs = clock.now() - started;
      report("token:warning", { server, issuer, reason, attempt, durationMs, ...about });
    };
    const prepared = prepare({
      signal,
      recorder,
      warn: (code, message) => warn({ code, ...(message !== undefined && { message }) }),
      onCredentialChange(change) {
        report(change, { server, issuer, reason, attempt, durationMs: clock.now() - started });
      },
    });
    const { grant, attempt: context } = await untilAborted(prepared, signal, () => canceled(server));
    const issued = await untilAborted(grant(context), signal, () => canceled(server));
    const lifetime = knownLifetime(issued);
    const expiresAt = issued.requestedAt + Math.min(lifetime ?? assumedLifetime, longestLifetime * 1_000);
    const token = new Token({
      ...issued,
      issuer: issued.issuer,
      // No server accepts a token that is bound to an expired certificate.
      expiresAt: Math.min(expiresAt, issued.binding?.certificate?.expiresAt ?? expiresAt),
    });
    // With a token that has expired on arrival, each call waits for a request of its own.
    if (lifetime === undefined || token.expiresAt <= clock.now()) {
      const about =
        lifetime === undefined ? lifetimeUnknown(issued, assumedLifetime) : expiredOnArrival(issued);
      warn({ expiresAt: token.expiresAt, message: `Server "${server}": ${about}` });
    }
    return token;
  }
  return { getToken: getTokenFromGrant };
}

/**
 * Returns the lifetime in milliseconds from the request: `expires_in` of the response, else what a JWT says about
 * itself. A static token was issued before it was read, so for it the JWT comes before the config.
 */
function knownLifetime({ expiresIn, accessToken, issuer, requestedAt }: IssuedToken): number | undefined {
  const stated = expiresIn === undefined ? undefined : expiresIn * 1_000;
  return issuer === undefined
    ? (jwtLifetime(accessToken, requestedAt) ?? stated)
    : (stated ?? jwtLifetime(accessToken));
}

function lifetimeUnknown({ issuer }: IssuedToken, assumedLifetime: number): string {
  const [what, remedy] =
    issuer === undefined
      ? ["its static token does not say how long it lives", 'Set the grant\'s "lifetime"']
      : ["the token response does not say how long the token lives", 'Set "assumedLifetime" under "refresh"'];
  return `${what}, so ${assumedLifetime / 1_000} s are assumed. ${remedy} if you know better.`;
}

function expiredOnArrival({ issuer }: IssuedToken): string {
  return issuer === undefined
    ? "its static token has expired. Replace it where the config reads it from."
    : `the token had expired when it arrived from ${issuer}, so every call requests another one. Have its lifetime raised.`;
}

function canceled(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the token request was canceled.`, { server });
}
