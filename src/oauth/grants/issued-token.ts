import type { Binding } from "../token-endpoint/binding.js";

/** A validated token response (RFC 6749 §5.1), or a static token. */
export interface IssuedToken {
  readonly accessToken: string;
  /** The scheme of the `Authorization` header. */
  readonly tokenType: "Bearer" | "DPoP";
  /** Seconds. Absent when the server did not say and the token is not a JWT that does. */
  readonly expiresIn?: number;
  /** Milliseconds since the epoch at which the request was sent: the lifetime counts from here. */
  readonly requestedAt: number;
  readonly scopes: readonly string[];
  /** Absent for a `static` token. */
  readonly issuer?: string;
  /** Absent when none was sent. */
  readonly resource?: string | undefined;
  /** Absent for a token that works without a key or certificate. */
  readonly binding?: Binding | undefined;
  /** Requested while the metadata of the MCP server could not be read. Such a token is not shared. */
  readonly isProvisional?: boolean;
}
