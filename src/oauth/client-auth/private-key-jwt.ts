import type { ClientSpec, KeySpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { chooseAlgorithm } from "../../keys/choose-algorithm.js";
import { signJwt } from "../../keys/sign-jwt.js";
import {
  addClientAssertion,
  audienceOf,
  clientAssertionClaims,
  clientAssertionType,
} from "./client-assertion.js";
import type { ClientAuth, ClientAuthenticationContext } from "./client-auth.js";

/**
 * `private_key_jwt`, RFC 7523 §2.2 as updated by RFC 7523bis: typed, for the issuer alone unless the config says
 * otherwise, and without `client_id` in the body, because `sub` says it: only a key with a certificate has it there, for
 * servers with which certificates are registered look the client up before the assertion (Entra ID requires it, RFC 7521
 * §4.2 allows it). A configured `alg` that the server does not list is used all the same, with a warning.
 *
 * Rejects with `secret_unavailable`, `key_invalid` or `unsupported_by_server`; the assertion is signed, anew each time,
 * when it is put into the request.
 */
export async function privateKeyJwt(
  keySpec: KeySpec,
  spec: Pick<ClientSpec, "assertionAudience" | "assertionType">,
  metadata: AuthorizationServerMetadata,
  context: ClientAuthenticationContext,
): Promise<ClientAuth> {
  const { server, clock, signingTime = clock, signal, signedWith, warn } = context;
  const { issuer, token_endpoint_auth_signing_alg_values_supported: listed } = metadata;
  const key = await context.credentials.key(keySpec, context);
  const alg = chooseAlgorithm(key, listed, { server, issuer });
  if (listed !== undefined && !listed.includes(alg)) warn?.("unsupported_by_server");
  const audience = audienceOf(spec.assertionAudience, metadata);
  const typ = spec.assertionType ?? clientAssertionType;
  return async (_authorizationServer, client, body) => {
    const claims = clientAssertionClaims(client.client_id, audience, signingTime.now());
    signedWith?.(key.kid);
    if (key.certificateThumbprint !== undefined) body.set("client_id", client.client_id);
    addClientAssertion(body, await signJwt(key, { alg, typ, claims, server, signal }));
  };
}
