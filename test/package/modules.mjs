// Every module of the installed package loads with nothing but its dependencies installed, and imports nothing else.
import { readdir, readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { run } from "../../scripts/run.mjs";

/**
 * @param {string} folder the package as it is installed
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function loadsModules(folder, verdict) {
  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const known = Object.keys({ ...dependencies, ...peerDependencies });
  const dist = join(folder, "dist");
  const names = (await readdir(dist, { recursive: true })).filter((name) => name.endsWith(".js"));
  const modules = names.map((name) => join(dist, name));

  const imported = await importedPackages(modules);
  // This one is imported lazily only.
  const seesLazy = imported.includes("oauth4webapi");
  verdict("its lazy imports can be seen", seesLazy, imported.join());
  const others = imported.filter((name) => !known.includes(name));
  verdict("it imports only its dependencies", others.length === 0, others.join());

  const development = ["ajv", "esbuild", "typescript"].map((name) => `import(${JSON.stringify(name)})`);
  const libraries = modules
    .filter((name) => basename(name) !== "cli.js")
    .map((name) => pathToFileURL(name).href);
  const program = `
    const absent = await Promise.allSettled([${development}]);
    if (absent.some(({ status }) => status === "fulfilled")) throw new Error("A tool of the build is installed.");
    for (const url of ${JSON.stringify(libraries)}) await import(url).catch((error) => {
      console.error(url, error);
      process.exitCode = 1;
    });`;
  // Without this variable, a registered process without a config ends.
  const env = { MCP_AUTH_REGISTER: "optional" };
  const args = ["--input-type=module", "--eval", program];
  const { code, output } = await run(process.execPath, args, { cwd: folder, env });
  verdict("all of its modules load without the tools of the build", code === 0, output);
}

/** The packages that modules import, also lazily. */
async function importedPackages(entryPoints) {
  const { metafile } = await build({
    entryPoints,
    outdir: "unwritten",
    write: false,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    metafile: true,
    logLevel: "silent",
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const paths = imports.filter(({ path, external }) => external && !isBuiltin(path)).map(({ path }) => path);
  return [...new Set(paths.map((path) => path.split("/", path.startsWith("@") ? 2 : 1).join("/")))];
}
