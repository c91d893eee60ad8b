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
import { type Disk, longestConfig, openingProblem, unreadable } from "./disk.js";

/** Answers are waited for in the thread that asks. */
export const blockingDisk: Disk = {
  stat: (path) => statSync(path, { bigint: true }),
  lstat: (path) => lstatSync(path, { bigint: true }),
  readlink: (path) => readlinkSync(path),
  realpath: (path) => realpathSync.native(path),
  read(path, limit = longestConfig) {
    let file: number | undefined;
    try {
      // Without O_NONBLOCK, which Windows does not have, a FIFO would be waited for.
      file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stats = fstatSync(file, { bigint: true });
      const problem = unreadable(stats);
      if (problem !== undefined) return problem;
      const bytes = stats.size > limit ? undefined : readUpTo(file, limit + 1, Number(stats.size) + 1);
      if (bytes === undefined || bytes.length > limit) return { problem: "too large" };
      return { text: bytes.toString("utf8"), stats };
    } catch (error) {
      return openingProblem(error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  },
};

/** Reads on until the end or the limit: the size that `stat` tells is 0 for files that a kernel makes up. */
function readUpTo(file: number, limit: number, expected: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let size = expected; total < limit; size = 65_536) {
    const chunk = Buffer.alloc(Math.min(size, limit - total));
    const count = readSync(file, chunk, 0, chunk.length, null);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}
