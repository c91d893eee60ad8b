import { rmSync } from "node:fs";
import { ignoreSystemError } from "../errors/expected-errors.js";

/**
 * Removes an unfinished file if the process exits, because an interrupt ends a command without its `finally` blocks.
 * Call the returned function when the file is finished, or has been removed.
 */
export function removeOnExit(file: string): () => void {
  const remove = (): void => {
    try {
      rmSync(file, { force: true });
    } catch (error) {
      ignoreSystemError(error);
    }
  };
  process.once("exit", remove);
  return () => {
    process.removeListener("exit", remove);
  };
}
