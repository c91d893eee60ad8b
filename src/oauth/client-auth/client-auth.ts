import type { AssertionFacts, AuthenticationFacts, SecretFacts } from "../../diagnosis/facts.js";
import type { FetchFunction } from "../../net/bounded-fetch.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import type { SigningTime } from "../../net/server-clocks.js";

/**
 * Adds a client's credential to a request to an authorization server. The type is that of oauth4webapi. Each one is for
 * one request, because an assertion must not be used twice.
 */
export type ClientAuth = (
  authorizationServer: { readonly issuer: string },
  client: { readonly client_id: string },
  body: URLSearchParams,
  headers: Headers,
) => void | Promise<void>;

/** Adds only the `client_id`: the method `none`, RFC 6749 §3.2.1. */
export const publicClient: ClientAuth = (_authorizationServer, client, body) => {
  body.set("client_id", client.client_id);
};

/** How one client authenticates one request. */
export interface ClientAuthentication {
  /** Adds the credential. */
  readonly apply: ClientAuth;
  /** Sends the request. Presents the client's certificate if that is its credential. */
  readonly fetch: FetchFunction;
  /** The certificate that `fetch` presents. The token may be bound to it. */
  readonly identity?: TlsIdentity;
  /** What advice needs to know if the server rejects the request. Absent without a client id. */
  readonly facts?: AuthenticationFacts;
}

/** A credential that was read, ready for one request. */
export interface PreparedAuth {
  readonly apply: ClientAuth;
  readonly secret?: SecretFacts;
  readonly assertion?: AssertionFacts;
}

/** How client assertions are signed. */
export interface AssertionSigning {
  /** The time at the server, for `iat` and `exp`. */
  readonly time: Pick<SigningTime, "now">;
  /** The URL that the request is sent to. */
  readonly url: string;
  /** Called with the `kid` of each assertion that a key signs. */
  readonly onSigned?: ((kid: string | undefined) => void) | undefined;
}
