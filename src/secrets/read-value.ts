import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { Secret } from "../lib/secret.js";
import { unreachable } from "../lib/unreachable.js";
import type { Content } from "./decode-content.js";
import { type ReadOptions, readSecretFile } from "./file.js";
import type { PointerResult } from "./pointer.js";
import type { ReadAttempt } from "./read-when-written.js";
import { referenceNotAllowed, secretUnavailable, variableUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** Reads the value of a reference once. Rejects only with `aborted`. Other failures are in the result. */
export async function readValue(
  reference: SecretReference,
  context: SecretContext,
  options: ReadOptions,
): Promise<ReadAttempt<Secret>> {
  const unavailable = (problem: string, halfWritten: "perhaps" | "no"): ReadAttempt<Secret> => ({
    error: secretUnavailable(reference, context.server, problem, false, undefined, options.what),
    halfWritten,
  });
  const read = await readText(reference, context, options);
  if ("error" in read) return read;
  if (withoutTrailingNewline(read.value) === "") return unavailable(empty, "perhaps");
  const pointer = "pointer" in reference ? reference.pointer : undefined;
  const found =
    pointer === undefined ? { text: read.value } : await readAtPointer(pointer, read.value, options.content);
  if (found.text === undefined) return unavailable(found.problem, found.mayBeIncomplete ? "perhaps" : "no");
  const text = withoutTrailingNewline(found.text);
  return text === "" ? unavailable(empty, "perhaps") : { value: new Secret(text) };
}

const empty = "it is empty. Provide the secret there, or name another place in the config.";

/** Reads the text of a reference. Imports the code for each kind when it is used, because most configs use one kind. */
async function readText(
  reference: SecretReference,
  context: SecretContext,
  options: ReadOptions,
): Promise<ReadAttempt<string>> {
  if ("file" in reference) return await readSecretFile(reference, context, options);
  try {
    if ("env" in reference) return { value: await readVariable(reference, context) };
    if ("exec" in reference) {
      const { readFromCommand } = await import("./exec.js");
      return { value: await readFromCommand(reference, context, options.content, options.what) };
    }
    if ("resolver" in reference) {
      return {
        value: await (await import("./resolver.js")).readFromResolver(reference, context, options.what),
      };
    }
    if ("githubActions" in reference) {
      return { value: await (await import("./github-actions.js")).readFromGithubActions(reference, context) };
    }
    if ("gcp" in reference) {
      return { value: await (await import("./identities/gcp.js")).readFromGcp(reference, context) };
    }
    if ("azure" in reference) {
      return { value: await (await import("./identities/azure.js")).readFromAzure(reference, context) };
    }
    if ("aws" in reference) {
      return { value: await (await import("./identities/aws.js")).readFromAws(reference, context) };
    }
    return unreachable(reference);
  } catch (error) {
    if (error instanceof McpAuthError && error.code !== "aborted") return { error, halfWritten: "no" };
    throw error;
  }
}

async function readAtPointer(pointer: string, document: string, content: Content): Promise<PointerResult> {
  return (await import("./pointer.js")).readPointer(document, pointer, content);
}

async function readVariable(reference: { readonly env: string }, context: SecretContext): Promise<string> {
  if (context.permissions?.allow?.variable(reference.env) === false)
    throw referenceNotAllowed(reference, context.server);
  // Only own properties: a plain object as `env` also inherits `constructor` and others.
  const value = Object.hasOwn(context.env, reference.env) ? context.env[reference.env] : undefined;
  if (value !== undefined && withoutTrailingNewline(value) !== "") return value;
  throw await variableUnavailable(reference.env, context);
}

function withoutTrailingNewline(text: string): string {
  if (text.endsWith("\r\n")) return text.slice(0, -2);
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
