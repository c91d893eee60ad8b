import { statSync } from "node:fs";
import { dirname } from "node:path";
import { ignoreSystemError } from "../errors/expected-errors.js";

/** Returns the first path, from the root down to a folder, that exists and is no folder. Only for messages. */
export function pathInTheWay(folder: string): string | undefined {
  const paths = [folder];
  for (let next = dirname(folder); next !== paths[0]; next = dirname(next)) paths.unshift(next);
  return paths.find(isNoFolder);
}

function isNoFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch (error) {
    // Nothing can be said about a path that cannot be examined.
    ignoreSystemError(error);
    return false;
  }
}
