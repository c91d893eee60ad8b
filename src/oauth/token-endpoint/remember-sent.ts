import { rememberCredential } from "../../errors/sent-credentials.js";

/**
 * The form fields of token and revocation requests that hold a credential: RFC 6749, 7009, 7521, 7523, 8628 and 8693.
 */
const secretFields = [
  ...["client_secret", "client_assertion", "assertion", "subject_token", "actor_token"],
  ...["refresh_token", "token", "password", "code", "code_verifier", "device_code"],
];

/**
 * Remembers the credentials of a request, so that `details` never shows them when a response quotes them.
 * `secrets` names further headers and form fields that hold one.
 */
export function rememberSent(
  headers: Headers,
  body: URLSearchParams,
  secrets: { readonly headers?: readonly string[]; readonly params?: readonly string[] | undefined } = {},
): void {
  for (const field of [...secretFields, ...(secrets.params ?? [])])
    for (const value of body.getAll(field)) rememberCredential(value);
  for (const name of ["authorization", "dpop"]) {
    // The scheme is not secret.
    rememberCredential((headers.get(name) ?? "").replace(/^\w+ /, ""));
  }
  for (const name of secrets.headers ?? []) rememberCredential(headers.get(name) ?? "");
}
