import type { FileHandle } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { errorCode, ignoreSystemError, isProgrammingError } from "../errors/expected-errors.js";
import { isCommandProcess } from "../lib/command-process.js";
import type { AllowRules } from "../lib/permissions.js";
import { openToRead, readAtMost } from "../lib/read-file.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { type Content, decodeContent, whyNotText } from "./decode-content.js";
import type { ReadAttempt } from "./read-when-written.js";
import { referenceNotAllowed, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** 1 MiB. A larger file is a mistake in the path, because a key with certificates has only a few KiB. */
const maxBytes = 1_048_576;

interface FileReference {
  readonly file: string;
}

export interface ReadOptions {
  /** Whether no other read follows, so that a file that is being written is used as it is. */
  readonly isLast: boolean;
  readonly content: Content;
  /** What the file has, for messages. */
  readonly what?: string;
}

/**
 * Reads the text of a file once, without a byte order mark. Returns `secret_unavailable` for anything but a regular
 * file of at most 1 MiB that `decodeContent` can decode. A file that was changed while it was read counts as
 * half-written, unless `isLast` is set.
 */
export async function readSecretFile(
  reference: FileReference,
  { server, permissions }: Pick<SecretContext, "server" | "permissions">,
  { isLast, content, what }: ReadOptions,
): Promise<ReadAttempt<string>> {
  const fail = (problem: string, halfWritten: "surely" | "perhaps" | "no"): ReadAttempt<string> => ({
    error: secretUnavailable(reference, server, problem, false, undefined, what),
    halfWritten,
  });
  // A relative path would depend on the working directory of the process.
  if (!isAbsolute(reference.file)) return fail("the path is not absolute.", "no");
  const outcome = await readRegularFile(reference.file, permissions?.allow);
  if (outcome === "refused") return { error: referenceNotAllowed(reference, server), halfWritten: "no" };
  if ("problem" in outcome) {
    const remedy = outcome.missing && what === privateKey ? remedyForKey(reference.file) : "";
    return fail(outcome.problem + remedy, outcome.missing ? "perhaps" : "no");
  }
  if (outcome.torn && !isLast) return fail("it was changed while it was read.", "surely");
  const text = decodeContent(outcome.bytes, content);
  return text === undefined ? fail(`it is ${whyNotText(outcome.bytes)}`, "perhaps") : { value: text };
}

/** What messages call a key that signs. */
export const privateKey = "the private key";

/** Says how to create a key, to the person at a command. */
function remedyForKey(file: string): string {
  if (!isCommandProcess()) return "";
  return ` Put the key there, or run npx mcp-auth-runtime keys generate ${shellQuoted(file)} and register the new key.`;
}

type Outcome =
  /** `torn`: the file was changed while it was read. */
  | { readonly bytes: Uint8Array; readonly torn: boolean }
  | { readonly problem: string; readonly missing?: boolean };

async function readRegularFile(path: string, allow: AllowRules | undefined): Promise<Outcome | "refused"> {
  let file: FileHandle | undefined;
  try {
    file = await openToRead(path);
    const before = await file.stat({ bigint: true });
    // Checks the open file, because a link may lead elsewhere by now.
    if (allow !== undefined && !(await allow.file(path, before))) return "refused";
    if (before.isDirectory()) return { problem: "it is a directory." };
    if (!before.isFile()) return { problem: "it is not a regular file." };
    const bytes = await readAtMost(file, maxBytes + 1);
    if (bytes.length > maxBytes) return { problem: "it is larger than 1 MiB." };
    const after = await file.stat({ bigint: true });
    return { bytes, torn: before.mtimeNs !== after.mtimeNs || before.size !== after.size };
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // For a file that `allow` does not name, the error must not reveal whether it exists.
    if (allow !== undefined && !(await allow.file(path))) return "refused";
    return { problem: explain(error), missing: errorCode(error) === "ENOENT" };
  } finally {
    await file?.close().catch(ignoreSystemError);
  }
}

const explanations: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "it does not exist. Create it, or correct its path."],
  ["ENOTDIR", "it does not exist: a part of its path is not a directory. Correct the path."],
  ["EACCES", "this process may not read it. Let its user read the file and enter its folders."],
  ["EPERM", "this process may not read it."],
  ["EISDIR", "it is a directory."],
  ["ELOOP", "its symbolic links lead in a circle."],
  ["ENAMETOOLONG", "its path is too long."],
  ["EMFILE", "this process has too many files open."],
  // The error for opening a socket.
  ["ENXIO", "it is not a regular file."],
]);

function explain(error: unknown): string {
  const code = errorCode(error) ?? "";
  const known = explanations.get(code);
  if (known !== undefined) return known;
  return /^[A-Z0-9_]{2,40}$/.test(code) ? `it cannot be read (${code}).` : "it cannot be read.";
}
