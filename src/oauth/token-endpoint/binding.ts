import type { DpopSigner } from "../../dpop/dpop.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";

/** The key or certificate that a token is bound to. The token works only with it. */
export interface Binding {
  /** RFC 9449. */
  readonly dpopSigner?: DpopSigner;
  /** RFC 8705: the certificate that the token was asked for with, presented by this `fetch`. */
  readonly certificate?: {
    readonly fetch: FetchFunction;
    /** `x5t#S256`. */
    readonly thumbprint: string;
    /** Milliseconds since the epoch at which the certificate ends. */
    readonly expiresAt: number;
    /** False when the token says itself that it is bound to no certificate: this one only authenticates. */
    readonly bound: boolean;
  };
}
