import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { rememberCredential } from "../errors/sent-credentials.js";
import { debugSecret } from "../lib/debug.js";
import type { Secret } from "../lib/secret.js";
import type { Content } from "./decode-content.js";
import { readValue } from "./read-value.js";
import { readWhenWritten } from "./read-when-written.js";
import type { SecretContext } from "./secret-context.js";

export type { SecretContext, SecretResolver } from "./secret-context.js";

/**
 * Reads the value of a reference. Reads it again at each call, so that a rotated secret is used without a restart.
 * Drops one trailing newline, which editors and `echo` add. Waits about a second for a file that is being written.
 *
 * Rejects with `secret_unavailable` if the value is missing, empty, or not text of at most 1 MiB (retryable for a file
 * that has just changed), with `aborted`, and with the codes of `readFromGithubActions`.
 *
 * @param what the value is, for messages, such as "the passphrase"; by default "the secret"
 */
export async function readSecret(
  reference: SecretReference,
  context: SecretContext,
  what?: string,
): Promise<Secret> {
  return (await readAndRecord(reference, context, "text", what)).secret;
}

/**
 * Reads what is meant to be a key or a certificate, like `readSecret`. It may also be UTF-16, or bytes that are not
 * text, which are returned as a `data:` URL.
 */
export async function readKeyContent(
  reference: SecretReference,
  context: SecretContext,
  what?: string,
): Promise<Secret> {
  return (await readAndRecord(reference, context, "key", what)).secret;
}

/**
 * Reads a client secret like `readSecret`. Reports `secret:changed` if it differs from the one of the manager's
 * previous request. Remembers it, so that the `details` of an error never show it if the server quotes it.
 */
export async function readClientSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const { secret, hasChanged } = await readAndRecord(reference, context, "text");
  if (hasChanged) context.onCredentialChange?.("secret:changed");
  rememberCredential(secret.reveal());
  return secret;
}

async function readAndRecord(
  reference: SecretReference,
  context: SecretContext,
  content: Content,
  what?: string,
): Promise<{ readonly secret: Secret; readonly hasChanged: boolean }> {
  const { recorder } = context;
  const readOnce = (isLast: boolean) =>
    readValue(reference, context, { isLast, content, ...(what !== undefined && { what }) });
  let secret: Secret;
  try {
    secret = recorder?.take(reference) ?? (await readWhenWritten([reference], context, readOnce));
    debugSecret(context.server, reference);
  } catch (error) {
    // After an abort it is unknown whether the value can be read.
    if (error instanceof McpAuthError && error.code !== "aborted")
      recorder?.recordSecret(reference, undefined, content);
    throw error;
  }
  return { secret, hasChanged: recorder?.recordSecret(reference, secret, content) ?? false };
}
