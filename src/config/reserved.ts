/**
 * Parameters of the token request that OAuth has a use for, so that `params` cannot set them, and where the config
 * says what they will be. `undefined`: nothing in the config does.
 */
export const reservedParams: ReadonlyMap<string, string | undefined> = new Map([
  ["grant_type", "`type` of the grant"],
  ["client_id", "`id` of the client"],
  ["client_secret", "`secret` of the client"],
  ["client_assertion", "`key` or `assertion` of the client"],
  ["client_assertion_type", "`assertionType` of the client"],
  ["scope", "`scopes` of the grant"],
  ["resource", "`resource` of the grant"],
  ["audience", "`audience` of the grant"],
  ["assertion", '`assertion` of a grant "jwt_bearer"'],
  ["subject_token", '`subject.token` of a grant "token_exchange"'],
  ["subject_token_type", '`subject.type` of a grant "token_exchange"'],
  ["actor_token", '`actor.token` of a grant "token_exchange"'],
  ["actor_token_type", '`actor.type` of a grant "token_exchange"'],
  ["requested_token_type", '`requestedType` of a grant "token_exchange"'],
  ["refresh_token", '`refreshToken` of a grant "refresh_token"'],
  ["code", undefined],
  ["redirect_uri", undefined],
  ["code_verifier", undefined],
]);

/** Claims of a signed assertion that `claims` cannot set, and the field of the `assertion` that does. */
export const reservedClaims: ReadonlyMap<string, string | undefined> = new Map([
  ["iss", "issuer"],
  ["sub", "subject"],
  ["aud", "audience"],
  ["exp", "lifetime"],
  ["iat", undefined],
  ["nbf", undefined],
  ["jti", undefined],
]);

// Headers of the connection belong to whoever makes the connection.
export const reservedHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);
