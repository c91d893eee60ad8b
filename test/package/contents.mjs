// What the package contains: exactly what its entry points need, its pages and its schema.
import { readdir, readFile, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { build } from "esbuild";

/**
 * @param {{ root: string, folder: string }} place the project, and the package as it is installed
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function hasExpectedContents({ root, folder }, verdict) {
  const files = (await filesBelow(folder)).sort();
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const expected = await expectedFiles(root, folder, manifest);
  const strays = files.filter((name) => !expected.includes(name));
  verdict("the package contains only expected files", strays.length === 0, strays.join("\n"));
  const missing = expected.filter((name) => !files.includes(name));
  verdict("the package contains all expected files", missing.length === 0, missing.join("\n"));
  await manifestHolds({ folder, files, manifest }, verdict);
  const texts = files.filter((name) => name.startsWith("dist/"));
  const mapped = await filter(texts, async (name) => /sourceMappingURL/.test(await read(folder, name)));
  verdict("none of its files refers to a source map", mapped.length === 0, mapped.join("\n"));
  const foreign = await filter(texts, async (name) => namesPath(await read(folder, name)));
  verdict("none of its files names a folder of the machine", foreign.length === 0, foreign.join("\n"));
  const broken = await brokenLinks(folder, files);
  verdict("its pages link only to files that it contains", broken.length === 0, broken.join("\n"));
  const size = await sizeOf(folder, files);
  const modules = files.filter((name) => name.endsWith(".js")).length;
  console.log(
    `      ${files.length} files, ${modules} of them modules, ${Math.ceil(size / 1024)} kB unpacked`,
  );
  // Growth is a decision. The documentation is 750 kB of it (the pages of hosts 110 kB, those of providers 60 kB), the
  // libraries that are built in 300 kB, the proxy with its status page 140 kB, the adapters for hosts 70 kB, the
  // helpers for tests 60 kB.
  verdict("is at most 3150 kB unpacked", size <= 3150 * 1024);
}

/** The comments that name modules start in the folder of the project. */
function namesPath(text) {
  return /^\/\/ (?!src\/|node_modules\/)[^ ]*\/node_modules\//m.test(text);
}

/** What an installation downloads and keeps, in the `node_modules` of a project that has nothing else. */
export async function weighsLittle(folder, verdict) {
  const { packages } = JSON.parse(await read(folder, ".package-lock.json"));
  const names = Object.keys(packages);
  const size = await sizeOf(folder, await filesBelow(folder));
  console.log(`      ${names.length} packages, ${(size / 1e6).toFixed(2)} MB`);
  verdict("an installation has at most 10 packages", names.length <= 10, names.join("\n"));
  verdict("an installation takes at most 6 MB", size <= 6e6);
}

async function sizeOf(folder, names) {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, each) => sum + each, 0);
}

async function expectedFiles(root, folder, { exports, bin, man }) {
  const documents = (await readdir(join(root, "docs"), { recursive: true })).filter((name) =>
    name.endsWith(".md"),
  );
  // The pictures of pages stay in the repository. The README needs its own.
  const pages = ["docs/images/overview.svg", ...documents.map((name) => `docs/${name}`)];
  const targets = Object.values(exports);
  const entries = targets.flatMap((target) => target.default ?? []).concat(Object.values(bin));
  const types = targets.flatMap((target) => target.types ?? []);
  return [
    ...["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", ...pages],
    ...["package.json", "mcp-auth.config.example.json", "schema/mcp-auth.schema.json"],
    ...man.map((path) => posix.normalize(path)),
    "dist/THIRD-PARTY-NOTICES",
    ...(await reachableModules(folder, [...new Set(entries)])),
    ...(await reachableDeclarations(folder, types)),
  ];
}

/** The modules that entry points import, also lazily. */
async function reachableModules(folder, entryPoints) {
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints,
    ...{ outdir: "unwritten", write: false, bundle: true, packages: "external", metafile: true },
    ...{ format: "esm", platform: "node", logLevel: "silent" },
  });
  return Object.keys(metafile.inputs);
}

async function reachableDeclarations(folder, entryPoints) {
  const reached = new Set();
  const reach = async (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const [, path] of (await read(folder, name)).matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g))
      await reach(posix.join(posix.dirname(name), `${path}.d.ts`));
  };
  for (const entry of entryPoints) await reach(posix.normalize(entry));
  return [...reached];
}

async function manifestHolds({ folder, files, manifest }, verdict) {
  const { exports, bin, scripts } = manifest;
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === "string" ? target : Object.values(target),
  );
  const absent = targets.filter((target) => !files.includes(posix.normalize(target)));
  verdict("every target of `exports` exists", targets.length > 10 && absent.length === 0, absent.join("\n"));
  const commands = [...new Set(Object.values(bin))];
  const unusable = await filter(commands, async (name) => {
    const { mode } = await stat(join(folder, name));
    return (mode & 0o111) !== 0o111 || !(await read(folder, name)).startsWith("#!/usr/bin/env ");
  });
  verdict(
    "its commands can be executed",
    commands.length === 1 && unusable.length === 0,
    unusable.join("\n"),
  );
  const atInstall = ["preinstall", "install", "postinstall", "prepare"].filter((name) => name in scripts);
  verdict("nothing of it runs when it is installed", atInstall.length === 0, atInstall.join("\n"));
}

async function brokenLinks(folder, files) {
  const pages = files.filter((name) => name.endsWith(".md"));
  const links = pages.map(async (page) => {
    const targets = [...(await read(folder, page)).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(
      ([, target]) => target,
    );
    const relative = targets.filter((target) => !/^[a-z]+:/.test(target));
    return relative
      .filter((target) => !files.includes(posix.join(posix.dirname(page), target)))
      .map((target) => `${page}: ${target}`);
  });
  return (await Promise.all(links)).flat();
}

async function filter(items, holds) {
  const answers = await Promise.all(items.map(holds));
  return items.filter((_, index) => answers[index]);
}

function read(folder, name) {
  return readFile(join(folder, name), "utf8");
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split("\\")
        .join("/"),
    );
}
