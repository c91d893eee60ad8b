// Whether dist must be built again.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

// npm writes the last of these when it installs. Libraries are built in.
const inputs = [
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "package-lock.json",
  "node_modules/.package-lock.json",
];

/** Returns whether dist is newer than all that it is built from. */
export async function isFresh(root) {
  const paths = [...inputs];
  for (const folder of ["src", "scripts"]) {
    const names = await readdir(join(root, folder), { recursive: true });
    paths.push(folder, ...names.map((name) => join(folder, name)));
  }
  const times = await Promise.all(paths.map((path) => changedAt(join(root, path))));
  return Math.max(...times) < (await changedAt(join(root, "dist/index.d.ts")));
}

/** Returns when a file has changed, and 0 if there is none. */
export async function changedAt(path) {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}
