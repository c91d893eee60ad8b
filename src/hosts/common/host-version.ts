import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { McpAuthError } from "../../errors/error.js";
import { workingFolder } from "../../lib/working-folder.js";

/**
 * Throws `config_invalid` if the installed version of a host is too old for an adapter. An older host often ignores an
 * option that it does not know, and then it would send its requests without a token. Does nothing if the package cannot be
 * found, in a bundled program for example.
 *
 * @param minimum the first version that has the option, such as `"1.2.0"`
 * @param reason what an older version does, as the end of a sentence: `it ignores "fetch"`
 */
export function assertHostVersion(packageName: string, minimum: string, reason: string): void {
  const version = installedVersion(packageName);
  if (version === undefined || !isOlder(version, minimum)) return;
  throw new McpAuthError(
    "config_invalid",
    `${packageName} ${version} is too old: ${reason}. Install version ${minimum} or later.`,
  );
}

/**
 * Returns the version of a package as the program would import it: from its own folder, else from where it was started.
 * Returns `undefined` if it cannot be found.
 */
export function installedVersion(packageName: string): string | undefined {
  const [, program] = process.argv;
  const starts = [program && dirname(program), workingFolder()];
  for (const start of starts) {
    for (const folder of start === undefined ? [] : foldersUpFrom(start)) {
      const version = versionIn(join(folder, "node_modules", packageName, "package.json"));
      if (version !== undefined) return version;
    }
  }
  return undefined;
}

function* foldersUpFrom(start: string): Iterable<string> {
  let folder = start;
  while (true) {
    yield folder;
    const parent = dirname(folder);
    if (parent === folder) return;
    folder = parent;
  }
}

function versionIn(file: string): string | undefined {
  try {
    const { version }: { version?: unknown } = JSON.parse(readFileSync(file, "utf8"));
    return typeof version === "string" && /^\d+\.\d+\.\d+(?:[-+][\w.+-]*)?$/.test(version)
      ? version
      : undefined;
  } catch {
    // There is no such package here, or its file cannot be read.
    return undefined;
  }
}

/** A prerelease counts as the version that it precedes. */
function isOlder(version: string, minimum: string): boolean {
  const [found, wanted] = [version, minimum].map(
    (text) => text.split(/[-+]/, 1)[0]?.split(".").map(Number) ?? [],
  );
  for (const [index, number] of (wanted ?? []).entries()) {
    const difference = (found?.[index] ?? 0) - number;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
