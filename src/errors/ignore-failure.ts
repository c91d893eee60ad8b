import { McpAuthError } from "./error.js";

/** Ignores a failure that the caller can do without. Throws everything else again, because it is a mistake in the code. */
export function ignoreFailure(error: unknown): undefined {
  if (error instanceof McpAuthError) return undefined;
  throw error;
}

/**
 * Ignores a failure of background work, which an event has reported. Everything else is a mistake in the code: nobody
 * awaits the work, so a process warning says where it is. The message of the error is left out, because it may contain
 * a secret.
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
