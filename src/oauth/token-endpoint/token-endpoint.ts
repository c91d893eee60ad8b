import type { ClientSpec } from "../../config/spec.js";
import type { GrantInUse, TokenEndpoint } from "../../diagnosis/facts.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";

export function tokenEndpoint(
  server: string,
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  grant: GrantInUse,
  { clockSkew }: Pick<TokenEndpoint, "clockSkew"> = {},
): TokenEndpoint {
  const { issuer, credential } = client;
  const url = contactedUrl(client, metadata);
  return {
    ...grant,
    server,
    clockSkew,
    issuer,
    name: endpointName(grant, issuer),
    learnedUrl: client.metadata === undefined ? url : undefined,
    credential: credential.kind,
    hasClientId: client.id !== undefined,
    hasIdDocument: client.id?.startsWith("https://") === true,
  };
}

/** Where token requests go: for a certificate the alias of RFC 8705 §5, if there is one. */
export function contactedUrl(
  { credential }: ClientSpec,
  { token_endpoint, mtls_endpoint_aliases: aliases }: AuthorizationServerMetadata,
): string {
  return (credential.kind === "certificate" ? aliases?.token_endpoint : undefined) ?? token_endpoint;
}

/** The identity provider's must not be taken for that of the MCP server's authorization server. */
export function endpointName({ presents }: Pick<GrantInUse, "presents">, issuer: string): string {
  return `the token endpoint of ${presents === "identity" ? "the identity provider " : ""}${issuer}`;
}
