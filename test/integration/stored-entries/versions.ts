import { chmod, cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../support/temporary-folder.js";
import type { RedisEntries } from "./redis-entries.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The versions whose entries are in the folders beside this file, the oldest first. */
export const versions = (await readdir(here, { withFileTypes: true }))
  .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

/** Returns a file store with the entries of a version, as a process of that version would have left it. */
export async function copyOfFileStore(version: string): Promise<string> {
  const folder = join(await temporaryFolder(), "store");
  await cp(join(here, version, "file"), folder, { recursive: true });
  // Git keeps neither of these modes.
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  return folder;
}

export async function redisEntriesOf(version: string): Promise<RedisEntries> {
  // Written by write.ts.
  return JSON.parse(await readFile(join(here, version, "redis.json"), "utf8")) as RedisEntries;
}

/** Returns the raw values of a file store by the names of their entries. */
export async function valuesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const name of (await readdir(folder)).sort()) {
    const files = await readdir(join(folder, name));
    for (const file of files.filter((each) => each.startsWith("value-")))
      values.set(name, await readFile(join(folder, name, file), "utf8"));
  }
  return values;
}
