import type { Writable } from "node:stream";
import { errorCode } from "../errors/expected-errors.js";

/** stdout or stderr. It may be a closed pipe, or a file on a full disk. */
export interface Output {
  readonly write: (text: string) => void;
  /** Resolves after all writes have ended: with the code of the first error, or `undefined`. */
  failure(): Promise<string | undefined>;
}

/** Collects the errors of a stream, which would otherwise end the process with a stack trace. */
export function output(stream: Writable): Output {
  const pending: Promise<void>[] = [];
  let failed: string | undefined;
  const fail = (error: unknown): void => {
    failed ??= errorCode(error) ?? "unknown reason";
  };
  stream.on("error", fail);
  return {
    write(text) {
      const written = new Promise<void>((resolve) => {
        const end = (error?: Error | null): void => {
          if (error) fail(error);
          resolve();
        };
        try {
          stream.write(text, end);
        } catch (error) {
          // Writes to a file are synchronous, and some versions of Node throw their errors here.
          if (errorCode(error) === undefined) throw error;
          fail(error);
          resolve();
        }
      });
      pending.push(written);
    },
    async failure() {
      await Promise.all(pending);
      return failed;
    },
  };
}
