import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { longestLifetime } from "../lib/longest-lifetime.js";
import { untilAborted } from "../lib/until-aborted.js";
import type { AttemptRequest } from "../oauth/attempt.js";
import type { IssuedToken } from "../oauth/grants/grant.js";
import type { CredentialChange } from "../secrets/credential-recorder.js";
import { jwtLifetime } from "./jwt-lifetime.js";
import type { TokenSource } from "./source.js";
import { Token } from "./token.js";
import type { Report, TokenEvent } from "./token-event.js";

export interface GrantSourceOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  /** Milliseconds for a token that says nothing about its lifetime. */
  readonly assumedLifetime: number;
  readonly report: Report;
}

/** The leaf: asks at every call. Its signal ends the wait even for a grant that does not listen to it. */
export function grantSource(
  grant: (request: AttemptRequest) => Promise<IssuedToken>,
  options: GrantSourceOptions,
): TokenSource {
  const { server, issuer, clock, assumedLifetime, report } = options;
  return {
    async getToken({ reason, signal, attempt, reads }) {
      const started = clock.now();
      const warn = (about: Pick<TokenEvent, "code" | "message" | "expiresAt">): void => {
        const durationMs = clock.now() - started;
        report("token:warning", { server, issuer, reason, attempt, durationMs, ...about });
      };
      const notify = (change: CredentialChange): void => {
        report(change, { server, issuer, reason, attempt, durationMs: clock.now() - started });
      };
      const answer = grant({
        signal,
        reads,
        warn: (code, message) => warn({ code, ...(message !== undefined && { message }) }),
        notify,
      });
      const issued = await untilAborted(answer, signal, () => calledOff(server));
      const known = knownLifetime(issued);
      const expiresAt = issued.requestedAt + Math.min(known ?? assumedLifetime, longestLifetime * 1_000);
      const token = new Token({
        ...issued,
        issuer: issued.issuer,
        // No server takes a bound token with a certificate that has ended.
        expiresAt: Math.min(expiresAt, issued.binding?.certificate?.expiresAt ?? expiresAt),
      });
      // One that has ended before it is there makes each call wait for a request of its own.
      if (known === undefined || token.expiresAt <= clock.now()) warn({ expiresAt: token.expiresAt });
      return token;
    },
  };
}

/**
 * Milliseconds from the request: what the response says, else what a JWT says of itself. A static token was issued at
 * some time before it was read, and its own word comes before that of the config.
 */
function knownLifetime({ expiresIn, accessToken, issuer, requestedAt }: IssuedToken): number | undefined {
  const told = expiresIn === undefined ? undefined : expiresIn * 1_000;
  return issuer === undefined
    ? (jwtLifetime(accessToken, requestedAt) ?? told)
    : (told ?? jwtLifetime(accessToken));
}

function calledOff(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the token request was called off.`, { server });
}
