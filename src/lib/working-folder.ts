import { McpAuthError } from "../errors/error.js";

/** Returns the working directory of this process; `undefined` if it was deleted. */
export function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // `process.cwd` throws only ENOENT.
    return undefined;
  }
}

/** Returns the error for a relative path, or a search for a config, in a working directory that was deleted. */
export function noWorkingFolder(): McpAuthError {
  return new McpAuthError(
    "config_not_found",
    "The working directory does not exist any more, so a config cannot be searched for. Change to another folder, or " +
      "name the config by its full path.",
  );
}
