import type { SecretReference } from "../config/spec.js";
import type { Clock } from "../lib/clock.js";
import { Secret } from "../lib/secret.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { readSecretFile } from "./file.js";
import type { Pointed } from "./pointer.js";
import { secretUnavailable } from "./reference.js";

/** Gives the secret that `ref` stands for. What it throws reaches nobody: it may carry the secret. */
export type SecretResolver = (
  ref: string,
  options: { readonly server: string; readonly signal: AbortSignal },
) => string | Promise<string>;

/** Where references are read from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `githubActions`; the global one unless told. */
  readonly fetch?: FetchFunction;
  /** Measures time-outs; the system's unless told. */
  readonly clock?: Clock;
  /** The functions that `{ "resolver": … }` names. */
  readonly resolvers?: Readonly<Record<string, SecretResolver>> | undefined;
  /** False: no command is run. So is it with `MCP_AUTH_ALLOW_EXEC=0` in `env`. */
  readonly allowExec?: boolean | undefined;
}

/** Where references are read from, and for whom. */
export interface SecretContext extends SecretSources {
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  /** Ends the wait for a command, a resolver or a request. */
  readonly signal?: AbortSignal | undefined;
}

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
