import { type FileHandle, lstat, readlink, realpath, stat } from "node:fs/promises";
import { openToRead, readAtMost } from "../lib/read-file.js";
import { type Disk, longestConfig, openingProblem, unreadable } from "./disk.js";

/** Answers come by way of other threads. */
export const waitingDisk: Disk = {
  stat: (path) => stat(path, { bigint: true }),
  lstat: (path) => lstat(path, { bigint: true }),
  readlink: (path) => readlink(path),
  realpath: (path) => realpath(path),
  async read(path, limit = longestConfig) {
    let file: FileHandle | undefined;
    try {
      file = await openToRead(path);
      const stats = await file.stat({ bigint: true });
      const problem = unreadable(stats);
      if (problem !== undefined) return problem;
      const bytes = stats.size > limit ? undefined : await readAtMost(file, limit + 1);
      if (bytes === undefined || bytes.length > limit) return { problem: "too large" };
      return { text: bytes.toString("utf8"), stats };
    } catch (error) {
      return openingProblem(error);
    } finally {
      await file?.close();
    }
  },
};
