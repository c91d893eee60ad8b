import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { notAllowed } from "../lib/permissions.js";
import { quoted } from "../lib/printable.js";

/** How a message names the place that a secret comes from. Of a command only its name: its arguments can be anything. */
export function describeReference(reference: SecretReference): string {
  if ("env" in reference) return `the environment variable ${quoted(reference.env)}`;
  if ("file" in reference) return `the file ${quoted(reference.file)}`;
  if ("exec" in reference) return `the command ${quoted(reference.exec[0] ?? "")}`;
  if ("resolver" in reference) return `the resolver ${quoted(reference.resolver)}`;
  return "the ID token of a GitHub Actions job";
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

const allowLists = {
  env: "env",
  file: "files",
  exec: "exec",
  resolver: "resolvers",
  githubActions: "identities",
} as const;

/** `allow` of createMcpAuth does not name what a reference uses. */
export function referenceNotAllowed(reference: SecretReference, server: string): McpAuthError {
  const [, list = "files"] = Object.entries(allowLists).find(([kind]) => kind in reference) ?? [];
  return notAllowed(describeReference(reference), list, server);
}

/** The caller no longer waits. */
export function secretAborted(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the wait for its secret was aborted.`, { server });
}
