import type { SignedAssertion } from "./generated/types.js";

/**
 * Parameters of the token request that `params` cannot set because OAuth defines them. The value is the setting that
 * sets the parameter, if there is one.
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

/** The reserved parameters that every request sets. A grant of type `extension` can set all others. */
export const alwaysReserved: ReadonlySet<string> = new Set([
  ...["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type"],
  ...["scope", "resource", "audience"],
]);

/** The parameters that can name the subject of a token exchange instead of `subject`. */
export const subjectParams: ReadonlySet<string> = new Set(["subject_token", "subject_token_type"]);

/** Parameters whose value is a credential, so that the config can only have a reference to it. */
export const credentialParams: ReadonlySet<string> = new Set([
  ...["assertion", "subject_token", "actor_token", "refresh_token", "password"],
]);

/** Claims of a signed assertion that `claims` cannot set. Each value is the property that sets the claim, if any. */
export const reservedClaims: ReadonlyMap<string, keyof SignedAssertion | undefined> = new Map<
  string,
  keyof SignedAssertion | undefined
>([
  ["iss", "issuer"],
  ["sub", "subject"],
  ["aud", "audience"],
  ["exp", "lifetime"],
  ["iat", undefined],
  ["nbf", undefined],
  ["jti", undefined],
]);

/** A header that this package sets. */
export interface ReservedHeader {
  /** The header as it is usually written. */
  readonly name: string;
  /** What to do instead. */
  readonly hint: string;
}

/** Headers in lower case that the `headers` of a server cannot set. */
export const reservedServerHeaders: ReadonlyMap<string, ReservedHeader> = new Map([
  [
    "authorization",
    {
      name: "Authorization",
      hint: 'For a token that you already have, use the grant { "type": "static", "token": … }',
    },
  ],
]);

/** Headers in lower case that the `headers` of a client cannot set. */
export const reservedClientHeaders: ReadonlyMap<string, ReservedHeader> = new Map([
  [
    "authorization",
    {
      name: "Authorization",
      hint: "It has the credential of the client: its `secret`, `key`, `assertion` or `certificate`",
    },
  ],
  ["dpop", { name: "DPoP", hint: "Set `dpop` of the server" }],
  ["content-type", { name: "Content-Type", hint: "Remove it: token requests are form-urlencoded" }],
]);

/** Headers that the HTTP client sets for the connection. */
export const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);
