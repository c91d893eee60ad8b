import type { SecretReference } from "../config/spec.js";
import type { Secret } from "../lib/secret.js";
import type { ReadAttempt } from "../secrets/read-when-written.js";
import { type KeyKind, keyInvalid, NotFound, PossiblyUnfinished, problemOf } from "./signing-key.js";

/** Returns the failure to read a key or certificate from the content of a reference. */
export async function invalidContent(
  error: unknown,
  content: Secret | undefined,
  kind: KeyKind,
  reference: SecretReference,
  server: string,
): Promise<Extract<ReadAttempt<never>, { readonly error: unknown }>> {
  const problem =
    error instanceof NotFound && content !== undefined
      ? (await import("./describe-content.js")).describeContent(content, kind, reference)
      : problemOf(error, kind);
  return {
    error: keyInvalid(reference, server, problem, kind),
    halfWritten: error instanceof PossiblyUnfinished ? "perhaps" : "no",
  };
}
