import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { type FileSystem, maxConfigBytes, outcomeOfOpenError, problemOfType } from "./file-system.js";

export const syncFileSystem: FileSystem = {
  stat: (path) => statSync(path, { bigint: true }),
  lstat: (path) => lstatSync(path, { bigint: true }),
  readlink: (path) => readlinkSync(path),
  realpath: (path) => realpathSync.native(path),
  read(path, limit = maxConfigBytes) {
    let file: number | undefined;
    try {
      // With O_NONBLOCK, opening a FIFO does not wait for a writer. Windows does not have the flag.
      file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stats = fstatSync(file, { bigint: true });
      const problem = problemOfType(stats);
      if (problem !== undefined) return problem;
      const bytes = stats.size > limit ? undefined : readUpTo(file, limit + 1, Number(stats.size) + 1);
      if (bytes === undefined || bytes.length > limit) return { problem: "too large" };
      return { text: bytes.toString("utf8"), stats };
    } catch (error) {
      return outcomeOfOpenError(error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  },
};

/** Reads until the end of the file or the limit. Virtual files, such as those in /proc, have a size of 0. */
function readUpTo(file: number, limit: number, expectedSize: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let size = expectedSize; total < limit; size = 65_536) {
    const chunk = Buffer.alloc(Math.min(size, limit - total));
    const count = readSync(file, chunk, 0, chunk.length, null);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}
