/** Authorization server metadata, RFC 8414 §2, as far as a machine client looks at it. */
export interface AuthorizationServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[];
  readonly grant_types_supported?: readonly string[];
  readonly scopes_supported?: readonly string[];
}

/** Protected resource metadata, RFC 9728 §2, as far as a client looks at it. */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
}

/** Everything about the two servers that a token request needs, checked against what the config pins. */
export interface Target {
  readonly authorizationServer: AuthorizationServerMetadata;
  /** RFC 8707 `resource`, byte for byte. */
  readonly resource: string;
  /** What to ask for when the config does not say. */
  readonly scopes?: readonly string[];
}
