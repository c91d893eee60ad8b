import type { CertificateSpec } from "../../config/spec.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import type { AttemptContext } from "../attempt.js";
import { type ClientAuthentication, publicClient } from "./client-auth.js";
import { clientIdentity } from "./credential-retry.js";

/**
 * `tls_client_auth` and `self_signed_tls_client_auth`, RFC 8705 §2: the connection presents the certificate, and the
 * body has the `client_id`. `endpointUrl` chooses the URL for such a request (§5).
 *
 * Rejects with `secret_unavailable` or `key_invalid`.
 */
export async function tlsClientAuth(
  spec: CertificateSpec,
  attempt: AttemptContext,
): Promise<ClientAuthentication & { readonly identity: TlsIdentity }> {
  const identity = await clientIdentity(spec, attempt);
  return {
    apply: publicClient,
    fetch: attempt.network.fetchAs(identity),
    identity,
  };
}
