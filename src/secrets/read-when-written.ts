import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { systemClock } from "../lib/clock.js";
import { pause } from "../lib/wait.js";
import { secretAborted } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** The result of reading files once. */
export type ReadAttempt<T> =
  | { readonly value: T }
  | {
      readonly error: McpAuthError;
      /** Whether a file looks like this while it is being written: always, possibly, or never. */
      readonly halfWritten: "surely" | "perhaps" | "no";
    };

/** Milliseconds between two reads, about a second in all. Writing a small file takes much less time. */
const pauses = [10, 20, 50, 100, 200, 300, 300];

/** Milliseconds for which the change of a file counts as recent. */
const recentChange = 5_000;

/**
 * Returns the value that `readOnce` reads. Calls it again after short pauses as long as a file of the references may be
 * half-written, because it has just changed. `isLast` tells `readOnce` that no further call follows.
 *
 * Rejects with the error of the last call, which is retryable if a file has just changed, and with `aborted`.
 */
export async function readWhenWritten<T>(
  references: readonly (SecretReference | undefined)[],
  context: SecretContext,
  readOnce: (isLast: boolean) => Promise<ReadAttempt<T>>,
): Promise<T> {
  const { server, signal, unref, clock = systemClock } = context;
  for (let attempt = 0; ; attempt += 1) {
    const wait = pauses[attempt];
    const found = await readOnce(wait === undefined);
    if ("value" in found) return found.value;
    const { error, halfWritten } = found;
    if (halfWritten === "no" || (halfWritten === "perhaps" && !(await changedJustNow(references))))
      throw error;
    if (wait === undefined) throw asRetryable(error);
    await pause(wait, { clock, signal, unref });
    if (signal?.aborted) throw secretAborted(server);
  }
}

/**
 * Returns whether a file of the references has just changed. For a missing file, its folder counts: it may be replaced.
 */
async function changedJustNow(references: readonly (SecretReference | undefined)[]): Promise<boolean> {
  const changes = references.map(async (reference) => {
    if (reference === undefined || !("file" in reference)) return false;
    const changedAt = (await modifiedAt(reference.file)) ?? (await modifiedAt(dirname(reference.file)));
    // File times come from the system's clock, even if the runtime has another one.
    return changedAt !== undefined && Math.abs(systemClock.now() - changedAt) < recentChange;
  });
  return (await Promise.all(changes)).includes(true);
}

async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    return undefined;
  }
}

/** Returns the same error as retryable, because something is writing the file. */
function asRetryable({ code, message, server }: McpAuthError): McpAuthError {
  return new McpAuthError(code, message, { server, retryable: true });
}
