// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

export type PartTitle = "Actor" | "Algorithm" | "Assertion" | "AssertionAudience" | "Certificate" | "Client" | "ClientCredentialsGrant" | "ClientOrIssuer" | "ClientOrName" | "ClientWithCredential" | "Command" | "Config" | "DPoP" | "DPoPKey" | "Defaults" | "Duration" | "EncryptionKey" | "EncryptionKeys" | "EnterpriseManagedGrant" | "FileStore" | "GithubActions" | "Grant" | "HeaderName" | "HeaderValue" | "Headers" | "IdentityProvider" | "Issuer" | "JwtBearerGrant" | "Key" | "KeyOrName" | "MemoryStore" | "Metadata" | "Method" | "Name" | "Network" | "NoSource" | "ParamName" | "ParamValue" | "Params" | "PrivateKey" | "Reach" | "RedisStore" | "Refresh" | "RefreshOrFalse" | "RefreshTokenGrant" | "Resource" | "Retry" | "RuntimeToken" | "Scopes" | "SecretReference" | "Sentinel" | "SentinelNodes" | "Server" | "SignedAssertion" | "Signer" | "SignerKey" | "StaticGrant" | "Store" | "StringOrList" | "Subject" | "SubjectToken" | "TokenExchangeGrant" | "TokenType" | "TwoSources" | "UndecidedGrant" | "Url" | "UrlOrFalse";

/** The texts of a part of the schema that messages are made of. */
export interface SchemaPart {
  readonly title?: PartTitle;
  readonly errorMessage?: string;
  readonly patternErrorMessage?: string;
  readonly enum?: readonly unknown[];
  /** Their names. */
  readonly properties?: readonly string[];
}

