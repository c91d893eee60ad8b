import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { createFile } from "../../../src/cli/init/create-file.js";
import { writeKeyFile } from "../../../src/cli/keys/write-key-file.js";
import { replaceFile } from "../../../src/cli/replace-file.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

/** It is written in many parts, so that an exit can come before the last one. */
const text = "x".repeat(32 * 1_024 * 1_024);

/** Does what an exit of the process does, when `work` has written a part of a file. */
async function exitDuring(work: () => Promise<void>, folder: string): Promise<void> {
  const before = new Set(process.listeners("exit"));
  const added = () => process.listeners("exit").filter((listener) => !before.has(listener));
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  const done = work().then(end, end);
  while (!isOver && !(await hasPart(folder))) await setImmediate();
  expect(isOver).toBe(false);
  for (const listener of added()) listener.call(process, 130);
  await done;
  expect(added()).toEqual([]);
}

async function hasPart(folder: string): Promise<boolean> {
  const files = await readdir(folder);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  return sizes.some((size) => size >= text.length / 64);
}

test.each([
  ["createFile", createFile],
  ["writeKeyFile", async (file: string, content: string) => await writeKeyFile(file, content, file)],
] as const)("an exit during %s leaves no part of the file", async (_, write) => {
  const folder = await temporaryFolder();
  await exitDuring(() => write(join(folder, "new"), text), folder);
  expect(await readdir(folder)).toEqual([]);
});

test("an exit during replaceFile leaves the old file alone", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "old");
  await writeFile(file, "old");
  await exitDuring(() => replaceFile(file, text), folder);
  expect(await readdir(folder)).toEqual(["old"]);
  expect((await readFile(file, "utf8")).slice(0, 10)).toBe("old");
});
