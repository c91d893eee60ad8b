import type { CertificateSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import type { AttemptContext } from "../attempt.js";
import { type ClientAuthentication, publicClient } from "./client-auth.js";
import { clientIdentity } from "./credential-retry.js";

/**
 * `tls_client_auth` and `self_signed_tls_client_auth`, RFC 8705 §2: the connection presents the certificate, and the
 * body has the `client_id`. The request goes to the mTLS alias of the token endpoint, if there is one (§5).
 *
 * Rejects with `secret_unavailable` or `key_invalid`.
 */
export async function tlsClientAuth(
  spec: CertificateSpec,
  metadata: Pick<AuthorizationServerMetadata, "token_endpoint" | "mtls_endpoint_aliases">,
  attempt: AttemptContext,
): Promise<ClientAuthentication> {
  const identity = await clientIdentity(spec, attempt);
  return {
    apply: publicClient,
    fetch: attempt.network.fetchAs(identity),
    tokenEndpoint: metadata.mtls_endpoint_aliases?.token_endpoint ?? metadata.token_endpoint,
    identity,
  };
}
