import type { SecretReference } from "../config/spec.js";
import { Secret } from "../lib/secret.js";
import { readSecretFile } from "./file.js";
import { secretUnavailable } from "./reference.js";

/** Where references are read from, and for whom. */
export interface SecretContext {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The value behind a reference, read afresh at every call so that a rotated secret is used without a restart. One
 * trailing newline is dropped: editors and `echo` add it.
 *
 * Rejects with `secret_unavailable` when the value is missing, empty, or cannot be read as text of at most 1 MiB.
 */
export async function readSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const value =
    "env" in reference ? readVariable(reference, context) : await readSecretFile(reference, context.server);
  const text = withoutTrailingNewline(value);
  if (text === "") throw secretUnavailable(reference, context.server, "it is empty.");
  return new Secret(text);
}

function readVariable(reference: { readonly env: string }, context: SecretContext): string {
  // An own property only: `env` may be a plain object, which also has `constructor` and the like.
  const value = Object.hasOwn(context.env, reference.env) ? context.env[reference.env] : undefined;
  if (value === undefined) {
    throw secretUnavailable(
      reference,
      context.server,
      "it is not set. Set it, or name another one in the config.",
    );
  }
  return value;
}

function withoutTrailingNewline(text: string): string {
  if (text.endsWith("\r\n")) return text.slice(0, -2);
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
