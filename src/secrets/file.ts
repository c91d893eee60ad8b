import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { secretUnavailable } from "./reference.js";
import { decodeText } from "./text.js";

/** 1 MiB: a key bundle is a few KiB, so more is a mistake in the path. */
const maxBytes = 1_048_576;

interface FileReference {
  readonly file: string;
}

/**
 * The text of a file, byte order mark dropped. Only regular files of at most 1 MiB of UTF-8 are read; anything else
 * is `secret_unavailable`.
 */
export async function readSecretFile(reference: FileReference, server: string): Promise<string> {
  const fail = (problem: string) => secretUnavailable(reference, server, problem);
  // A relative path would be read from wherever the process happens to run.
  if (!isAbsolute(reference.file)) throw fail("the path is not absolute.");
  const outcome = await readRegularFile(reference.file);
  if ("problem" in outcome) throw fail(outcome.problem);
  const text = decodeText(outcome.bytes);
  if (text === undefined) throw fail("it is not text in UTF-8.");
  return text;
}

type Outcome = { readonly bytes: Uint8Array } | { readonly problem: string };

async function readRegularFile(path: string): Promise<Outcome> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK opening a FIFO waits until somebody writes to it. Windows has no such flag.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    if (stats.isDirectory()) return { problem: "it is a directory." };
    if (!stats.isFile()) return { problem: "it is not a regular file." };
    const bytes = await readAtMost(file, maxBytes + 1);
    return bytes.length > maxBytes ? { problem: "it is larger than 1 MiB." } : { bytes };
  } catch (error) {
    return { problem: explain(error) };
  } finally {
    await file?.close().catch(() => {});
  }
}

/** Reads on until the end: the size that `stat` tells is 0 for files that a kernel makes up. */
async function readAtMost(file: FileHandle, limit: number): Promise<Uint8Array> {
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

const explanations: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "it does not exist."],
  ["ENOTDIR", "it does not exist: a part of its path is not a directory."],
  ["EACCES", "this process may not read it."],
  ["EPERM", "this process may not read it."],
  ["EISDIR", "it is a directory."],
  ["ELOOP", "its symbolic links lead in a circle."],
  ["ENAMETOOLONG", "its path is too long."],
  ["EMFILE", "this process has too many files open."],
  // What opening a socket gives.
  ["ENXIO", "it is not a regular file."],
]);

function explain(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = explanations.get(code);
  if (known !== undefined) return known;
  return /^[A-Z0-9_]{2,40}$/.test(code) ? `it cannot be read (${code}).` : "it cannot be read.";
}
