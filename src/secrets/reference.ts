import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";

/** How a message names the place that a secret comes from. */
export function describeReference(reference: SecretReference): string {
  // JSON quoting keeps a stray line break in a path from breaking a log line.
  return "env" in reference
    ? `the environment variable ${JSON.stringify(reference.env)}`
    : `the file ${JSON.stringify(reference.file)}`;
}

/** A failure to get a secret: names the reference, never the value. */
export function secretUnavailable(reference: SecretReference, server: string, problem: string): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": no secret can be had from ${describeReference(reference)}: ${problem}`,
    { server },
  );
}
