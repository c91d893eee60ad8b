import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { systemClock } from "../lib/clock.js";
import { isProgrammingError } from "../lib/programming-error.js";
import { pause } from "../lib/wait.js";
import { secretAborted } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** What one look at files gave. */
export type ReadAttempt<T> =
  | { readonly value: T }
  | {
      readonly error: McpAuthError;
      /** Whether a file looks like this while it is being written: always, possibly, or never. */
      readonly halfWritten: "surely" | "perhaps" | "no";
    };

/** Milliseconds between two looks, about a second in all: who writes a file in place takes a small part of that. */
const pauses = [10, 20, 50, 100, 200, 300, 300];

/** Milliseconds. */
const aMomentAgo = 5_000;

/**
 * What the files of some references hold, looked at again after short pauses while they may be half-written: that is,
 * when they were changed a moment ago. `last` tells that there will be no further look.
 *
 * Rejects with the error of the last look, which may pass when the files were still changed a moment ago, and with
 * `aborted`.
 */
export async function onceWritten<T>(
  references: readonly (SecretReference | undefined)[],
  context: SecretContext,
  look: (last: boolean) => Promise<ReadAttempt<T>>,
): Promise<T> {
  const { server, signal, unref, clock = systemClock } = context;
  for (let looks = 0; ; looks += 1) {
    const wait = pauses[looks];
    const found = await look(wait === undefined);
    if ("value" in found) return found.value;
    const { error, halfWritten } = found;
    if (halfWritten === "no" || (halfWritten === "perhaps" && !(await changedJustNow(references))))
      throw error;
    if (wait === undefined) throw asRetryable(error);
    await pause(wait, { clock, signal, unref });
    if (signal?.aborted) throw secretAborted(server);
  }
}

/** For a file that is missing, its folder is meant: it may be put there anew. */
async function changedJustNow(references: readonly (SecretReference | undefined)[]): Promise<boolean> {
  const changes = references.map(async (reference) => {
    if (reference === undefined || !("file" in reference)) return false;
    const changedAt = (await changeOf(reference.file)) ?? (await changeOf(dirname(reference.file)));
    // Whatever clock the runtime goes by, the times of files are the system's.
    return changedAt !== undefined && Math.abs(systemClock.now() - changedAt) < aMomentAgo;
  });
  return (await Promise.all(changes)).includes(true);
}

async function changeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    return undefined;
  }
}

/** The same failure, of which it is known that somebody is about to mend it. */
function asRetryable({ code, message, server }: McpAuthError): McpAuthError {
  return new McpAuthError(code, message, { server, retryable: true });
}
