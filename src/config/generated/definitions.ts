// Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.

export const definitions = {
  "Config": {
    "properties": [
      "$schema",
      "version",
      "import",
      "defaults",
      "store",
      "network",
      "proxy",
      "keys",
      "clients",
      "servers"
    ],
    "required": [
      "servers"
    ],
    "references": []
  },
  "SecretReference": {
    "properties": [
      "env",
      "file",
      "exec",
      "timeout",
      "githubActions",
      "gcp",
      "azure",
      "aws",
      "resolver",
      "ref",
      "pointer"
    ],
    "required": [],
    "references": []
  },
  "GithubActions": {
    "properties": [
      "audience"
    ],
    "required": [],
    "references": []
  },
  "GcpIdentity": {
    "properties": [
      "audience"
    ],
    "required": [
      "audience"
    ],
    "references": []
  },
  "AzureIdentity": {
    "properties": [
      "resource",
      "clientId"
    ],
    "required": [
      "resource"
    ],
    "references": []
  },
  "AwsIdentity": {
    "properties": [
      "audience"
    ],
    "required": [
      "audience"
    ],
    "references": []
  },
  "Key": {
    "properties": [
      "privateKey",
      "passphrase",
      "signer",
      "alg",
      "kid",
      "certificate",
      "certificateHeaders"
    ],
    "required": [],
    "references": [
      "privateKey",
      "passphrase",
      "certificate"
    ]
  },
  "Signer": {
    "properties": [
      "exec",
      "timeout",
      "name",
      "format"
    ],
    "required": [],
    "references": []
  },
  "Client": {
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
      "assertionLifetime",
      "assertionType",
      "headers",
      "metadata"
    ],
    "required": [
      "issuer"
    ],
    "references": [
      "secret",
      "assertion"
    ]
  },
  "Certificate": {
    "properties": [
      "cert",
      "key",
      "passphrase"
    ],
    "required": [
      "cert",
      "key"
    ],
    "references": [
      "cert",
      "key",
      "passphrase"
    ]
  },
  "Metadata": {
    "properties": [
      "tokenEndpoint",
      "mtlsTokenEndpoint",
      "authMethods",
      "signingAlgorithms",
      "revocationEndpoint",
      "deviceAuthorizationEndpoint"
    ],
    "required": [
      "tokenEndpoint"
    ],
    "references": []
  },
  "ClientCredentialsGrant": {
    "properties": [
      "type",
      "client",
      "scopes",
      "use",
      "resource",
      "audience",
      "params"
    ],
    "required": [
      "client"
    ],
    "references": []
  },
  "StaticGrant": {
    "properties": [
      "type",
      "token",
      "lifetime",
      "scopes"
    ],
    "required": [
      "type",
      "token"
    ],
    "references": [
      "token"
    ]
  },
  "JwtBearerGrant": {
    "properties": [
      "type",
      "client",
      "assertion",
      "scopes",
      "use",
      "resource",
      "audience",
      "params"
    ],
    "required": [
      "type",
      "client",
      "assertion"
    ],
    "references": [
      "assertion"
    ]
  },
  "SignedAssertion": {
    "properties": [
      "key",
      "issuer",
      "subject",
      "audience",
      "lifetime",
      "claims"
    ],
    "required": [
      "key",
      "issuer",
      "subject"
    ],
    "references": []
  },
  "TokenExchangeGrant": {
    "properties": [
      "type",
      "client",
      "subject",
      "actor",
      "requestedType",
      "scopes",
      "use",
      "resource",
      "audience",
      "params"
    ],
    "required": [
      "type",
      "client"
    ],
    "references": []
  },
  "Subject": {
    "properties": [
      "token",
      "type"
    ],
    "required": [
      "token"
    ],
    "references": [
      "token"
    ]
  },
  "RuntimeToken": {
    "properties": [
      "runtime"
    ],
    "required": [],
    "references": []
  },
  "Actor": {
    "properties": [
      "token",
      "type"
    ],
    "required": [
      "token"
    ],
    "references": [
      "token"
    ]
  },
  "EnterpriseManagedGrant": {
    "properties": [
      "type",
      "client",
      "idp",
      "scopes",
      "use",
      "resource",
      "audience",
      "params"
    ],
    "required": [
      "type",
      "client",
      "idp"
    ],
    "references": []
  },
  "RefreshTokenGrant": {
    "properties": [
      "type",
      "client",
      "refreshToken",
      "scopes",
      "use",
      "resource",
      "audience",
      "params"
    ],
    "required": [
      "type",
      "client"
    ],
    "references": [
      "refreshToken"
    ]
  },
  "ExtensionGrant": {
    "properties": [
      "type",
      "client",
      "grantType",
      "params",
      "scopes",
      "use",
      "resource",
      "audience"
    ],
    "required": [
      "type",
      "client",
      "grantType",
      "params"
    ],
    "references": []
  },
  "IdentityProvider": {
    "properties": [
      "client",
      "subject"
    ],
    "required": [
      "client",
      "subject"
    ],
    "references": []
  },
  "Refresh": {
    "properties": [
      "schedule",
      "timezone",
      "jitter",
      "ahead",
      "idle",
      "assumedLifetime"
    ],
    "required": [],
    "references": []
  },
  "Retry": {
    "properties": [
      "attempts",
      "min",
      "max"
    ],
    "required": [],
    "references": []
  },
  "Server": {
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
    ],
    "required": [
      "grant"
    ],
    "references": []
  },
  "DPoPKey": {
    "properties": [
      "key"
    ],
    "required": [
      "key"
    ],
    "references": []
  },
  "MemoryStore": {
    "properties": [
      "type"
    ],
    "required": [
      "type"
    ],
    "references": []
  },
  "FileStore": {
    "properties": [
      "type",
      "path",
      "encryptionKey"
    ],
    "required": [
      "type",
      "encryptionKey"
    ],
    "references": [
      "encryptionKey"
    ]
  },
  "RedisStore": {
    "properties": [
      "type",
      "url",
      "sentinel",
      "cluster",
      "prefix",
      "lease",
      "encryptionKey"
    ],
    "required": [
      "type",
      "url",
      "encryptionKey"
    ],
    "references": [
      "url",
      "encryptionKey"
    ]
  },
  "Sentinel": {
    "properties": [
      "name",
      "nodes"
    ],
    "required": [
      "name",
      "nodes"
    ],
    "references": []
  },
  "Defaults": {
    "properties": [
      "headers",
      "refresh",
      "timeout",
      "deadline",
      "retry",
      "reach"
    ],
    "required": [],
    "references": []
  },
  "Network": {
    "properties": [
      "proxy",
      "ca",
      "allowInsecureHttp"
    ],
    "required": [],
    "references": []
  },
  "LocalProxy": {
    "properties": [
      "token",
      "listen",
      "socket"
    ],
    "required": [],
    "references": [
      "token"
    ]
  }
} as const;

