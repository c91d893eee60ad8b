import type { DpopSigner } from "../../dpop/dpop.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";

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
