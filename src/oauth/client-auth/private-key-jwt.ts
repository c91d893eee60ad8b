import type { ClientSpec, KeySpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { chooseAlgorithm } from "../../keys/choose-algorithm.js";
import { signJwt } from "../../keys/sign-jwt.js";
import { type AttemptContext, warnOnce } from "../attempt.js";
import {
  addClientAssertion,
  audienceOf,
  clientAssertionClaims,
  clientAssertionType,
} from "./client-assertion.js";
import type { AssertionSigning, PreparedAuth } from "./client-auth.js";
import { assertionKey } from "./credential-retry.js";

/**
 * `private_key_jwt`, RFC 7523 §2.2 as updated by RFC 7523bis: sends an assertion that the client signs with its key.
 * Its `typ` is explicit, and its only audience is by default the issuer. The body has a `client_id` only if the key has
 * a certificate: servers that register certificates look the client up before they read the assertion (Entra ID
 * requires it, RFC 7521 §4.2 allows it). A configured `alg` that the server does not list is used with a warning.
 *
 * Rejects with `secret_unavailable`, `key_invalid` or `unsupported_by_server`. The returned function signs the
 * assertion.
 */
export async function privateKeyJwt(
  keySpec: KeySpec,
  spec: Pick<ClientSpec, "issuer" | "assertionAudience" | "assertionLifetime" | "assertionType">,
  metadata: AuthorizationServerMetadata,
  { time, url, onSigned }: AssertionSigning,
  attempt: AttemptContext,
): Promise<PreparedAuth> {
  const { server, signal } = attempt;
  const { issuer, token_endpoint_auth_signing_alg_values_supported: listed } = metadata;
  const key = await assertionKey(keySpec, attempt);
  const alg = chooseAlgorithm(key, listed, { server, issuer });
  if (listed !== undefined && !listed.includes(alg)) warnOnce(attempt, `authentication at ${spec.issuer}`);
  const audience = audienceOf(spec.assertionAudience, metadata, url);
  const typ = spec.assertionType ?? clientAssertionType;
  return {
    assertion: { alg, typ, kid: key.kid, kidFrom: key.kidFrom, audience: spec.assertionAudience ?? "issuer" },
    apply: async function addKeyAssertion(_authorizationServer, client, body) {
      const claims = clientAssertionClaims({
        clientId: client.client_id,
        audience,
        lifetime: spec.assertionLifetime,
        now: time.now(),
      });
      onSigned?.(key.kid);
      if (key.certificateThumbprint !== undefined) body.set("client_id", client.client_id);
      addClientAssertion(body, await signJwt(key, { alg, typ, claims, server, signal }));
    },
  };
}