export const grantTitles = {
  "client_credentials": "ClientCredentialsGrant",
  "jwt_bearer": "JwtBearerGrant",
  "token_exchange": "TokenExchangeGrant",
  "enterprise_managed": "EnterpriseManagedGrant",
  "refresh_token": "RefreshTokenGrant",
  "extension": "ExtensionGrant",
  "static": "StaticGrant"
} as const;

export const storeTitles = {
  "memory": "MemoryStore",
  "file": "FileStore",
  "redis": "RedisStore"
} as const;

export const referenceKinds = [
  "env",
  "file",
  "exec",
  "githubActions",
  "gcp",
  "azure",
  "aws",
  "resolver"
] as const;

export const tokenTypes = [
  "access_token",
  "refresh_token",
  "id_token",
  "saml1",
  "saml2",
  "jwt"
] as const;

export const partTitles = [
  "Actor",
  "Algorithm",
  "Assertion",
  "AssertionAudience",
  "AwsIdentity",
  "AzureIdentity",
  "Certificate",
  "Client",
  "ClientCredentialsGrant",
  "ClientOrIssuer",
  "ClientOrName",
  "ClientWithCredential",
  "Command",
  "Config",
  "DPoP",
  "DPoPKey",
  "Defaults",
  "Duration",
  "EncryptionKey",
  "EncryptionKeys",
  "EnterpriseManagedGrant",
  "ExchangeOfSubject",
  "ExtensionGrant",
  "FileStore",
  "GcpIdentity",
  "GithubActions",
  "Grant",
  "GrantType",
  "HeaderName",
  "HeaderValue",
  "Headers",
  "IdentityProvider",
  "Issuer",
  "JwtBearerGrant",
  "Key",
  "KeyOrName",
  "KeyWithCertificateHeaders",
  "LocalProxy",
  "MemoryStore",
  "Metadata",
  "Method",
  "Name",
  "Network",
  "NoSource",
  "ParamName",
  "ParamValue",
  "Params",
  "Path",
  "PathOrList",
  "PrivateKey",
  "Reach",
  "RedisStore",
  "Refresh",
  "RefreshOrFalse",
  "RefreshTokenGrant",
  "Resource",
  "Retry",
  "RuntimeToken",
  "Scopes",
  "SecretReference",
  "Sentinel",
  "SentinelNodes",
  "Server",
  "SignedAssertion",
  "Signer",
  "SignerKey",
  "StaticGrant",
  "Store",
  "StringOrList",
  "Subject",
  "SubjectParams",
  "SubjectToken",
  "TokenExchangeGrant",
  "TokenType",
  "TokenUse",
  "TwoSources",
  "UndecidedGrant",
  "Url",
  "UrlOrFalse",
  "VariableName"
] as const;

export const confinedKinds = [
  "command",
  "file",
  "host",
  "identity",
  "origin",
  "resolver",
  "sentinel",
  "variable"
] as const;
