import type { McpAuthErrorCode } from "../errors/error.js";

/** Authorization server metadata (RFC 8414 §2), as far as a client without a user needs it. */
export interface AuthorizationServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[];
  readonly grant_types_supported?: readonly string[];
  readonly scopes_supported?: readonly string[];
  /** RFC 9449 §5.1. */
  readonly dpop_signing_alg_values_supported?: readonly string[];
  /** RFC 8705 §5. */
  readonly mtls_endpoint_aliases?: {
    readonly token_endpoint?: string;
    readonly revocation_endpoint?: string;
    readonly introspection_endpoint?: string;
    readonly device_authorization_endpoint?: string;
  };
  /** RFC 7009. */
  readonly revocation_endpoint?: string;
  /** RFC 7662. */
  readonly introspection_endpoint?: string;
  /** RFC 8628 §4. */
  readonly device_authorization_endpoint?: string;
}

/** Protected resource metadata (RFC 9728 §2), as far as a client needs it. */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly dpop_signing_alg_values_supported?: readonly string[];
}

/** Something wrong with the metadata that does not stop a token request. */
export interface TargetWarning {
  readonly code: McpAuthErrorCode;
  /** Contains nothing that a server chose. */
  readonly message: string;
}

/**
 * The facts about the authorization server and the MCP server that a token request needs, checked against the config.
 */
export interface Target {
  readonly authorizationServer: AuthorizationServerMetadata;
  /** RFC 8707 `resource`, byte for byte; `undefined` if the config says that none is sent. */
  readonly resource: string | undefined;
  /** The scopes to request if the config has none. */
  readonly scopes?: readonly string[];
  /** The scopes that the resource metadata lists. */
  readonly supportedScopes?: readonly string[];
  /** The algorithms of DPoP proofs that the MCP server accepts (RFC 9728 §2). */
  readonly proofAlgorithms?: readonly string[];
  readonly warnings?: readonly TargetWarning[];
  /** The parts that could not be read and have defaults instead. A token that was requested with them is not shared. */
  readonly unread?: { readonly resource: boolean; readonly scopes: boolean };
}
