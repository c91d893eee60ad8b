import type { ClientSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";

/**
 * Returns the URL of an endpoint to which the client sends requests. For a client certificate, that is the alias of RFC
 * 8705 §5, if there is one.
 */
export function endpointUrl<
  Name extends
    | "token_endpoint"
    | "revocation_endpoint"
    | "introspection_endpoint"
    | "device_authorization_endpoint",
>(
  name: Name,
  { credential }: Pick<ClientSpec, "credential">,
  metadata: AuthorizationServerMetadata,
): string | AuthorizationServerMetadata[Name] {
  const aliases = credential.kind === "certificate" ? metadata.mtls_endpoint_aliases : undefined;
  return aliases?.[name] ?? metadata[name];
}
