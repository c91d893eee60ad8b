import type { DpopSigner } from "../dpop/dpop.js";
import type { FetchFunction } from "../net/bounded-fetch.js";

/** A validated token response (RFC 6749 §5.1), or a static token. */
export interface IssuedToken {
  readonly accessToken: string;
  /** The scheme of the `Authorization` header. */
  readonly tokenType: "Bearer" | "DPoP";
  /** Seconds. Absent if the response, or the config for a `static` token, has no lifetime. */
  readonly expiresIn?: number;
  /** Milliseconds since the epoch, just before the request was sent. The lifetime counts from here. */
  readonly requestedAt: number;
  readonly scopes: readonly string[];
  /** Absent for a `static` token. */
  readonly issuer?: string;
  /** The `resource` of the request. Absent if it had none. */
  readonly resource?: string | undefined;
  /** Absent for a bearer token. */
  readonly binding?: Binding | undefined;
  /** True if the metadata of the MCP server could not be read for the request. Such a token is not shared. */
  readonly isProvisional?: boolean;
}

/** The key and the certificate that a token is bound to. The token works only together with them. */
export interface Binding {
  /** Signs with the key that the token is bound to, RFC 9449. */
  readonly dpopSigner?: DpopSigner;
  /** The certificate that the token was requested with, RFC 8705. */
  readonly certificate?: {
    /** Presents the certificate. */
    readonly fetch: FetchFunction;
    /** `x5t#S256`. */
    readonly thumbprint: string;
    /** Milliseconds since the epoch. */
    readonly expiresAt: number;
    /** False if the token is a JWT without a certificate in `cnf`: the certificate only authenticated the client. */
    readonly bound: boolean;
  };
}
