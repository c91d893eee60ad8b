import { randomUUID } from "node:crypto";
import type { AssertionAudience } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { issuedAt } from "../../keys/sign-jwt.js";
import type { JwtClaims } from "../../keys/signing-key.js";

/** Milliseconds. Some servers refuse an assertion with a longer lifetime. */
export const defaultAssertionLifetime = 60_000;

/** The default `typ` of the header, from RFC 7523bis. */
export const clientAssertionType = "client-authentication+jwt";

/** The `client_assertion_type` of a JWT, RFC 7523 §2.2. */
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Adds a client assertion to the body of a request, RFC 7521 §4.2. */
export function addClientAssertion(body: URLSearchParams, assertion: string, type: string = jwtBearer): void {
  body.set("client_assertion_type", type);
  body.set("client_assertion", assertion);
}

/** What determines the claims of a client assertion. */
interface AssertionToMake {
  readonly clientId: string;
  readonly audience: string;
  /** Milliseconds. Default: a minute. */
  readonly lifetime: number | undefined;
  /** The time at the server, in milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Returns the claims of a client assertion, RFC 7523 §3, with a new `jti` at each call. There is no `nbf`, because a
 * clock that is a second ahead would make the assertion invalid.
 */
export function clientAssertionClaims({ clientId, audience, ...times }: AssertionToMake): JwtClaims {
  const lifetime = Math.floor((times.lifetime ?? defaultAssertionLifetime) / 1_000);
  const iat = issuedAt(times.now, lifetime);
  return { iss: clientId, sub: clientId, aud: audience, iat, exp: iat + lifetime, jti: randomUUID() };
}

/**
 * Returns the `aud` of an assertion that is sent to `url`, a single string as RFC 7523bis requires: by default the
 * issuer. A token endpoint is an audience only where the assertion is sent to it. Otherwise an authorization server
 * that names the token endpoint of another one as its own would get assertions that the other one accepts.
 */
export function audienceOf(
  configured: AssertionAudience | undefined,
  metadata: Pick<AuthorizationServerMetadata, "issuer" | "token_endpoint" | "mtls_endpoint_aliases">,
  url: string,
): string {
  const { issuer, token_endpoint, mtls_endpoint_aliases: aliases } = metadata;
  switch (configured) {
    case undefined:
    case "issuer":
      return issuer;
    case "token_endpoint":
      return url === token_endpoint || url === aliases?.token_endpoint ? url : issuer;
    default:
      return configured;
  }
}
