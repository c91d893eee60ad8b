import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a file to be read, and waits for nobody to write to it if it is a FIFO: what was opened can then be examined, which
 * is the only way to know what is read. A socket rejects with ENXIO. `flags` of the system are added.
 */
export async function openToRead(path: string, flags = 0): Promise<FileHandle> {
  // Windows has no such flag.
  return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | flags);
}
