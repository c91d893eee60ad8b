import { randomUUID } from "node:crypto";
import type { AssertionAudience } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { issuedAt } from "../../keys/issued-at.js";
import type { JwtClaims } from "../../keys/signing-key.js";

/** Seconds. Some servers take no assertion that lives longer. */
const lifetime = 60;

/** The `typ` of RFC 7523bis, unless the config has another. */
export const clientAssertionType = "client-authentication+jwt";

/** RFC 7523 §2.2. */
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Puts a client assertion into a token request, RFC 7521 §4.2. */
export function addClientAssertion(body: URLSearchParams, assertion: string, type: string = jwtBearer): void {
  body.set("client_assertion_type", type);
  body.set("client_assertion", assertion);
}

/**
 * The claims of a client assertion that we sign ourselves, RFC 7523 §3: with a new `jti` each time, and without `nbf`,
 * because a clock that runs a second ahead would make the assertion invalid. `now` is the time at the server, in
 * milliseconds since the epoch.
 */
export function clientAssertionClaims(clientId: string, audience: string, now: number): JwtClaims {
  const iat = issuedAt(now);
  return { iss: clientId, sub: clientId, aud: audience, iat, exp: iat + lifetime, jti: randomUUID() };
}

/** One string, as RFC 7523bis has it: the issuer unless the config says otherwise. */
export function audienceOf(
  configured: AssertionAudience | undefined,
  { issuer, token_endpoint }: Pick<AuthorizationServerMetadata, "issuer" | "token_endpoint">,
): string {
  switch (configured) {
    case undefined:
    case "issuer":
      return issuer;
    case "token_endpoint":
      return token_endpoint;
    default:
      return configured;
  }
}
