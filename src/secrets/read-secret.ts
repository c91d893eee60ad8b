import type { SecretReference } from "../config/spec.js";
import { Secret } from "../lib/secret.js";
import { readSecretFile } from "./file.js";
import type { Pointed } from "./pointer.js";
import { secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

export type { SecretContext, SecretResolver, SecretSources } from "./secret-context.js";

/**
 * The value behind a reference, read afresh at every call so that a rotated secret is used without a restart. One
 * trailing newline is dropped: editors and `echo` add it.
 *
 * Rejects with `secret_unavailable` when the value is missing, empty, or cannot be read as text of at most 1 MiB; a
 * command, a function and GitHub Actions add their own reasons, and `aborted`.
 */
export async function readSecret(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const value = await read(reference, context);
  const pointer = "pointer" in reference ? reference.pointer : undefined;
  const found = pointer === undefined ? { text: value } : await at(pointer, value);
  if (found.text === undefined) throw secretUnavailable(reference, context.server, found.problem);
  const text = withoutTrailingNewline(found.text);
  if (text === "") throw secretUnavailable(reference, context.server, "it is empty.");
  return new Secret(text);
}

/** Each kind is loaded when it is used: most configs have one. */
async function read(reference: SecretReference, context: SecretContext): Promise<string> {
  if ("env" in reference) return readVariable(reference, context);
  if ("file" in reference) return await readSecretFile(reference, context.server);
  if ("exec" in reference) return await (await import("./exec.js")).readFromCommand(reference, context);
  if ("resolver" in reference) {
    return await (await import("./resolver.js")).readFromResolver(reference, context);
  }
  return await (await import("./github-actions.js")).readFromGithubActions(reference, context);
}

async function at(pointer: string, document: string): Promise<Pointed> {
  return (await import("./pointer.js")).readPointer(document, pointer);
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
