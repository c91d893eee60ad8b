import type { ClientSpec, SecretReference } from "../../config/spec.js";
import type { Clock } from "../../lib/clock.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import type { Secret } from "../../lib/secret.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { secretUnavailable } from "../../secrets/reference.js";
import { addClientAssertion } from "./client-assertion.js";
import type { PreparedAuth } from "./client-auth.js";

interface PlatformAssertionContext extends SecretContext {
  readonly clock: Clock;
}

/**
 * Sends a JWT that the platform issued to this process as the client assertion, RFC 7523 §2.2. The authorization server
 * trusts the platform as an issuer. Because `sub` is the platform's name for the process, the client's `id` is sent too
 * (RFC 7521 §4.2). `assertionType` is sent as `client_assertion_type`, by which some servers recognize a JWT-SVID
 * (draft-ietf-oauth-spiffe-client-auth).
 *
 * Rejects with the codes of `readPlatformAssertion`.
 */
export async function platformAssertion(
  reference: SecretReference,
  { assertionType }: Pick<ClientSpec, "assertionType">,
  context: PlatformAssertionContext,
): Promise<PreparedAuth> {
  const assertion = await readPlatformAssertion(reference, context);
  return {
    apply: function addPlatformAssertion(_authorizationServer, client, body) {
      body.set("client_id", client.client_id);
      addClientAssertion(body, assertion.reveal(), assertionType);
    },
  };
}

/**
 * Reads a JWT that the platform issues and renews. Reads it again at each call. Checks only that it is a JWT, so that
 * no other secret is sent by mistake, and that it has not expired.
 *
 * Rejects with `secret_unavailable`.
 */
export async function readPlatformAssertion(
  reference: SecretReference,
  context: PlatformAssertionContext,
): Promise<Secret> {
  const { server, clock } = context;
  const assertion = await readSecret(reference, context, "the assertion");
  const claims = jwtClaims(assertion.reveal());
  if (claims === undefined) {
    throw secretUnavailable(
      reference,
      server,
      "it is not a JWT (three parts separated by dots). Name the place that the platform writes its token to; if the " +
        'token is inside a JSON document, add a "pointer".',
    );
  }
  const { exp } = claims;
  if (typeof exp === "number" && exp * 1_000 <= clock.now()) {
    throw secretUnavailable(
      reference,
      server,
      'its "exp" is in the past. Check that the platform renews the token there, and check the clock of this machine.',
    );
  }
  return assertion;
}
