import type { CertificateSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import type { ClientAuthentication, ClientAuthenticationContext } from "./client-auth.js";
import { publicClient } from "./public-client.js";

/**
 * `tls_client_auth` and `self_signed_tls_client_auth`, RFC 8705 §2: the certificate is the credential, and the body says
 * whose it should be. The request goes to the endpoint for clients with certificates where there is one (§5).
 *
 * Rejects with `secret_unavailable` or `key_invalid`.
 */
export async function tlsClientAuth(
  spec: CertificateSpec,
  metadata: Pick<AuthorizationServerMetadata, "token_endpoint" | "mtls_endpoint_aliases">,
  context: ClientAuthenticationContext,
): Promise<ClientAuthentication> {
  const identity = await context.credentials.identity(spec, context);
  return {
    apply: publicClient,
    fetch: context.network.fetchAs(identity),
    tokenEndpoint: metadata.mtls_endpoint_aliases?.token_endpoint ?? metadata.token_endpoint,
    identity,
  };
}
