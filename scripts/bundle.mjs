// Bundles src into the modules of dist. A program waits for each file that Node reads, half a millisecond or more, so
// the modules that are needed together become one file.
import { basename, dirname, join, relative } from "node:path";
import { rolldown } from "rolldown";
import { bundled, libraryParts } from "./library-parts.mjs";

/** Each layer is one file: its modules, with all that they import statically and that is in no layer above. */
const layers = {
  // What `import "mcp-auth-runtime"` needs, and small modules that the command needs to print a line.
  index: ["index", "lib/printable", "lib/version", "lib/wait", "lib/working-folder", "net/env-at-load"],
  // What `--import mcp-auth-runtime/register` needs, whether or not the program makes a request.
  load: ["register/start", "register/api"],
  // What createMcpAuth() needs besides.
  runtime: ["runtime/create-runtime", "config/async-file-system"],
  // What a token from a store needs, which is the file store in most cases.
  stored: [
    "sharing/entry-key",
    "sharing/restore-token",
    "secrets/read-secret",
    "stores/file",
    "stores/state-folder",
    "keys/store-secret",
  ],
  // What every token request needs.
  request: [
    "oauth/grants/create-grant",
    "oauth/grants/token-grant",
    "oauth/client-auth/authenticate-client",
    "oauth/token-endpoint/token-response",
    "discovery/find-target",
    "secrets/credentials-changed",
  ],
  // What a config with "import" needs besides. init reads files of hosts too.
  imports: ["config/import-urls"],
  commands: ["cli/main", "cli/token", "cli/headers", "cli/revoke", "cli/store-clear"],
};

/**
 * @param {string} root the folder of the project
 * @param {readonly string[]} entryPoints modules of src, without extension
 * @param {string} folder where the modules are written
 * @returns {Promise<readonly string[]>} the folders of the packages whose code is in them
 */
export async function bundle(root, entryPoints, folder) {
  const source = (name) => join(root, "src", `${name}.ts`);
  const bundler = await rolldown({
    cwd: root,
    input: Object.fromEntries(entryPoints.map((name) => [name, source(name)])),
    platform: "node",
    // Where node_modules is a link, comments would name the folder that it leads to.
    resolve: { symlinks: false },
    external: (id, importer = "") =>
      /^[^./\0]/.test(id) && !importer.includes("node_modules") && !bundled.includes(packageOf(id)),
    // Other modules of a layer use more of it than an entry point exports.
    preserveEntrySignatures: "allow-extension",
    transform: { target: "node20.19" },
    treeshake: { moduleSideEffects: (id) => id.endsWith("check-node.ts") || undefined },
    plugins: [lightPlugin(root), libraryParts(root)],
    // A warning fails the build, and this one depends on how busy the machine is.
    checks: { bundlerTimings: false },
    onLog(level, log) {
      if (level !== "info" && level !== "debug") throw new Error(log.message);
    },
  });
  const { output } = await bundler.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    // The code stays readable, for people who debug or review it. Minified, it would not load noticeably faster.
    comments: { legal: false, jsdoc: false },
    plugins: [withoutFacades],
    minify: false,
    minifyInternalExports: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: "layers", name: layerFinder(source) }],
    },
  });
  await bundler.close();
  const modules = output.flatMap(({ moduleIds = [] }) => moduleIds);
  return packageFolders(modules.map((id) => relative(root, id)));
}

/** Returns the name of the package that an import names: `@clack/prompts` for `@clack/prompts/dist/index.mjs`. */
function packageOf(id) {
  return id.split("/", id.startsWith("@") ? 2 : 1).join("/");
}

/** Returns the folders of the packages that modules belong to. A package may be inside of another one. */
export function packageFolders(paths) {
  const folder = /^(?:.*[\\/])?node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/;
  return [...new Set(paths.flatMap((path) => folder.exec(path) ?? []))].sort();
}

