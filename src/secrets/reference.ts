import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { notAllowed } from "../lib/permissions.js";
import { printable, quoted } from "../lib/printable.js";
import { unreachable } from "../lib/unreachable.js";
import type { SecretContext } from "./secret-context.js";

/** Returns the source of a secret for messages. Names a command without its arguments, which may contain secrets. */
export function describeReference(reference: SecretReference): string {
  if ("env" in reference) return `the environment variable ${quoted(reference.env)}`;
  if ("file" in reference) return `the file ${quoted(reference.file)}`;
  if ("exec" in reference) return `the command ${quoted(reference.exec[0] ?? "")}`;
  if ("resolver" in reference) return `the resolver ${quoted(reference.resolver)}`;
  if ("githubActions" in reference) return "the ID token of a GitHub Actions job";
  if ("gcp" in reference) return "the identity of this machine in Google Cloud";
  if ("azure" in reference) return "the identity of this machine in Azure";
  if ("aws" in reference) return "the identity of this machine in AWS";
  return unreachable(reference);
}

type ReferenceKind = "env" | "file" | "exec" | "resolver" | PlatformIdentity;

/** The references that name an identity of the platform on which this process runs. */
export type PlatformIdentity = "githubActions" | "gcp" | "azure" | "aws";

function kindOf(reference: SecretReference): ReferenceKind {
  if ("env" in reference) return "env";
  if ("file" in reference) return "file";
  if ("exec" in reference) return "exec";
  if ("resolver" in reference) return "resolver";
  if ("githubActions" in reference) return "githubActions";
  if ("gcp" in reference) return "gcp";
  if ("azure" in reference) return "azure";
  if ("aws" in reference) return "aws";
  return unreachable(reference);
}

const localKinds: Readonly<Record<ReferenceKind, boolean>> = {
  env: true,
  file: true,
  exec: false,
  resolver: false,
  githubActions: false,
  gcp: false,
  azure: false,
  aws: false,
};

/** Returns whether a reference can be read without running foreign code and without a request. */
export function isLocal(reference: SecretReference): boolean {
  return localKinds[kindOf(reference)];
}

/**
 * Returns the error for a secret that could not be read. It names the reference, never the value. `retryAfter`: in ms.
 * `what` is the secret for messages: "the private key".
 */
export function secretUnavailable(
  reference: SecretReference,
  server: string,
  problem: string,
  retryable = false,
  retryAfter?: number,
  what = "the secret",
): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": could not read ${what} from ${describeReference(reference)}: ${problem}`,
    { server, retryable, retryAfter },
  );
}

/** Returns the error for a variable that is not set or empty. It names variables and files, never a value. */
export async function variableUnavailable(
  name: string,
  { server, env, envFilesIn, permissions }: SecretContext,
): Promise<McpAuthError> {
  const { explainUnset } = await import("../lib/unset-variable.js");
  const options = { env, folder: envFilesIn, allow: permissions?.allow };
  const { problem, remedy } = await explainUnset(name, options);
  const message = `Server "${server}": ${printable(name)} ${problem}. ${remedy}.`;
  return new McpAuthError("secret_unavailable", message, { server });
}

/** The list of `allow` for each kind of reference. */
const allowLists = {
  env: "env",
  file: "files",
  exec: "exec",
  resolver: "resolvers",
  githubActions: "identities",
  gcp: "identities",
  azure: "identities",
  aws: "identities",
} as const satisfies Record<ReferenceKind, string>;

/** Returns the error for a reference that the `allow` option of `createMcpAuth` does not permit. */
export function referenceNotAllowed(reference: SecretReference, server: string): McpAuthError {
  return notAllowed(describeReference(reference), allowLists[kindOf(reference)], server);
}

/** Returns the error for a caller that stopped waiting. */
export function secretAborted(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the wait for its secret was aborted.`, { server });
}
