const prefix = "urn:ietf:params:oauth:token-type:";

/** The short names of token types in the config, RFC 8693 §3. */
export const tokenTypes = ["access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt"] as const;

/** The URI of a token type; what is no short name is one already. */
export function tokenTypeUri(type: string): string {
  return tokenTypes.some((name) => name === type) ? `${prefix}${type}` : type;
}