/** Returns the function that names the layer of a module; other modules are divided into chunks by who loads them. */
function layerFinder(source) {
  let reachedBy;
  return (id, bundler) => {
    if (id === nodeModule) return "index";
    if (/[\\/]node_modules[\\/]jose[\\/]/.test(id)) return "jose";
    reachedBy ??= Object.entries(layers).map(([name, roots]) => [
      name,
      staticallyReached(roots.map(source), bundler),
    ]);
    return reachedBy.find(([, reached]) => reached.has(id))?.[0] ?? null;
  };
}

function staticallyReached(ids, bundler, reached = new Set()) {
  for (const id of ids) {
    if (reached.has(id)) continue;
    reached.add(id);
    staticallyReached(bundler.getModuleInfo(id)?.importedIds ?? [], bundler, reached);
  }
  return reached;
}

/**
 * Removes the chunks that only pass on what a layer exports, with the same names: a lazy import loads the layer itself
 * instead. A chunk that gives an export another name stays, since the layer may have another export of that name.
 */
export function removeFacades(files) {
  const passesOn =
    /^import \{ ([\w$]+(?:, [\w$]+)*) \} from "[^"]+";\s+export \{ ([\w$]+(?:, [\w$]+)*) \};\s*$/;
  for (const { fileName, isEntry, moduleIds, imports, exports, code } of Object.values(files)) {
    const layer = files[imports?.[0]];
    const isFacade = !isEntry && moduleIds?.length === 0 && imports.length === 1 && passesOn.test(code);
    if (!isFacade || layer === undefined || dirname(fileName) !== dirname(layer.fileName)) continue;
    if (!exports.every((name) => layer.exports.includes(name))) continue;
    delete files[fileName];
    renameIn(files, fileName, layer.fileName);
  }
}

/** Moves the few helpers for CommonJS, which would be a file of their own, into the layer `load`. */
export function moveHelpers(files) {
  const chunk = (name) => {
    const found = Object.values(files).find((file) => file.name === name);
    if (found === undefined)
      throw new Error(`The bundle has no chunk "${name}" for the helpers of rolldown.`);
    return found;
  };
  const helpers = chunk("rolldown-runtime");
  const home = chunk("load");
  const statement = new RegExp(`^import .*${basename(helpers.fileName)}";$`, "m");
  if (!statement.test(home.code))
    throw new Error(`${home.fileName} does not import the helpers of rolldown.`);
  delete files[helpers.fileName];
  home.code = home.code.replace(statement, () => helpers.code);
  renameIn(files, helpers.fileName, home.fileName);
}

function renameIn(files, from, to) {
  for (const file of Object.values(files)) file.code = file.code?.replaceAll(basename(from), basename(to));
}

const withoutFacades = {
  name: "without-facades",
  generateBundle(_, files) {
    removeFacades(files);
    moveHelpers(files);
  },
};

/** A module with a short name for `process.getBuiltinModule`, which is used a hundred times. */
const nodeModule = "\0node-module";

/**
 * Takes the modules of Node without `import`, which first makes Node load all that they export, streams for example.
 * That takes several milliseconds.
 */
function lightPlugin(root) {
  const source = join(root, "src");
  const statement = /^import (?:\{([^}]*)\}|\* as (\w+)) from "(node:[\w/]+)";$/gm;
  return {
    name: "light",
    resolveId: (path) => (path === nodeModule ? path : undefined),
    load: (id) =>
      id === nodeModule ? "export const nodeModule = (name) => process.getBuiltinModule(name);" : undefined,
    transform(code, id) {
      if (!id.startsWith(source)) return undefined;
      const light = code.replace(statement, (_, names, namespace, path) => {
        const values = names?.split(",").filter((name) => name.trim() !== "" && !/^\s*type /.test(name));
        const target = namespace ?? `{${values.join().replaceAll(" as ", ": ")}}`;
        return `const ${target} = process.getBuiltinModule(${JSON.stringify(path)});`;
      });
      const shorter = light.replaceAll("process.getBuiltinModule(", "nodeModule(");
      return shorter === code ? undefined : `import { nodeModule } from "${nodeModule}";${shorter}`;
    },
  };
}
