import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isFresh } from "../../scripts/is-fresh.mjs";

const inputs = [
  "package.json",
  "package-lock.json",
  "node_modules/.package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "src/lib/module.ts",
  "scripts/build.mjs",
];

/** Creates a project of which all files but dist are of second 1, and dist is of second 2. */
async function project() {
  const root = await mkdtemp(join(tmpdir(), "is-fresh-"));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const path of [...inputs, "dist/index.d.ts"]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), "");
  }
  for (const path of [...inputs, "src", "src/lib", "scripts"]) await utimes(join(root, path), 1, 1);
  await utimes(join(root, "dist/index.d.ts"), 2, 2);
  return root;
}

test("dist is fresh if it is newer than all that it is built from", async () => {
  expect(await isFresh(await project())).toBe(true);
});

test.each(inputs)("dist is stale if %s is newer", async (path) => {
  const root = await project();
  await utimes(join(root, path), 3, 3);
  expect(await isFresh(root)).toBe(false);
});

test("dist is stale if there is none", async () => {
  const root = await project();
  await rm(join(root, "dist"), { recursive: true });
  expect(await isFresh(root)).toBe(false);
});
