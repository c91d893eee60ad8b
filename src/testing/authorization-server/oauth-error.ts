/** An error response, RFC 6749 §5.2. */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  readonly status: number;
  readonly error: string;

  constructor(error: string, description: string, status = 400) {
    super(description);
    this.error = error;
    this.status = status;
  }
}

/** The client is unknown, or did not authenticate as it is registered. */
export function invalidClient(description: string): OAuthError {
  return new OAuthError("invalid_client", description, 401);
}
