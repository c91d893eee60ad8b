import type { ClientAuthenticationMethod, CredentialSpec } from "../config/spec.js";
import type { Secret } from "../lib/secret.js";

/** What a token request presents beside the client's own credential. The server may reject either of the two. */
export type Presented =
  /** Nothing else: the client requests a token for itself. */
  | "client"
  /** A JWT that the platform issued. */
  | "platform_assertion"
  /** A JWT that this package signed. */
  | "signed_assertion"
  /** The token of a user, as an assertion. */
  | "user_assertion"
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
  /** Whether the token is for one user of the host, so that no command can request it. */
  readonly isForUser?: boolean;
  /** Whether the refresh token comes from the command `login`, because the config has none. */
  readonly isFromLogin?: boolean;
  /** Whether the request has an actor token beside the subject token. */
  readonly hasActor?: boolean;
  /** Whether the assertion that we signed is for a subject other than its issuer. */
  readonly actsForOther?: boolean;
}

/** A client secret that was sent, and how. */
export interface SecretFacts {
  /** Names the place that it was read from: `the environment variable "CRM_SECRET"`. */
  readonly source: string;
  /** Checks look at its form. None of them shows it. */
  readonly value: Secret;
  /** Present for `client_secret_basic` if form encoding changes the id or the secret: the encoding that was used. */
  readonly basicEncoding?: "form" | "raw";
}

/** The header and the audience of an assertion that we signed. */
export interface AssertionFacts {
  readonly alg: string;
  readonly typ: string;
  /** Absent if none was sent. */
  readonly kid?: string | undefined;
  /** Where the `kid` comes from: the config, the JWK, or the RFC 7638 thumbprint of the key. */
  readonly kidFrom?: "config" | "jwk" | "thumbprint" | undefined;
  /** `issuer`, `token_endpoint`, or a value of the config. */
  readonly audience: string;
}

/** How the client authenticated itself. */
export interface AuthenticationFacts {
  readonly method: ClientAuthenticationMethod;
  /** The methods that the server lists. Absent without a list. */
  readonly listedMethods?: readonly string[] | undefined;
  readonly secret?: SecretFacts;
  readonly assertion?: AssertionFacts;
  /** `isForClients`: whether its extended key usage permits the authentication of clients. */
  readonly certificate?: { readonly isForClients: boolean };
}

/** The scopes of a token request, and who chose them. */
export interface ScopeFacts {
  readonly from:
    | "config"
    /** The last challenge of the MCP server. */
    | "challenge"
    /** The metadata of the MCP server. */
    | "scopes_supported"
    /** A step-up, or a call that names scopes. */
    | "call"
    /** None was sent. */
    | "none";
  /** Those that the config has too. */
  readonly configured: readonly string[];
}

/**
 * What a token request was sent with. It has nothing that a server chose except `listedMethods`, of which messages show
 * nothing.
 */
export interface SentFacts {
  /** Absent if the request has no client id. */
  readonly authentication?: AuthenticationFacts | undefined;
  /** The assertion of the grant, if we signed it. */
  readonly assertion?: AssertionFacts | undefined;
  readonly scopes?: ScopeFacts | undefined;
  /** Whether the request has a `resource` (RFC 8707). */
  readonly hasResource?: boolean | undefined;
}

/** Facts about a token request and the endpoint that it was sent to. */
export interface TokenEndpoint extends GrantInUse {
  /** Name of the MCP server in the config. */
  readonly server: string;
  readonly issuer: string;
  /** The endpoint as messages name it. */
  readonly name: string;
  /** The URL of the endpoint. A server may have chosen it, so it is only for `details`. */
  readonly url?: string | undefined;
  /** The URL of the endpoint if the config has it, and the name of its property in the client's `metadata`. */
  readonly configured?: ConfiguredEndpoint | undefined;
  readonly credential: CredentialSpec["kind"];
  /** Whether the request has a client id. */
  readonly hasClientId: boolean;
  /**
   * How far its clock is ahead of ours, in milliseconds, if that is too far to be corrected and something was signed.
   */
  readonly clockSkew?: number | undefined;
  /** Whether the client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document). */
  readonly hasIdDocument?: boolean;
  /** Absent if the request was not made here. */
  readonly sent?: SentFacts | undefined;
}

export interface ConfiguredEndpoint {
  readonly url: string;
  readonly property: "tokenEndpoint" | "mtlsTokenEndpoint";
}

/** How a token endpoint rejected a request. */
export interface Rejection {
  readonly status: number;
  /** The `error` of the response (RFC 6749 §5.2), if it is a registered code. */
  readonly oauthError: string | undefined;
  /** The numbers in `error_codes`, which Entra ID sends. */
  readonly errorCodes?: readonly number[];
  /**
   * What the server says: its `error`, if that is not a registered code, and `error_description`. It is text that the
   * server chose. It may decide which of our findings comes first, or alone, and appears in none of them.
   */
  readonly explanation?: string | undefined;
  /** The `Location` of a redirect. Appears in a finding only if the config has the same value. */
  readonly location?: string | undefined;
}

/** A token request that was rejected. Every check in `token-request/` is a function of it. */
export interface RejectedRequest {
  readonly endpoint: TokenEndpoint;
  readonly rejection: Rejection;
}

/**
 * Returns whether a token or revocation endpoint that answers with this status rejects the credential. Only the status
 * counts: with a 401 or 403, servers send an empty body, an HTML page, or an `error` that means something else.
 */
export function rejectsCredential(status: number): boolean {
  return status === 401 || status === 403;
}
