import type { SecretReference } from "../config/spec.js";
import { rememberCredential } from "../errors/sent-credentials.js";
import type { Secret } from "../lib/secret.js";
import { readSecret } from "./read-secret.js";
import { secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/**
 * Reads a secret that is the value of a header. Rejects with the codes of `readSecret`, and with `secret_unavailable`
 * for a value that is not allowed in a header (RFC 9110 §5.5). `Headers` would refuse it too, but would show it in its
 * error.
 */
export async function readHeader(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const secret = await readSecret(reference, context);
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(secret.reveal())) return secret;
  const problem = "its value cannot be sent in a header, which is one line of Latin-1 text.";
  throw secretUnavailable(reference, context.server, problem);
}

/** Reads the secrets in the `headers` of a config and returns all headers. Rejects with the codes of `readHeader`. */
export async function readHeaders(
  headers: Readonly<Record<string, string | SecretReference>>,
  context: SecretContext,
): Promise<Readonly<Record<string, string>>> {
  const read = Object.entries(headers).map(async ([name, value]): Promise<[string, string]> => {
    if (typeof value === "string") return [name, value];
    const secret = (await readHeader(value, context)).reveal();
    rememberCredential(secret);
    return [name, secret];
  });
  return Object.fromEntries(await Promise.all(read));
}
