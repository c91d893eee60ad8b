import { McpAuthError } from "../errors/error.js";

/** Where this process runs; `undefined` where that folder was deleted. */
export function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** For whom a working directory that is not there matters: a relative path, or the search for a config. */
export function noWorkingFolder(): McpAuthError {
  return new McpAuthError(
    "config_not_found",
    "The working directory does not exist any more, so there is nowhere to look for a config. Change to another folder, or " +
      "name the config by its full path.",
  );
}
