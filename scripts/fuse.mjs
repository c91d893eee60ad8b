// The modules that `register` needs at its start, fused to one: each file of its own would cost the start of every program
// half a millisecond, and each library several. Lazy imports in them stay lazy.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { relative, resolve } from "node:path";
import { build } from "esbuild";

/** Small, and needed at every start. */
export const builtIn = ["cosmiconfig", "leven"];

/** What parts of cosmiconfig load for its own loaders and its own search. We have it read files by their path, with our loaders. */
const unused = {
  ExplorerSync: ["./defaults"],
  ExplorerBase: ["env-paths", "os"],
  util: ["fs"],
};

const entries = ["src/register.ts", "src/register/api.ts"];
const common = { bundle: true, format: "esm", platform: "node", target: "node20.19", legalComments: "none" };

/**
 * Writes the fused module to `outfile`, and returns a plugin for esbuild that has it imported in place of what it is made of.
 *
 * @returns {Promise<{ plugin: import("esbuild").Plugin, libraries: string[] }>} `libraries`: the folders of
 * those that are in it
 */
export async function fuse({ root, outfile }) {
  const modules = await eagerModules(root);
  await assertDistinct(root, modules);
  const { metafile } = await build({
    ...common,
    absWorkingDir: root,
    preserveSymlinks: true,
    stdin: { contents: modules.map((name) => `export * from "./${name}";`).join("\n"), resolveDir: root },
    outfile,
    mainFields: ["module", "main"],
    metafile: true,
    plugins: [stayLazy(root, modules), libraries],
  });
  assertLight(metafile);
  return { plugin: inPlaceOf(root, modules, outfile), libraries: librariesIn(metafile) };
}

function assertLight({ outputs }) {
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  const heavy = imports.find(({ kind, path }) => kind === "import-statement" && path.startsWith("node:fs"));
  if (heavy !== undefined)
    throw new Error(`A start would load ${heavy.path}: see \`libraries\` in scripts/fuse.mjs.`);
}

/** What the entries import statically, whatever way it takes. */
async function eagerModules(root) {
  const { metafile } = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: entries,
    outdir: "unwritten",
    write: false,
    packages: "external",
    metafile: true,
  });
  const reached = new Set();
  const reach = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const { path, kind, external } of metafile.inputs[name].imports)
      if (kind === "import-statement" && !external) reach(path);
  };
  entries.forEach(reach);
  return [...reached].filter((name) => !entries.includes(name)).sort();
}

/** Of two that export the same name the fused module would export neither. */
async function assertDistinct(root, modules) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: modules,
    outdir: "unwritten",
    write: false,
    metafile: true,
  });
  const homes = new Map();
  for (const { entryPoint, exports } of Object.values(metafile.outputs)) {
    for (const name of exports) {
      if (name === "default") continue;
      if (homes.has(name))
        throw new Error(`${entryPoint} and ${homes.get(name)} both export ${name}: rename one.`);
      homes.set(name, entryPoint);
    }
  }
}

/** Imports that remain are written as paths of the sources, for the build to come. */
function stayLazy(root, modules) {
  return {
    name: "stay-lazy",
    setup({ onResolve }) {
      onResolve({ filter: /^[.]/ }, ({ path, resolveDir, importer }) => {
        const source = sourceOf(resolve(resolveDir, path));
        if (importer.includes("node_modules") || modules.includes(relative(root, source))) return undefined;
        return { path: source, external: true };
      });
    },
  };
}

/**
 * Libraries are built in, but for those that are needed in rarer cases. `node:fs` is asked for at run time: where an ES module
 * imports it Node loads all that it exports, streams included.
 *
 * @type {import("esbuild").Plugin}
 */
const libraries = {
  name: "libraries",
  setup({ onLoad, onResolve, resolve: find }) {
    onResolve({ filter: /./ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === "found") return undefined;
      const [, part] = /[\\/]cosmiconfig[\\/]dist[\\/](\w+)[.]js$/.exec(importer) ?? [];
      if (unused[part]?.includes(path)) return { path, namespace: "unused" };
      if (isBuiltin(path) && kind === "require-call") return { path, namespace: "node" };
      if (builtIn.includes(path.split("/")[0])) return find(path, { kind, resolveDir, pluginData: "found" });
      return /^[./]/.test(path) || importer.includes("node_modules") ? undefined : { path, external: true };
    });
    onLoad({ filter: /./, namespace: "unused" }, () => ({ contents: "" }));
    onLoad({ filter: /./, namespace: "node" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
    onLoad({ filter: /[\\/]src[\\/].*[.]ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(
        /^import \{([^}]*)\} from "node:fs";$/m,
        (_all, names) => {
          const values = names.split(",").filter((name) => !name.trim().startsWith("type "));
          return `const {${values.join().replaceAll(" as ", ": ")}} = process.getBuiltinModule("node:fs");`;
        },
      ),
      loader: "ts",
    }));
  },
};

function inPlaceOf(root, modules, outfile) {
  return {
    name: "fused",
    setup({ onResolve }) {
      onResolve({ filter: /^[.]/ }, ({ path, resolveDir }) => {
        const isFused = modules.includes(relative(root, sourceOf(resolve(resolveDir, path))));
        return isFused ? { path: outfile } : undefined;
      });
    },
  };
}

/** Folders, below that of the project. */
function librariesIn({ inputs }) {
  const folders = Object.keys(inputs).flatMap(
    (name) => /^.*node_modules[/](?:@[^/]+[/])?[^/]+/.exec(name) ?? [],
  );
  return [...new Set(folders)].sort();
}

function sourceOf(path) {
  const source = path.replace(/[.]js$/, ".ts");
  return existsSync(source) ? source : path;
}
