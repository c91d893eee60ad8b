import { randomUUID } from "node:crypto";
import type { AssertionSpec, JwtBearerSpec, ServerSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { chooseAlgorithm } from "../../keys/choose-algorithm.js";
import { issuedAt } from "../../keys/issued-at.js";
import { signJwt } from "../../keys/sign-jwt.js";
import { audienceOf } from "../client-auth/client-assertion.js";
import { readPlatformAssertion } from "../client-auth/platform-assertion.js";
import type { TokenRequestContext } from "../token-endpoint/token-request.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { type GrantRequest, tokenGrant } from "./token-grant.js";

export const jwtBearerGrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * RFC 7523 §2.1: a JWT for a token. It is the platform's (SEP-1933), read at each request, or signed by us. A client is
 * named and authenticated only if the config has its `id`. Rejects with the codes of `tokenGrant`, `secret_unavailable`,
 * `key_invalid` and `signer_unavailable`.
 */
export function jwtBearer(spec: ServerSpec, grant: JwtBearerSpec, environment: GrantEnvironment): Grant {
  const { assertion } = grant;
  return tokenGrant(spec, grant, environment, {
    grantType: jwtBearerGrantType,
    presents: assertion.kind === "platform" ? "platform_assertion" : "signed_assertion",
    async present({ target, context, presented }) {
      const jwt =
        assertion.kind === "platform"
          ? (await readPlatformAssertion(assertion.reference, context)).reveal()
          : await signAssertion(assertion, target.authorizationServer, { ...context, presented });
      return { fields: [["assertion", jwt]] };
    },
  });
}

/** RFC 7523 §3. Without `nbf`: a clock that runs a second ahead would make the assertion invalid. */
async function signAssertion(
  spec: Extract<AssertionSpec, { kind: "signed" }>,
  metadata: AuthorizationServerMetadata,
  context: TokenRequestContext & Pick<GrantRequest, "presented">,
): Promise<string> {
  const { server, clock, signingTime = clock, signal, signedWith, presented } = context;
  const key = await presented.key(spec.key, context);
  // What a server takes here it does not publish: its list is for client assertions.
  const alg = chooseAlgorithm(key, undefined, { server, issuer: metadata.issuer });
  const lifetime = Math.max(Math.floor(spec.lifetime / 1_000), 1);
  const iat = issuedAt(signingTime.now(), lifetime);
  const claims = {
    ...spec.claims,
    iss: spec.issuer,
    sub: spec.subject,
    aud: audienceOf(spec.audience, metadata),
    iat,
    exp: iat + lifetime,
    jti: randomUUID(),
  };
  signedWith?.(key.kid);
  return await signJwt(key, { alg, typ: "JWT", claims, server, signal });
}
