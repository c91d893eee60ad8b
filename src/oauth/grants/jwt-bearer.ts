import { randomUUID } from "node:crypto";
import type { AssertionSpec, ClientSpec, JwtBearerSpec } from "../../config/spec.js";
import type { AssertionFacts } from "../../diagnosis/facts.js";
import { chooseAlgorithm } from "../../keys/choose-algorithm.js";
import { issuedAt, signJwt } from "../../keys/sign-jwt.js";
import { unreachable } from "../../lib/unreachable.js";
import type { AttemptContext, Grant } from "../attempt.js";
import { audienceOf } from "../client-auth/client-assertion.js";
import { assertionKey } from "../client-auth/credential-retry.js";
import { readPlatformAssertion } from "../client-auth/platform-assertion.js";
import { endpointUrl } from "../endpoint-url.js";
import { readSubjectToken } from "./subject-token.js";
import { tokenGrant, type UnfinishedRequest } from "./token-grant.js";

export const jwtBearerGrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * Creates the JWT bearer grant, RFC 7523 §2.1: a token for a JWT. The platform issues the JWT (SEP-1933), we sign it,
 * or it is the token of a user on whose behalf the agent acts. The request authenticates a client only if the config
 * has its `id`. Rejects with the codes of `tokenGrant`, `secret_unavailable`, `key_invalid` and `signer_unavailable`.
 */
export function jwtBearer(grant: JwtBearerSpec): Grant {
  const { assertion } = grant;
  switch (assertion.kind) {
    case "platform":
      return tokenGrant(grant, {
        grantType: jwtBearerGrantType,
        presents: "platform_assertion",
        async readOwnFields(_request, attempt) {
          const jwt = await readPlatformAssertion(assertion.reference, attempt);
          return { fields: [["assertion", jwt.reveal()]] };
        },
      });
    case "runtime":
      return tokenGrant(grant, {
        grantType: jwtBearerGrantType,
        presents: "user_assertion",
        async readOwnFields(_request, attempt) {
          const token = await readSubjectToken(
            { token: { runtime: true } },
            attempt.manager.subject,
            attempt,
          );
          return { fields: [["assertion", token.reveal()]] };
        },
      });
    case "signed":
      return tokenGrant(grant, {
        grantType: jwtBearerGrantType,
        presents: "signed_assertion",
        actsForOther: assertion.subject !== assertion.issuer,
        assertionKey: assertion.key,
        async readOwnFields(request, attempt) {
          const { jwt, facts } = await signAssertion(grant.client, assertion, request, attempt);
          return { fields: [["assertion", jwt]], assertion: facts };
        },
      });
    default:
      return unreachable(assertion);
  }
}

/**
 * Signs an assertion, RFC 7523 §3. It has no `nbf`, because a clock that is a second ahead would make the assertion
 * invalid.
 */
async function signAssertion(
  client: ClientSpec,
  spec: Extract<AssertionSpec, { kind: "signed" }>,
  { target, time }: UnfinishedRequest,
  attempt: AttemptContext,
): Promise<{ readonly jwt: string; readonly facts: AssertionFacts }> {
  const { server, signal, manager } = attempt;
  const metadata = target.authorizationServer;
  const key = await assertionKey(spec.key, attempt);
  // Without the server's list of algorithms: that is only for client assertions.
  const alg = chooseAlgorithm(key, undefined, { server, issuer: metadata.issuer });
  const lifetime = Math.max(Math.floor(spec.lifetime / 1_000), 1);
  const iat = issuedAt(time.now(), lifetime);
  const claims = {
    ...spec.claims,
    iss: spec.issuer,
    sub: spec.subject,
    aud: audienceOf(spec.audience, metadata, endpointUrl("token_endpoint", client, metadata)),
    iat,
    exp: iat + lifetime,
    jti: randomUUID(),
  };
  manager.kid = key.kid;
  const typ = "JWT";
  return {
    jwt: await signJwt(key, { alg, typ, claims, server, signal }),
    facts: { alg, typ, kid: key.kid, kidFrom: key.kidFrom, audience: spec.audience },
  };
}
