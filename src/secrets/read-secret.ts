import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { debugSecret } from "../lib/debug.js";
import type { Secret } from "../lib/secret.js";
import { onceWritten } from "./once-written.js";
import { readValue } from "./read-value.js";
import type { SecretContext } from "./secret-context.js";

export type { SecretContext, SecretResolver, SecretSources } from "./secret-context.js";

/**
 * The value behind a reference, read afresh at every call so that a rotated secret is used without a restart. One
 * trailing newline is dropped: editors and `echo` add it. A file that is being written is waited for, about a second.
 *
 * Rejects with `secret_unavailable` when the value is missing, empty, or cannot be read as text of at most 1 MiB
 * (retryable for a file that was changed a moment ago); a command, a function and GitHub Actions add their own reasons,
 * and `aborted`.
 */
export async function readSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const { watch, onChanged, prefetched } = context;
  try {
    const look = (last: boolean) => readValue(reference, context, last);
    const secret = prefetched?.take(reference) ?? (await onceWritten([reference], context, look));
    debugSecret(context.server, reference);
    if (watch?.note(reference, secret)) onChanged?.();
    return secret;
  } catch (error) {
    // Who no longer waits has learnt nothing.
    if (!(error instanceof McpAuthError) || error.code !== "aborted") watch?.note(reference, undefined);
    throw error;
  }
}
