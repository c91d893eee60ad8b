// Builds a bundle with each bundler, in its smallest usual setup.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { run } from "../../../scripts/run.mjs";
import { programFor, routeFor } from "./program.mjs";

// Child processes record their TLS connections by NODE_OPTIONS. A bundler opens none.
const env = { NODE_OPTIONS: "", NEXT_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };

/**
 * By bundler: a function that builds the program of a row in `folder`, which is below the installed bundlers. It
 * returns the folder with the bundle, the folder in it and the file to run, and the exit code and output of the bundler.
 */
export const bundlers = {
  async esbuild(row, folder) {
    const { input, output } = await source(row, folder);
    const args = [input, "--bundle", "--platform=node", `--format=${row.format === "ESM" ? "esm" : "cjs"}`];
    return await build(folder, "esbuild", [...args, `--outfile=bundle/${output}`], output);
  },

  async rollup(row, folder) {
    const { input, output, extension } = await source(row, folder);
    const plugins = ["node-resolve", "commonjs", "json"].flatMap((name) => ["--plugin", name]);
    const format = row.format === "ESM" ? "es" : "cjs";
    const names = ["--entryFileNames", output, "--chunkFileNames", `[name]-[hash].${extension}`];
    const args = [input, "--dir", "bundle", "--format", format, ...names, ...plugins];
    return await build(folder, "rollup", args, output);
  },

  async webpack(row, folder) {
    const { input } = await source(row, folder);
    const settings = { target: "node", mode: "production", entry: `./${input}` };
    const path = 'new URL("bundle", import.meta.url).pathname';
    const text = `export default { ...${JSON.stringify(settings)}, output: { path: ${path} } };\n`;
    await writeFile(join(folder, "webpack.config.mjs"), text);
    return await build(folder, "webpack", [], "main.js");
  },

  async "bun build"(row, folder) {
    const { input, output } = await source(row, folder);
    const format = row.format === "ESM" ? "esm" : "cjs";
    const args = ["build", input, "--target=node", `--format=${format}`, `--outfile=bundle/${output}`];
    return await build(folder, "bun", args, output);
  },

  async "Next.js"(row, folder) {
    // Without a type, a file of Next.js may be of either.
    const type = row.format === "ESM" ? { type: "module" } : {};
    await mkdir(join(folder, "app/token"), { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, ...type }));
    await writeFile(join(folder, "app/token/route.js"), routeFor(row));
    const layout =
      "export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n";
    await writeFile(join(folder, "app/layout.js"), layout);
    // This output has all that it needs, and can be moved. Its folders are those of the project.
    // Next.js is installed in the folder above.
    const root = join(folder, "..");
    const settings = { output: "standalone", outputFileTracingRoot: root, turbopack: { root } };
    await writeFile(join(folder, "next.config.mjs"), `export default ${JSON.stringify(settings)};\n`);
    const built = await build(folder, "next", ["build"], "server.js");
    return { ...built, bundle: join(folder, ".next/standalone"), inner: basename(folder) };
  },
};

/** Writes the program, and returns the names of its file and of that of the bundle. */
async function source(row, folder) {
  const extension = row.format === "ESM" ? "mjs" : "cjs";
  await writeFile(join(folder, `program.${extension}`), programFor(row));
  return { input: `program.${extension}`, output: `bundle.${extension}`, extension };
}

async function build(folder, command, args, file) {
  const { code, output } = await run(join(folder, "../node_modules/.bin", command), args, {
    cwd: folder,
    env,
  });
  return { bundle: join(folder, "bundle"), inner: ".", file, code, output };
}
