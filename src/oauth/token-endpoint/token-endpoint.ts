import type { ClientSpec } from "../../config/spec.js";
import type { ConfiguredEndpoint, GrantInUse, TokenEndpoint } from "../../diagnosis/facts.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { endpointUrl } from "../endpoint-url.js";

/** Returns the facts about a token request and its endpoint that messages and advice are made from. */
export function describeTokenEndpoint(
  server: string,
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  grant: GrantInUse,
  { clockSkew, sent }: Pick<TokenEndpoint, "clockSkew" | "sent"> = {},
): TokenEndpoint {
  const { issuer, credential } = client;
  const url = endpointUrl("token_endpoint", client, metadata);
  return {
    ...grant,
    ...{ server, clockSkew, sent },
    issuer,
    name: endpointName(grant, issuer),
    url,
    configured: configuredEndpoint(client, url),
    credential: credential.kind,
    hasClientId: client.id !== undefined,
    hasIdDocument: client.id?.startsWith("https://") === true,
  };
}

function configuredEndpoint({ metadata }: ClientSpec, url: string): ConfiguredEndpoint | undefined {
  if (metadata === undefined) return undefined;
  return { url, property: url === metadata.mtlsTokenEndpoint ? "mtlsTokenEndpoint" : "tokenEndpoint" };
}

/** Returns the name of a token endpoint for messages, which says whether it is the identity provider's. */
export function endpointName({ presents }: Pick<GrantInUse, "presents">, issuer: string): string {
  return `the token endpoint of ${presents === "identity" ? "the identity provider " : ""}${issuer}`;
}
