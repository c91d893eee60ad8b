import { McpAuthError } from "./error.js";

/**
 * Ignores an `McpAuthError` of work whose result the caller does not need. Throws any other error again, because that
 * is a mistake in the code.
 */
export function ignoreFailure(error: unknown): undefined {
  if (error instanceof McpAuthError) return undefined;
  throw error;
}

/**
 * Ignores an `McpAuthError` of background work, because an event has reported it. Any other error is a mistake in the
 * code. Nobody awaits the work, so a process warning says where the mistake is. It leaves out the message of the error,
 * which may contain a secret.
 */
export function ignoreFailureInBackground(error: unknown): void {
  if (error instanceof McpAuthError) return;
  const name = error instanceof Error ? error.name : typeof error;
  const place = error instanceof Error ? (/^ +at .+$/m.exec(error.stack ?? "")?.[0].trim() ?? "") : "";
  process.emitWarning(
    `Background work failed with ${name} ${place}. Report this to mcp-auth-runtime.`,
    "McpAuthWarning",
  );
}
