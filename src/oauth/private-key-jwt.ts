import { randomUUID } from "node:crypto";
import type { KeySpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { chooseAlgorithm } from "../keys/choose-algorithm.js";
import { loadKey } from "../keys/load-key.js";
import { signJwt } from "../keys/sign-jwt.js";
import type { ClientAuth, ClientAuthenticationContext } from "./client-auth.js";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Seconds. Some servers take no assertion that lives longer. */
const assertionLifetime = 60;

/**
 * `private_key_jwt`, RFC 7523 §2.2 as updated by RFC 7523bis: typed, for the issuer alone, with a new `jti` each time
 * it signs. There is no `nbf`, because a clock that runs a second ahead would make the assertion invalid, and no
 * `client_id` in the body, because `sub` says it.
 *
 * Rejects with `secret_unavailable`, `key_invalid` or `unsupported_by_server`.
 */
export async function privateKeyJwt(
  spec: KeySpec,
  metadata: AuthorizationServerMetadata,
  context: ClientAuthenticationContext,
): Promise<ClientAuth> {
  const { server, clock, signedWith } = context;
  const { issuer, token_endpoint_auth_signing_alg_values_supported: listed } = metadata;
  const key = await loadKey(spec, context);
  const alg = chooseAlgorithm(key, listed, { server, issuer });
  return async (_authorizationServer, client, body) => {
    const iat = Math.floor(clock.now() / 1_000);
    const id = client.client_id;
    const claims = { iss: id, sub: id, aud: issuer, iat, exp: iat + assertionLifetime, jti: randomUUID() };
    signedWith?.(key.kid);
    body.set("client_assertion_type", assertionType);
    body.set(
      "client_assertion",
      await signJwt(key, { alg, typ: "client-authentication+jwt", claims, server }),
    );
  };
}
