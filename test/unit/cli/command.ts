import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import type { Ask } from "../../../src/cli/io.js";
import { run } from "../../../src/cli/main.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process. */
export async function command(
  argv: readonly string[],
  around: {
    readonly cwd: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
    /** Answers questions, as a person at a terminal would. */
    readonly ask?: Ask;
  },
): Promise<CommandResult> {
  let [out, err] = ["", ""];
  const code = await run(argv, {
    cwd: around.cwd,
    env: around.env ?? {},
    color: false,
    // A host that writes nothing.
    stdio: () => ({ input: Readable.from([]), output: new PassThrough() }),
    signal: around.signal ?? new AbortController().signal,
    ...(around.ask && { ask: around.ask }),
    out(text) {
      out += text;
    },
    err(text) {
      err += text;
    },
  });
  return { code, out, err };
}

/** Creates a folder with these files, where a search for a config ends. Deletes it when the test ends. */
export async function project(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, ".git"));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content, { mode: 0o600 });
  }
  return folder;
}
