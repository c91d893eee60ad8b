import type { CredentialSpec } from "../config/spec.js";

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
