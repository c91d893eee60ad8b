import type { McpAuthErrorCode } from "../../errors/error.js";
import type { Clock } from "../../lib/clock.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import type { Network } from "../../net/network.js";
import type { SigningTime } from "../../net/server-clocks.js";
import type { CredentialContext, CredentialsInUse } from "./credentials-in-use.js";

/**
 * Adds a client's credential to a token request; the function type of oauth4webapi. Made for one request: an
 * assertion must not be used twice.
 */
export type ClientAuth = (
  authorizationServer: { readonly issuer: string },
  client: { readonly client_id: string },
  body: URLSearchParams,
  headers: Headers,
) => void | Promise<void>;

export interface ClientAuthenticationContext extends CredentialContext {
  readonly clock: Clock;
  /** What is signed for the endpoint is signed in this time; in ours unless told. */
  readonly signingTime?: Pick<SigningTime, "now"> | undefined;
  readonly fetch: FetchFunction;
  readonly network: Pick<Network, "fetchAs">;
  /** Something is off that does not stop the request. */
  readonly warn?: ((code: McpAuthErrorCode) => void) | undefined;
  /** Reads the credential of this request. */
  readonly credentials: CredentialsInUse;
  /** Told the `kid` of each assertion that is signed. */
  readonly signedWith?: ((kid: string | undefined) => void) | undefined;
}

/** How one client authenticates one token request. */
export interface ClientAuthentication {
  /** Adds the credential. */
  readonly apply: ClientAuth;
  /** Sends the request, with the client's certificate where that is its credential. */
  readonly fetch: FetchFunction;
  /** Where it goes: for a certificate the alias of RFC 8705 §5, if there is one. */
  readonly tokenEndpoint: string;
  /** The certificate presented, to which the token may be bound. */
  readonly identity?: TlsIdentity;
}
