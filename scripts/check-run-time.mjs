// `node check-run-time.mjs FOLDER`: FOLDER is the package as installed, without ajv and the other tools of the build.
// Every module of it must load, none may import what is not a dependency, and the command must validate a config.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { run } from "./run.mjs";

const [folder] = process.argv.slice(2);
const problems = [];
const { dependencies, peerDependencies = {} } = JSON.parse(
  await readFile(join(folder, "package.json"), "utf8"),
);

for (const name of ["ajv", "esbuild", "typescript"]) {
  try {
    createRequire(join(folder, "package.json")).resolve(name);
    problems.push(`${name} is there, which makes this check worthless`);
  } catch {
    // As it should be.
  }
}

// Static and dynamic imports alike, as the bundler sees them.
const dist = join(folder, "dist");
const modules = (await readdir(dist, { recursive: true })).filter((name) => name.endsWith(".js"));
const { metafile } = await build({
  entryPoints: modules.map((name) => join(dist, name)),
  outdir: join(folder, "unwritten"),
  write: false,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  metafile: true,
  logLevel: "silent",
});
const imported = Object.values(metafile.inputs).flatMap(({ imports }) =>
  imports.filter(({ external }) => external),
);
const packages = new Set(
  imported
    .map(({ path }) => path)
    .filter((path) => !isBuiltin(path))
    .map(packageName),
);
for (const name of packages) {
  if (!(name in dependencies) && !(name in peerDependencies))
    problems.push(`dist imports ${name}, which is no dependency`);
}

const loader = [
  "for (const url of process.argv.slice(1)) {",
  "  try { await import(url); }",
  "  catch (error) { console.error(`$" +
    "{url.replace(/.*dist/, 'dist')} does not load: $" +
    "{error.message}`); process.exitCode = 1; }",
  "}",
].join("\n");
const urls = modules
  .filter((name) => basename(name) !== "cli.js")
  .map((name) => pathToFileURL(join(dist, name)).href);
const loaded = await run(process.execPath, ["--input-type=module", "--eval", loader, ...urls], {
  // One of them would end the process without a config.
  env: { MCP_AUTH_REGISTER: "optional" },
});
if (loaded.code !== 0) problems.push(loaded.output.trim());

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "CRM_SECRET" } };
const good = { servers: { crm: { url: "https://crm.example/mcp", grant: { client } } } };
await validate("good.json", good, 0);
await validate("bad.json", { servers: { crm: { ...good.servers.crm, urll: 1 } } }, 2, "urll");

for (const problem of problems) console.error(problem);
console.log(`${modules.length} modules, dependencies in use: ${[...packages].sort().join(", ")}`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function validate(name, config, expected, mentioned = "") {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify(config));
  const { code, output } = await run(process.execPath, [join(dist, "cli.js"), "validate", "--config", file]);
  if (code !== expected || !output.includes(mentioned)) {
    problems.push(`validate of ${name} exits with ${code}, expected ${expected}\n${output}`);
  }
}

function packageName(specifier) {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
