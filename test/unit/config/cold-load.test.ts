import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { folder, smallest } from "./folder.js";

const root = new URL("../../..", import.meta.url).pathname;
// Without cosmiconfig, a part of which is built into dist.
const packages = ["ajv", "jsonc-parser", "node-cron", "yaml"];
let built: string;

beforeAll(async () => {
  await mkdir(join(root, "node_modules/.cache"), { recursive: true });
  built = await mkdtemp(join(root, "node_modules/.cache/mcp-auth-load-"));
  // Each package answers an import by printing its name.
  const announce = {
    name: "announce",
    setup(builder: import("esbuild").PluginBuild) {
      builder.onResolve({ filter: /^[a-z]/ }, ({ path, importer }) => {
        const [name = ""] = path.split("/");
        if (!packages.includes(name) || importer.includes("node_modules")) return undefined;
        return { path: `${path}?announce`, namespace: "announce" };
      });
      builder.onLoad({ filter: /./, namespace: "announce" }, ({ path }) => {
        const original = path.replace("?announce", "");
        const contents = `console.log(${JSON.stringify(original.split("/")[0])});
          export * from ${JSON.stringify(`real:${original}`)}; export { default } from ${JSON.stringify(`real:${original}`)};`;
        return { contents, loader: "js" };
      });
      builder.onResolve({ filter: /^real:/ }, ({ path }) => ({
        path: path.slice("real:".length),
        external: true,
      }));
    },
  };
  await build({
    entryPoints: [join(root, "src/config/load.ts")],
    outdir: built,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["cosmiconfig"],
    plugins: [announce],
    logLevel: "silent",
  });
});
afterAll(() => rm(built, { recursive: true, force: true }));

async function imported(files: Record<string, string>, options: object): Promise<readonly string[]> {
  const cwd = await folder(files);
  const code = `const { loadConfig } = await import(${JSON.stringify(join(built, "load.mjs"))});
    await loadConfig({ cwd: ${JSON.stringify(cwd)}, env: {}, ...${JSON.stringify(options)} });`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
  return stdout.split("\n").filter(Boolean).sort();
}

it.each([
  ["an object", {}, { config: smallest }, []],
  ["JSON at a known path", { "a.json": JSON.stringify(smallest) }, { config: "a.json" }, []],
  [
    "JSON with a comment",
    { "a.json": `${JSON.stringify(smallest)} // ours` },
    { config: "a.json" },
    ["jsonc-parser"],
  ],
  ["JSON that is searched for", { "mcp-auth.config.json": JSON.stringify(smallest) }, {}, []],
  ["YAML at a known path", { "a.yaml": JSON.stringify(smallest) }, { config: "a.yaml" }, ["yaml"]],
])("loading %s imports no library that it does not need", async (_what, files, options, expected) => {
  expect(await imported(files, options)).toEqual(expected);
});
