// Bundles the modules that `register` loads on startup into one. Otherwise each file would make the start of every
// program half a millisecond slower, and each library several. Imports that are lazy in the sources stay lazy.
import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, resolve } from "node:path";
import { build } from "esbuild";

/** Small libraries that are needed at every start. They are bundled, so they are no dependencies. */
export const bundled = ["cosmiconfig", "leven"];
/** Imports of parts of cosmiconfig for its own search and its own loaders, which this project does not use. */
const unused = { ExplorerSync: ["./defaults"], ExplorerBase: ["env-paths", "os"], util: ["fs"] };

const entryPoints = ["src/register.ts", "src/register/api.ts"];
const common = {
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
  target: "node20.19",
  metafile: true,
};

/**
 * Bundles the modules, and returns a plugin for esbuild that replaces each import of one of them by the bundle.
 *
 * @returns {Promise<{ plugin: import("esbuild").Plugin, libraries: string[] }>} `libraries`: the folders of the
 * packages that are in the bundle
 */
export async function startModule(root) {
  const modules = await eagerModules(root);
  const { metafile, outputFiles } = await build({
    ...common,
    absWorkingDir: root,
    preserveSymlinks: true,
    stdin: { contents: modules.map((path) => `export * from "${path}";`).join("\n"), resolveDir: root },
    mainFields: ["module", "main"],
    legalComments: "none",
    plugins: [onlyStart(modules)],
  });
  const [{ imports }] = Object.values(metafile.outputs);
  const heavy = imports.find(({ kind, path }) => kind === "import-statement" && path.startsWith("node:fs"));
  if (heavy !== undefined) throw new Error(`A start would load ${heavy.path}: see onlyStart().`);
  const plugin = {
    name: "start-module",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^[.]/ }, ({ path, resolveDir }) =>
        modules.includes(sourceOf(path, resolveDir)) ? { path: "start", namespace: "start" } : undefined,
      );
      const loaded = { contents: outputFiles[0].text, resolveDir: root };
      onLoad({ filter: /./, namespace: "start" }, () => loaded);
    },
  };
  const folders = Object.keys(metafile.inputs).flatMap((name) => /^node_modules\/[^/]+/.exec(name) ?? []);
  return { plugin, libraries: [...new Set(folders)].sort() };
}

/** Returns the paths of all modules that the entry points import statically, directly or not. */
async function eagerModules(root) {
  const options = { absWorkingDir: root, entryPoints, outdir: "unwritten", packages: "external" };
  const { metafile } = await build({ ...common, ...options });
  const reached = new Set();
  const reach = (name) => {
    for (const { path, kind, external } of metafile.inputs[name].imports) {
      if (kind !== "import-statement" || external || reached.has(path)) continue;
      reached.add(path);
      reach(path);
    }
  };
  entryPoints.forEach(reach);
  return [...reached].sort().map((name) => join(root, name));
}

/** Keeps all other modules, and libraries that are not `bundled`, out of the bundle. */
function onlyStart(modules) {
  return {
    name: "only-start",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /./ }, ({ path, importer, kind, resolveDir }) => {
        const [, part] = /[\\/]cosmiconfig[\\/]dist[\\/](\w+)[.]js$/.exec(importer) ?? [];
        if (unused[part]?.includes(path)) return { path, namespace: "unused" };
        // If an ES module imports node:fs, Node loads everything that it exports, including streams.
        if (path === "node:fs" || (isBuiltin(path) && kind === "require-call"))
          return { path, namespace: "builtin" };
        if (importer.includes("node_modules") || bundled.includes(path.split("/")[0])) return undefined;
        if (!/^[./]/.test(path)) return { path, external: true };
        const source = sourceOf(path, resolveDir);
        return modules.includes(source) ? undefined : { path: source, external: true };
      });
      onLoad({ filter: /./, namespace: "unused" }, () => ({ contents: "" }));
      onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      }));
    },
  };
}

function sourceOf(path, folder) {
  const source = resolve(folder, path).replace(/[.]js$/, ".ts");
  return existsSync(source) ? source : resolve(folder, path);
}
