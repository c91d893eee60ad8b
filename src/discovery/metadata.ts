import type { McpAuthErrorCode } from "../errors/error.js";

/** Authorization server metadata, RFC 8414 §2, as far as a machine client looks at it. */
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
  };
  /** RFC 7009. */
  readonly revocation_endpoint?: string;
}

/** Protected resource metadata, RFC 9728 §2, as far as a client looks at it. */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly dpop_signing_alg_values_supported?: readonly string[];
}

/** Something off in what the servers say of themselves that stops no token request. */
export interface TargetWarning {
  readonly code: McpAuthErrorCode;
  /** Holds nothing that a server chose. */
  readonly message: string;
}

/** Everything about the two servers that a token request needs, checked against what the config pins. */
export interface Target {
  readonly authorizationServer: AuthorizationServerMetadata;
  /** RFC 8707 `resource`, byte for byte; `undefined` where the config says that none is sent. */
  readonly resource: string | undefined;
  /** What to ask for when the config does not say. */
  readonly scopes?: readonly string[];
  /** All that the resource metadata lists. */
  readonly supportedScopes?: readonly string[];
  /** What the MCP server takes of DPoP proofs, RFC 9728 §2. */
  readonly proofAlgorithms?: readonly string[];
  readonly warnings?: readonly TargetWarning[];
  /** What could not be read, so that something else stands for it: a token for that is for nobody else. */
  readonly unread?: { readonly resource: boolean; readonly scopes: boolean };
}
