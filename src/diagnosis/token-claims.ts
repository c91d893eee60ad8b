// What the claims of an access token say, compared with what it was requested for. They are those of a JWT (RFC 9068) or
// of an introspection (RFC 7662), and are not verified: the config is checked, not the token.
import type { JsonObject } from "../lib/json-object.js";
import type { Finding } from "./finding.js";
import { isStandardScope } from "./standard-scopes.js";
import { withoutSlash } from "./url-difference.js";

/** The claims of a token, and what is known about its request. */
export interface TokenClaims {
  readonly claims: JsonObject;
  /** Absent for a static token, which nobody requested. */
  readonly issuer: string | undefined;
  /** What its `aud` may be: the URL of the server, and the resource and audiences of the request. */
  readonly audiences: readonly (string | undefined)[];
  /** The scopes of the config that it was requested with. */
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The key and the certificate that we present with it: `jkt` and `x5t#S256` of `cnf`. */
  readonly binding: { readonly jkt?: string | undefined; readonly x5t?: string | undefined };
}

/** A finding about a token. `isFatal`: no server that checks the claim accepts the token. */
export interface ClaimFinding extends Finding {
  readonly isFatal: boolean;
}

/** Milliseconds by which clocks may differ before a time in a token is suspicious. */
const tolerance = 60_000;

/** Returns the first thing that is wrong with the claims of a token, the fatal ones before the others. */
export function checkTokenClaims(token: TokenClaims): ClaimFinding | undefined {
  const fatal = checkActive(token) ?? checkExpiry(token) ?? checkBeginning(token) ?? checkBinding(token);
  if (fatal !== undefined) return { ...fatal, isFatal: true };
  const suspicious =
    checkAudiences(token.claims["aud"], token.audiences) ??
    checkTokenIssuer(token.claims["iss"], token.issuer) ??
    checkClaimedScopes(token);
  return suspicious && { ...suspicious, isFatal: false };
}

/** RFC 7662 §2.2: the other members are absent then. */
function checkActive({ claims }: TokenClaims): Finding | undefined {
  if (claims["active"] !== false) return undefined;
  return {
    id: "token_inactive",
    cause: "The authorization server says that the token, which it has just issued, is not active.",
    remedy:
      "Ask its operator whether its tokens are shared between its nodes, and whether the client's tokens are revoked.",
  };
}

function checkExpiry({ claims, now }: TokenClaims): Finding | undefined {
  const { exp } = claims;
  if (typeof exp !== "number" || exp * 1_000 > now) return undefined;
  return {
    id: "token_expired",
    cause: 'The token\'s "exp" is in the past.',
    remedy: "Correct the clock of this machine or of the authorization server; replace a static token.",
  };
}

function checkBeginning({ claims, now }: TokenClaims): Finding | undefined {
  const { nbf } = claims;
  if (typeof nbf !== "number" || nbf * 1_000 <= now + tolerance) return undefined;
  return {
    id: "token_not_yet_valid",
    cause: 'The token\'s "nbf" is in the future.',
    remedy: "Correct the clock of this machine or of the authorization server.",
  };
}

/** RFC 9449 §6 and RFC 8705 §3. */
function checkBinding({ claims, binding }: TokenClaims): Finding | undefined {
  const { cnf } = claims;
  if (typeof cnf !== "object" || cnf === null) return undefined;
  const [jkt, x5t] = [Reflect.get(cnf, "jkt"), Reflect.get(cnf, "x5t#S256")];
  if (typeof jkt === "string" && jkt !== binding.jkt) {
    return {
      id: "token_bound_to_other_key",
      cause: 'The token is bound to a key (RFC 9449) that is not the one of "dpop".',
      remedy:
        binding.jkt === undefined
          ? 'Set "dpop": true on the server.'
          : "Tell the operator of the authorization server.",
    };
  }
  if (typeof x5t !== "string" || x5t === binding.x5t) return undefined;
  return {
    id: "token_bound_to_other_certificate",
    cause: "The token is bound to a certificate (RFC 8705) that the client does not present.",
    remedy: 'Give the client the "certificate" that it is registered with.',
  };
}

/** Compares the `aud` of a token with what it may be. An absent `aud` says nothing. */
export function checkAudiences(aud: unknown, expected: readonly (string | undefined)[]): Finding | undefined {
  const audiences = listOf(aud);
  const isExpected = (audience: string) => expected.some((known) => isSame(audience, known));
  if (audiences.length === 0 || audiences.some(isExpected)) return undefined;
  return {
    id: "token_audience",
    cause: `The token's "aud" is neither the server's URL nor a resource or audience that was requested.`,
    remedy: 'Set the grant\'s "audience" or "resource" to what the server expects.',
  };
}

/** Compares the `iss` of a token with the configured issuer, if there is one. An absent `iss` says nothing. */
export function checkTokenIssuer(iss: unknown, configured: string | undefined): Finding | undefined {
  if (configured === undefined || typeof iss !== "string" || isSame(iss, configured)) return undefined;
  return {
    id: "token_issuer",
    cause: 'The token\'s "iss" is another issuer.',
    remedy: 'Set the client\'s "issuer" to the one that the server trusts.',
  };
}

/** A token may be without scopes that the token response names. An absent `scope` and `scp` say nothing. */
function checkClaimedScopes({ claims, scopes }: TokenClaims): Finding | undefined {
  const granted = [...listOf(claims["scope"]), ...listOf(claims["scp"])].flatMap((text) => text.split(" "));
  if (granted.length === 0) return undefined;
  // A scope of Entra ID has the URI of its application before the name that is in the token.
  const has = (scope: string) => granted.some((name) => scope === name || scope.endsWith(`/${name}`));
  const missing = scopes.filter((scope) => !has(scope) && !isStandardScope(scope));
  if (missing.length === 0) return undefined;
  return {
    id: "token_lacks_scopes",
    cause: "The token lacks scopes that the config requests.",
    remedy: "Allow this client to request them at the authorization server.",
  };
}

function listOf(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === "string");
}

/** Compares identifiers without a slash at the end: a server does not refuse a token because of that slash. */
function isSame(a: string, b: string | undefined): boolean {
  return b !== undefined && withoutSlash(a) === withoutSlash(b);
}
