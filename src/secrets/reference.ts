import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { notAllowed } from "../lib/permissions.js";
import { quoted } from "../lib/printable.js";
import { unreachable } from "../lib/unreachable.js";

/** Names the place that a secret comes from, for messages. Of a command only its name: its arguments can be anything. */
export function describeReference(reference: SecretReference): string {
  if ("env" in reference) return `the environment variable ${quoted(reference.env)}`;
  if ("file" in reference) return `the file ${quoted(reference.file)}`;
  if ("exec" in reference) return `the command ${quoted(reference.exec[0] ?? "")}`;
  if ("resolver" in reference) return `the resolver ${quoted(reference.resolver)}`;
  if ("githubActions" in reference) return "the ID token of a GitHub Actions job";
  return unreachable(reference);
}

type ReferenceKind = "env" | "file" | "exec" | "resolver" | "githubActions";

function kindOf(reference: SecretReference): ReferenceKind {
  if ("env" in reference) return "env";
  if ("file" in reference) return "file";
  if ("exec" in reference) return "exec";
  if ("resolver" in reference) return "resolver";
  if ("githubActions" in reference) return "githubActions";
  return unreachable(reference);
}

const localKinds: Readonly<Record<ReferenceKind, boolean>> = {
  env: true,
  file: true,
  exec: false,
  resolver: false,
  githubActions: false,
};

/** Whether reading the reference runs no code outside of this package and sends no request. */
export function isLocal(reference: SecretReference): boolean {
  return localKinds[kindOf(reference)];
}

/** A failure to get a secret: names the reference, never the value. `retryAfter` in milliseconds. */
export function secretUnavailable(
  reference: SecretReference,
  server: string,
  problem: string,
  retryable = false,
  retryAfter?: number,
): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": no secret can be had from ${describeReference(reference)}: ${problem}`,
    { server, retryable, retryAfter },
  );
}

/** The lists of `allow` that a reference of each kind has to be in. */
const allowLists = {
  env: "env",
  file: "files",
  exec: "exec",
  resolver: "resolvers",
  githubActions: "identities",
} as const satisfies Record<ReferenceKind, string>;

/** The error for a reference to something that `allow` of createMcpAuth does not name. */
export function referenceNotAllowed(reference: SecretReference, server: string): McpAuthError {
  return notAllowed(describeReference(reference), allowLists[kindOf(reference)], server);
}

/** The caller no longer waits. */
export function secretAborted(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the wait for its secret was aborted.`, { server });
}
