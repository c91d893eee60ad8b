import type { CredentialSpec } from "../config/spec.js";

/** What a token request presents beside the client's own credential. The server may reject either of the two. */
export type Presented =
  /** Nothing else: the client requests a token for itself. */
  | "client"
  /** A JWT that the platform issued. */
  | "platform_assertion"
  /** A JWT that this package signed. */
  | "signed_assertion"
  | "subject_token"
  /** What the `params` of the config contain. */
  | "params"
  | "refresh_token"
  /** The user's token, at the identity provider. */
  | "identity"
  /** The assertion that the identity provider issued for the user's token. */
  | "id_jag";

/** The grant of a token request. */
export interface GrantInUse {
  readonly grantType: string;
  readonly presents: Presented;
  /** Whether the request carries a DPoP proof. */
  readonly dpop: boolean;
  /** The issuer of the identity provider that issued what is presented. */
  readonly idp?: string;
}

/** Facts about a token request and the endpoint that it was sent to. */
export interface TokenEndpoint extends GrantInUse {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly issuer: string;
  /** The endpoint as messages name it. */
  readonly name: string;
  /** The URL of the endpoint if a server chose it; only for `details`. */
  readonly learnedUrl?: string | undefined;
  readonly credential: CredentialSpec["kind"];
  /** Whether the request has a client id. */
  readonly hasClientId: boolean;
  /**
   * How far its clock is ahead of ours, in milliseconds, if that is too far to be corrected and something was signed.
   */
  readonly clockSkew?: number | undefined;
  /** Whether the client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document). */
  readonly hasIdDocument?: boolean;
}

/**
 * Returns whether a token or revocation endpoint that answers with this status rejects the credential. Only the status
 * counts: with a 401 or 403, servers send an empty body, an HTML page, or an `error` that means something else.
 */
export function rejectsCredential(status: number): boolean {
  return status === 401 || status === 403;
}
