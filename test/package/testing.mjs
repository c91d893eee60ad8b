// The examples of mcp-auth-runtime/testing run under each test runner, against the installed package.
import { cp, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { inParallel, run } from "../../scripts/run.mjs";

/**
 * @param {{ root: string, folder: string, tarball: string }} place `folder` must not exist yet
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function testExamples({ root, folder, tarball }, verdict) {
  await mkdir(folder);
  for (const name of ["package.json", "package-lock.json", ".npmrc"])
    await cp(join(root, "test/package/testing", name), join(folder, name));
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const runners = await run("npm", ["ci", ...options], { cwd: folder });
  const own = await run("npm", ["install", "--no-save", ...options, tarball], { cwd: folder });
  const isInstalled = runners.code === 0 && own.code === 0;
  if (
    !verdict(
      "the package can be installed next to the test runners",
      isInstalled,
      runners.output + own.output,
    )
  )
    return;

  const { dependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const source = join(root, "examples/testing");
  const entries = await readdir(source, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  verdict("there is an example for each test runner", names.length === 4, names.join());
  await inParallel(names, 2, async (name) => {
    const project = join(folder, name);
    await cp(join(source, name), project, {
      recursive: true,
      filter: (path) => !path.includes("node_modules"),
    });
    await symlink(join(folder, "node_modules"), join(project, "node_modules"), "dir");
    const { devDependencies = {} } = JSON.parse(await readFile(join(project, "package.json"), "utf8"));
    const others = Object.entries(devDependencies).filter(
      ([runner, range]) => range !== `^${dependencies[runner]}`,
    );
    verdict(`the example uses the runner that is tested: ${name}`, others.length === 0, others.join("\n"));
    const { code, output } = await run("npm", ["test"], { cwd: project });
    // Each runner says so in its own words; node:test as "# pass 6" or "ℹ pass 6".
    const isComplete = /\b6 passed\b|\bpass 6\b/.test(output);
    verdict(`its tests pass: ${name}`, code === 0 && isComplete, output);
  });
}
