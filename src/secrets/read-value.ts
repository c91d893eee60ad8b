import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { Secret } from "../lib/secret.js";
import { unreachable } from "../lib/unreachable.js";
import { readSecretFile } from "./file.js";
import type { ReadAttempt } from "./once-written.js";
import type { Pointed } from "./pointer.js";
import { referenceNotAllowed, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/**
 * Reads the value of a reference once. `last`: no read follows, so that a file which is being written is taken as it is.
 * Rejects with `aborted` only; other failures are in the result.
 */
export async function readValue(
  reference: SecretReference,
  context: SecretContext,
  last = true,
): Promise<ReadAttempt<Secret>> {
  const unavailable = (problem: string, halfWritten: "perhaps" | "no"): ReadAttempt<Secret> => ({
    error: secretUnavailable(reference, context.server, problem),
    halfWritten,
  });
  const read = await readText(reference, context, last);
  if ("error" in read) return read;
  const pointer = "pointer" in reference ? reference.pointer : undefined;
  const found = pointer === undefined ? { text: read.value } : await at(pointer, read.value);
  if (found.text === undefined) return unavailable(found.problem, found.cut ? "perhaps" : "no");
  const text = withoutTrailingNewline(found.text);
  return text === "" ? unavailable("it is empty.", "perhaps") : { value: new Secret(text) };
}

/** Loads the code for each kind of reference when it is used: most configs have one kind. */
async function readText(
  reference: SecretReference,
  context: SecretContext,
  last: boolean,
): Promise<ReadAttempt<string>> {
  if ("file" in reference) return await readSecretFile(reference, context, last);
  try {
    if ("env" in reference) return { value: readVariable(reference, context) };
    if ("exec" in reference) {
      return { value: await (await import("./exec.js")).readFromCommand(reference, context) };
    }
    if ("resolver" in reference) {
      return { value: await (await import("./resolver.js")).readFromResolver(reference, context) };
    }
    if ("githubActions" in reference) {
      return { value: await (await import("./github-actions.js")).readFromGithubActions(reference, context) };
    }
    return unreachable(reference);
  } catch (error) {
    if (error instanceof McpAuthError && error.code !== "aborted") return { error, halfWritten: "no" };
    throw error;
  }
}

async function at(pointer: string, document: string): Promise<Pointed> {
  return (await import("./pointer.js")).readPointer(document, pointer);
}

function readVariable(reference: { readonly env: string }, context: SecretContext): string {
  if (context.permissions?.allow?.variable(reference.env) === false)
    throw referenceNotAllowed(reference, context.server);
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
