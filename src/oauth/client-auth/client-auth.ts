import type { FetchFunction } from "../../net/bounded-fetch.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import type { SigningTime } from "../../net/server-clocks.js";

/**
 * Adds a client's credential to a request to an authorization server; the function type of oauth4webapi. Made for one
 * request, because an assertion must not be used twice.
 */
export type ClientAuth = (
  authorizationServer: { readonly issuer: string },
  client: { readonly client_id: string },
  body: URLSearchParams,
  headers: Headers,
) => void | Promise<void>;

/** `none`, RFC 6749 §3.2.1: the body names the client and proves nothing. */
export const publicClient: ClientAuth = (_authorizationServer, client, body) => {
  body.set("client_id", client.client_id);
};

/** How one client authenticates one request. */
export interface ClientAuthentication {
  /** Adds the credential. */
  readonly apply: ClientAuth;
  /** Sends the request, with the client's certificate where that is its credential. */
  readonly fetch: FetchFunction;
  /** The token endpoint; for a certificate its alias of RFC 8705 §5, if there is one. */
  readonly tokenEndpoint: string;
  /** The certificate that `fetch` presents. The token may be bound to it. */
  readonly identity?: TlsIdentity;
}

/** How client assertions are signed. */
export interface AssertionSigning {
  /** The time at the server, for the times in the assertion. */
  readonly time: Pick<SigningTime, "now">;
  /** Called with the `kid` of each assertion that a key signs. */
  readonly onSigned?: ((kid: string | undefined) => void) | undefined;
}
