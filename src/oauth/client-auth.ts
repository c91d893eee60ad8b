import type { Clock } from "../lib/clock.js";
import type { SecretContext } from "../secrets/read-secret.js";

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

export interface ClientAuthenticationContext extends SecretContext {
  readonly clock: Clock;
  /** Told the `kid` of each assertion that is signed. */
  readonly signedWith?: ((kid: string | undefined) => void) | undefined;
}
