import { type FileHandle, lstat, readlink, realpath, stat } from "node:fs/promises";
import { openToRead, readAtMost } from "../lib/read-file.js";
import { type FileSystem, maxConfigBytes, outcomeOfOpenError, problemOfType } from "./file-system.js";

export const asyncFileSystem: FileSystem = {
  stat: (path) => stat(path, { bigint: true }),
  lstat: (path) => lstat(path, { bigint: true }),
  readlink: (path) => readlink(path),
  realpath: (path) => realpath(path),
  async read(path, limit = maxConfigBytes) {
    let file: FileHandle | undefined;
    try {
      file = await openToRead(path);
      const stats = await file.stat({ bigint: true });
      const problem = problemOfType(stats);
      if (problem !== undefined) return problem;
      const bytes = stats.size > limit ? undefined : await readAtMost(file, limit + 1);
      if (bytes === undefined || bytes.length > limit) return { problem: "too large" };
      return { text: bytes.toString("utf8"), stats };
    } catch (error) {
      return outcomeOfOpenError(error);
    } finally {
      await file?.close();
    }
  },
};
