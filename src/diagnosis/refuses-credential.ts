/**
 * Whether a token or revocation endpoint that answers so has refused the credential. The body decides nothing: in the
 * field it is empty, a page, or an `error` that means something else.
 */
export function refusesCredential(status: number): boolean {
  return status === 401 || status === 403;
}
