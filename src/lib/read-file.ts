import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Opens a file for reading, without waiting for a writer if it is a FIFO. The caller can then check the file that it
 * has opened; a check of the path before would be about a file that may be replaced meanwhile. Rejects with `ENXIO` for
 * a socket.
 *
 * @param flags further flags of `open(2)`
 */
export async function openToRead(path: string, flags = 0): Promise<FileHandle> {
  // Windows does not have `O_NONBLOCK`.
  return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | flags);
}

/** Reads to the end of a file, or to a limit in bytes. `stat` cannot be asked: it says 0 for files in /proc. */
export async function readAtMost(file: FileHandle, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < limit) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(65_536, limit - total)), 0);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return Buffer.concat(chunks);
}