export const schemaParts: readonly SchemaPart[] = [
  {
    "title": "Command",
    "errorMessage": "Must be a command and its arguments as a list, such as [\"cmd\", \"arg\"]"
  },
  {
    "patternErrorMessage": "An argument of a command cannot contain the character NUL"
  },
  {
    "title": "Duration",
    "errorMessage": "Must be a duration longer than zero, such as \"500ms\", \"30s\", \"5m\" or \"1h\"",
    "patternErrorMessage": "Must be a duration longer than zero, such as \"500ms\", \"30s\", \"5m\" or \"1h\""
  },
  {
    "title": "GithubActions",
    "errorMessage": "Must be an object: {} or { \"audience\": … }",
    "properties": [
      "audience"
    ]
  },
  {},
  {
    "title": "NoSource",
    "errorMessage": "Must be a reference to a secret, such as { \"env\": \"NAME\" } or { \"file\": \"path\" }"
  },
  {
    "title": "TwoSources",
    "errorMessage": "A secret must have one source"
  },
  {
    "title": "SecretReference",
    "errorMessage": "Must be a reference to a secret, such as { \"env\": \"NAME\" } or { \"file\": \"path\" }",
    "properties": [
      "env",
      "file",
      "exec",
      "timeout",
      "githubActions",
      "resolver",
      "ref",
      "pointer"
    ]
  },
  {
    "patternErrorMessage": "Must be the name of an environment variable: letters, digits and `_`, not starting with a digit"
  },
  {
    "patternErrorMessage": "Must be a JSON pointer (RFC 6901), such as \"/client_secret\"; in a name ~ is written ~0 and / is written ~1"
  },
  {
    "errorMessage": "A `pointer` can be used only with `file`, `exec` and `resolver`"
  },
  {
    "errorMessage": "A `timeout` can be used only with `exec`"
  },
  {
    "errorMessage": "A `ref` can be used only with `resolver`"
  },
  {
    "properties": [
      "timeout"
    ]
  },
  {
    "title": "HeaderValue",
    "errorMessage": "Must be a string or a reference, such as { \"env\": \"NAME\" } or { \"file\": \"path\" }"
  },
  {
    "patternErrorMessage": "A header value is one line of Latin-1 text"
  },
  {
    "title": "HeaderName",
    "patternErrorMessage": "A header name has only letters, digits and !#$%&'*+.^_`|~-"
  },
  {
    "title": "Headers"
  },
  {
    "title": "Refresh",
    "properties": [
      "schedule",
      "timezone",
      "jitter",
      "ahead",
      "idle",
      "assumedLifetime"
    ]
  },
  {
    "title": "RefreshOrFalse",
    "errorMessage": "Must be `false` (renew on demand only) or an object"
  },
  {
    "errorMessage": "Must be `false` (renew on demand only) or an object"
  },
  {
    "title": "Retry",
    "properties": [
      "attempts",
      "min",
      "max"
    ]
  },
  {
    "title": "Reach",
    "enum": [
      "origin",
      "path"
    ]
  },
  {
    "title": "Defaults",
    "properties": [
      "headers",
      "refresh",
      "timeout",
      "deadline",
      "retry",
      "reach"
    ]
  },
  {
    "title": "MemoryStore",
    "properties": [
      "type"
    ]
  },
  {
    "enum": [
      "memory"
    ]
  },
  {
    "title": "EncryptionKey",
    "errorMessage": "Must be a reference to a key, or a list of references"
  },
  {
    "title": "EncryptionKeys"
  },
  {
    "title": "FileStore",
    "properties": [
      "type",
      "path",
      "encryptionKey"
    ]
  },
  {
    "enum": [
      "file"
    ]
  },
  {
    "title": "Sentinel",
    "properties": [
      "name",
      "nodes"
    ]
  },
  {
    "title": "SentinelNodes"
  },
  {
    "patternErrorMessage": "Must be a host, with a port unless that is 26379, such as \"10.0.0.5:26379\""
  },
  {
    "title": "RedisStore",
    "properties": [
      "type",
      "url",
      "sentinel",
      "cluster",
      "prefix",
      "lease",
      "encryptionKey"
    ]
  },
  {
    "enum": [
      "redis"
    ]
  },
  {
    "patternErrorMessage": "Must be the URL of a node, such as \"redis://10.0.0.2:6379\", without user and password"
  },
  {
    "patternErrorMessage": "Must not contain spaces or braces"
  },
  {
    "title": "Store",
    "properties": [
      "type"
    ]
  },
  {
    "enum": [
      "memory",
      "file",
      "redis"
    ]
  },
  {
    "title": "StringOrList",
    "errorMessage": "Must be a string or a list of strings"
  },
  {
    "title": "Network",
    "properties": [
      "proxy",
      "ca",
      "allowInsecureHttp"
    ]
  },
  {
    "errorMessage": "Must be `false` or the URL of a proxy"
  },
  {
    "patternErrorMessage": "Must be the URL of a proxy, http:// or https:// with a host and a port"
  },
  {
    "errorMessage": "Must be a list of host names"
  },
  {
    "patternErrorMessage": "Must be a host name without a scheme, port or path; an IPv6 address is in brackets"
  },
  {
    "title": "NoSource",
    "errorMessage": "Must be { \"exec\": [\"cmd\", \"arg\"] } or { \"name\": \"kms\" }"
  },
  {
    "title": "TwoSources",
    "errorMessage": "A signer is a command, `exec`, or a function, `name`, not both"
  },
  {
    "title": "Signer",
    "errorMessage": "Must be { \"exec\": [\"cmd\", \"arg\"] } or { \"name\": \"kms\" }",
    "properties": [
      "exec",
      "timeout",
      "name",
      "format"
    ]
  },
  {
    "enum": [
      "raw",
      "der"
    ]
  },
  {
    "title": "Algorithm",
    "enum": [
      "RS256",
      "RS384",
      "RS512",
      "PS256",
      "PS384",
      "PS512",
      "ES256",
      "ES384",
      "ES512",
      "EdDSA",
      "Ed25519"
    ]
  },
  {
    "title": "SignerKey",
    "properties": [
      "privateKey",
      "passphrase"
    ]
  },
  {
    "errorMessage": "A key has a `privateKey` or a `signer`, not both"
  },
  {
    "errorMessage": "A `passphrase` belongs to a `privateKey`, and this key has a `signer`"
  },
  {
    "title": "PrivateKey"
  },
  {
    "title": "Key",
    "errorMessage": "Must be a key: { \"privateKey\": … }",
    "properties": [
      "privateKey",
      "passphrase",
      "signer",
      "alg",
      "kid",
      "certificate"
    ]
  },
  {
    "errorMessage": "Must be `false` or a key id"
  },
  {
    "title": "Issuer",
    "patternErrorMessage": "Must be the issuer of the authorization server: an https:// URL (or http:// on loopback) without query or fragment"
  },
  {
    "title": "KeyOrName",
    "errorMessage": "Must be the name of a key in `keys`, or a key: { \"privateKey\": … }"
  },
  {
    "title": "Certificate",
    "errorMessage": "Must be a certificate and its key: { \"cert\": { \"file\": … }, \"key\": { \"file\": … } }",
    "properties": [
      "cert",
      "key",
      "passphrase"
    ]
  },
  {
    "title": "Method",
    "enum": [
      "client_secret_basic",
      "client_secret_post",
      "client_secret_jwt",
      "private_key_jwt",
      "tls_client_auth",
      "self_signed_tls_client_auth",
      "none"
    ]
  },
  {
    "title": "AssertionAudience"
  },
  {
    "title": "Url",
    "patternErrorMessage": "Must be an absolute URL that starts with https:// (or http:// on loopback)"
  },
  {
    "title": "Metadata",
    "errorMessage": "Must be an object: { \"tokenEndpoint\": … }",
    "properties": [
      "tokenEndpoint",
      "mtlsTokenEndpoint",
      "authMethods",
      "signingAlgorithms",
      "revocationEndpoint"
    ]
  },
  {
    "title": "Client",
    "properties": [
      "issuer",
      "id",
      "secret",
      "key",
      "assertion",
      "certificate",
      "method",
      "basicEncoding",
      "assertionAudience",
      "assertionType",
      "metadata"
    ]
  },
  {
    "enum": [
      "form",
      "raw"
    ]
  },
  {
    "errorMessage": "A client has one credential, and this one has `secret` and `key`"
  },
  {
    "errorMessage": "A client has one credential, and this one has `secret` and `assertion`"
  },
  {
    "errorMessage": "A client has one credential, and this one has `secret` and `certificate`"
  },
  {
    "errorMessage": "A client has one credential, and this one has `key` and `assertion`"
  },
  {
    "errorMessage": "A client has one credential, and this one has `key` and `certificate`"
  },
  {
    "errorMessage": "A client has one credential, and this one has `assertion` and `certificate`"
  },
  {
    "title": "ClientOrName",
    "errorMessage": "Must be the name of a client in `clients`, or a client: { \"issuer\": …, \"id\": … }"
  },
  {
    "title": "Scopes",
    "errorMessage": "Must be a list of scopes"
  },
  {
    "patternErrorMessage": "A scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3); write each scope as a separate item"
  },
  {
    "title": "Resource",
    "errorMessage": "Must be `false` or the URI of a resource"
  },
  {
    "errorMessage": "Must be `false` or the URI of a resource"
  },
  {
    "patternErrorMessage": "Must be an absolute URI without fragment (RFC 8707)"
  },
  {
    "title": "ParamValue",
    "errorMessage": "Must be a string or a reference, such as { \"env\": \"NAME\" } or { \"file\": \"path\" }"
  },
  {
    "title": "ParamName",
    "patternErrorMessage": "The name of a parameter is printable ASCII without spaces"
  },
  {
    "title": "Params",
    "errorMessage": "Must be an object with parameters by name"
  },
  {
    "title": "ClientCredentialsGrant",
    "properties": [
      "type",
      "client",
      "scopes",
      "resource",
      "audience",
      "params"
    ]
  },
  {
    "enum": [
      "client_credentials"
    ]
  },
  {
    "title": "ClientOrIssuer",
    "errorMessage": "Must be the name of a client in `clients`, or a client: { \"issuer\": … }"
  },
  {
    "title": "ClientWithCredential"
  },
  {
    "title": "SignedAssertion",
    "properties": [
      "key",
      "issuer",
      "subject",
      "audience",
      "lifetime",
      "claims"
    ]
  },
  {
    "title": "Assertion",
    "errorMessage": "Must be a reference, such as { \"file\": \"path\" }, or an assertion to sign: { \"key\": …, \"issuer\": …, \"subject\": … }"
  },
  {
    "title": "JwtBearerGrant",
    "properties": [
      "type",
      "client",
      "assertion",
      "scopes",
      "resource",
      "audience",
      "params"
    ]
  },
  {
    "enum": [
      "jwt_bearer"
    ]
  },
  {
    "title": "SubjectToken",
    "errorMessage": "Must be a reference to a token, such as { \"file\": \"path\" }, or { \"runtime\": true }"
  },
  {
    "title": "RuntimeToken",
    "properties": [
      "runtime"
    ]
  },
  {
    "errorMessage": "Must be `true`"
  },
  {
    "title": "TokenType",
    "patternErrorMessage": "Must be access_token, refresh_token, id_token, saml1, saml2, jwt, or the URI of a token type"
  },
  {
    "title": "Subject",
    "errorMessage": "Must be an object: { \"token\": … }",
    "properties": [
      "token",
      "type"
    ]
  },
  {
    "title": "Actor",
    "errorMessage": "Must be an object: { \"token\": … }",
    "properties": [
      "token",
      "type"
    ]
  },
  {
    "title": "TokenExchangeGrant",
    "properties": [
      "type",
      "client",
      "subject",
      "actor",
      "requestedType",
      "scopes",
      "resource",
      "audience",
      "params"
    ]
  },
  {
    "enum": [
      "token_exchange"
    ]
  },
  {
    "title": "IdentityProvider",
    "errorMessage": "Must be an object: { \"client\": …, \"subject\": … }",
    "properties": [
      "client",
      "subject"
    ]
  },
  {
    "title": "EnterpriseManagedGrant",
    "properties": [
      "type",
      "client",
      "idp",
      "scopes",
      "resource",
      "audience",
      "params"
    ]
  },
  {
    "enum": [
      "enterprise_managed"
    ]
  },
  {
    "title": "RefreshTokenGrant",
    "properties": [
      "type",
      "client",
      "refreshToken",
      "scopes",
      "resource",
      "audience",
      "params"
    ]
  },
  {
    "enum": [
      "refresh_token"
    ]
  },
  {
    "title": "StaticGrant",
    "properties": [
      "type",
      "token",
      "lifetime",
      "scopes"
    ]
  },
  {
    "enum": [
      "static"
    ]
  },
  {
    "title": "UndecidedGrant",
    "properties": [
      "client",
      "assertion",
      "subject",
      "actor",
      "requestedType",
      "idp",
      "token",
      "lifetime",
      "scopes",
      "resource",
      "audience",
      "params",
      "refreshToken"
    ]
  },
  {
    "enum": [
      "client_credentials",
      "jwt_bearer",
      "token_exchange",
      "enterprise_managed",
      "refresh_token",
      "static"
    ]
  },
  {
    "title": "Grant",
    "properties": [
      "type"
    ]
  },
  {
    "title": "DPoPKey",
    "properties": [
      "key"
    ]
  },
  {
    "title": "DPoP",
    "errorMessage": "Must be `true` or { \"key\": … }"
  },
  {
    "errorMessage": "Must be `true` or { \"key\": … }; leave it out instead of `false`"
  },
  {
    "title": "UrlOrFalse",
    "errorMessage": "Must be `false` or an absolute URL"
  },
  {
    "errorMessage": "Must be `false` or an absolute URL"
  },
  {
    "patternErrorMessage": "Must be `false`, or an absolute URL that starts with https:// (or http:// on loopback)"
  },
  {
    "title": "Server",
    "properties": [
      "url",
      "grant",
      "stepUp",
      "dpop",
      "headers",
      "resourceMetadata",
      "refresh",
      "timeout",
      "deadline",
      "retry",
      "reach"
    ]
  },
  {
    "title": "Config",
    "properties": [
      "$schema",
      "version",
      "defaults",
      "store",
      "network",
      "keys",
      "clients",
      "servers"
    ]
  },
  {
    "enum": [
      1
    ]
  },
  {
    "title": "Name",
    "patternErrorMessage": "A name starts with a letter or digit and has only letters, digits, `.`, `_` and `-`"
  }
];
