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
