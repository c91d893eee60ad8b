import { McpAuthError } from "../../errors/error.js";
import { hasErrorCode } from "../../errors/expected-errors.js";

/**
 * Loads a package of a host. Rejects with `config_invalid` and the message `missing` if it is not installed.
 */
export async function loadPackage(optionalPackage: string, missing: string): Promise<unknown> {
  try {
    // A variable and the comments keep bundlers from looking for this optional package.
    return await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ optionalPackage);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new McpAuthError("config_invalid", missing);
  }
}

function isMissing(error: unknown): boolean {
  // A loader, such as that of a test runner, may wrap the error of Node.
  const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (hasErrorCode(reason, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND")) return true;
  // Vite has a module that throws this instead of an optional package that is not installed.
  return reason instanceof Error && reason.message.startsWith("Could not resolve ");
}
