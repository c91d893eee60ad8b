import type { Writable } from "node:stream";

/** A standard stream, which may be a pipe that nobody reads any more, or a file on a full disk. */
export interface Output {
  readonly write: (text: string) => void;
  /** The code of what failed, when all is written or was tried to be; `undefined` where nothing did. */
  failure(): Promise<string | undefined>;
}

/** Without this, what a stream cannot write ends the process with a stack. */
export function output(stream: Writable): Output {
  const pending: Promise<void>[] = [];
  let failed: string | undefined;
  const note = (error: unknown): void => {
    failed ??= error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  };
  stream.on("error", note);
  return {
    write(text) {
      const written = new Promise<void>((resolve) => {
        const end = (error?: Error | null): void => {
          if (error) note(error);
          resolve();
        };
        try {
          stream.write(text, end);
        } catch (error) {
          // A file is written to at once, and some versions of Node throw here.
          note(error);
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
