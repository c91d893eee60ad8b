import type { ClientSpec, CredentialSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";

/** What a token request presents beside the client's own credential: who refuses it may mean this. */
export type Presented =
  /** Nothing: the client asks for itself. */
  | "client"
  | "platform_assertion"
  | "signed_assertion"
  | "subject_token"
  | "refresh_token"
  /** What says who the user is, at the identity provider. */
  | "identity"
  /** What the identity provider has made of that. */
  | "id_jag";

/** The grant that a token endpoint is asked with, for messages. */
export interface GrantInUse {
  readonly grantType: string;
  readonly presents: Presented;
  /** Whether the request carries a DPoP proof. */
  readonly dpop: boolean;
  /** The issuer of the identity provider that has issued what is presented. */
  readonly idp?: string;
}

/** The token endpoint that an answer came from, as messages name it. */
export interface TokenEndpoint extends GrantInUse {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly issuer: string;
  /** Whose token endpoint it is. */
  readonly name: string;
  /** Its URL where a server chose it; for `details` alone. */
  readonly learnedUrl?: string | undefined;
  readonly credential: CredentialSpec["kind"];
  /** Whether the request names a client at all. */
  readonly identified: boolean;
  /** Milliseconds that its clock is ahead of ours, where that is too much to be made up for and matters. */
  readonly clockSkew?: number | undefined;
  /** Whether the client's id is the address of a document about it (draft-ietf-oauth-client-id-metadata-document). */
  readonly hasDocument?: boolean;
}

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
    identified: client.id !== undefined,
    hasDocument: client.id?.startsWith("https://") === true,
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
