/** A client with neither a secret nor a key is public: it authenticates with `none`. */
export interface TestClient {
  /** For `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1). */
  readonly secret?: string;
  /** The public keys for `private_key_jwt` (RFC 7523 §2.2). */
  readonly jwks?: TestJwks;
  /** The scopes that the client may request. Without `scope` in the request, it gets all of them. Default: any scope. */
  readonly scopes?: readonly string[];
}

/** A JWK set (RFC 7517 §5). Only its public members are read. */
export interface TestJwks {
  readonly keys: readonly object[];
}

/** A party whose JWTs the server accepts. */
export interface TestIssuer {
  readonly jwks: TestJwks;
}

export interface TestAuthorizationServerOptions {
  /** The registered clients by id. */
  readonly clients: Readonly<Record<string, TestClient>>;
  /** The lifetime of access tokens, written as in the config: `"90s"`, `"1h"`. Default: `"1h"`. */
  readonly lifetime?: string;
  /**
   * Other issuers whose JWTs the server accepts as an assertion (RFC 7523) or a subject token (RFC 8693), by their
   * `iss`. It always accepts its own access tokens as subject tokens.
   */
  readonly issuers?: Readonly<Record<string, TestIssuer>>;
  /**
   * The resources (RFC 8707) that can be requested: the URLs of the MCP servers. Any other one is `invalid_target`.
   * Default: any.
   */
  readonly resources?: readonly string[];
  /** The port to listen on. Default: any free port. */
  readonly port?: number;
}

/** A request to the token endpoint. `<secret>` stands for each credential and token in it. */
export interface TestTokenRequest {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The client, as far as the request names one. It may not be registered. */
  readonly clientId?: string;
  /** How the request authenticates the client. */
  readonly method: "client_secret_basic" | "client_secret_post" | "private_key_jwt" | "none";
  /** The parameters of the body. The values of a repeated parameter are a list. */
  readonly parameters: Readonly<Record<string, string | readonly string[]>>;
  /** Whether the request had a DPoP proof (RFC 9449). */
  readonly dpop: boolean;
  /** The status of the response. */
  readonly status: number;
  /** The `error` of the response (RFC 6749 §5.2), if it has one. */
  readonly error?: string;
  /** Why the server refused the request. Absent with `fail()`. */
  readonly errorDescription?: string;
}

/** The claims of a token that a test issues itself. */
export interface TestTokenClaims {
  readonly clientId: string;
  /** The `sub` of the token. Default: the client's id. */
  readonly subject?: string;
  /** The `aud` of the token. Default: the issuer. */
  readonly audience?: string;
  readonly scopes?: readonly string[];
}

export interface TestFailure {
  /** How many token requests fail. Default: all until `recover()`. */
  readonly times?: number;
  /** Seconds in the `Retry-After` of the responses. Default: no such header. */
  readonly retryAfter?: number;
  /** The `error` of the responses (RFC 6749 §5.2). Default: an empty body. */
  readonly error?: string;
}

/** A running authorization server. Its state shows no key, secret or token. */
export interface TestAuthorizationServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. The metadata (RFC 8414) has the URLs of all endpoints. */
  readonly issuer: string;
  /** The token requests so far, in the order of their answers. */
  readonly requests: readonly TestTokenRequest[];
  /** Issues an access token without a request: for a call to the MCP server, or as a subject token. */
  issueToken(claims: TestTokenClaims): string;
  /** Issues a refresh token as if a user had signed in. It works once; the response has the next one. */
  issueRefreshToken(claims: TestTokenClaims): string;
  /** Signs new tokens with a new key. The JWKS keeps the previous keys, so that tokens stay valid. */
  rotateKeys(): void;
  /**
   * Revokes an access or refresh token. Introspection (RFC 7662) then says that it is not active, and so does
   * `isActive()`. An MCP server that verifies only the signature still accepts it until it expires.
   */
  revoke(token: string): void;
  /** Whether this server issued the token, and it is neither expired nor revoked. For the MCP server of the test. */
  isActive(token: string): boolean;
  /**
   * Answers token requests with this status until `recover()`. Other endpoints still work. Throws `RangeError` for a
   * status below 400.
   */
  fail(status: number, failure?: TestFailure): void;
  /** Ends `fail()`. */
  recover(): void;
  /** Closes the server and its connections. Can be called more than once. */
  close(): Promise<void>;
}
