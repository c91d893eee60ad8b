// Prepares a release, as .github/workflows/release.yml does it:
//
//     node .ci/release/prepare.mjs FOLDER --tag v0.1.0 --repository https://github.com/OWNER/NAME
//
// Compares the tag with package.json and CHANGELOG.md, and writes into FOLDER what is published: package.tgz, which
// names the repository, a tarball for each of plugins/, sbom.cdx.json and notes.md. It publishes nothing.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { run } from "../../scripts/run.mjs";
import { createSbom, sbomProblems } from "./sbom.mjs";

const root = join(import.meta.dirname, "../..");
const options = { tag: { type: "string" }, repository: { type: "string" }, changelog: { type: "string" } };
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const [folder] = positionals;
const { tag, repository, changelog = join(root, "CHANGELOG.md") } = values;
const work = await mkdtemp(join(tmpdir(), "mcp-auth-release-"));
try {
  if (folder === undefined || tag === undefined || repository === undefined)
    throw new Error(
      "Usage: node .ci/release/prepare.mjs FOLDER --tag TAG --repository URL [--changelog FILE]",
    );
  await prepare(resolve(folder));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}

async function prepare(target) {
  if (/^v[\d.]+-/.test(tag))
    throw new Error(
      `${tag} is a prerelease, and only versions that npm installs by default are released here.`,
    );
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  if (tag !== `v${version}`) throw new Error(`The tag is ${tag}, and package.json has version ${version}.`);
  const notes = notesOf(await readFile(changelog, "utf8"), version);

  const unpacked = await unpack(await pack(root, []));
  const plugins = await preparePlugins(version);
  await nameRepository(unpacked);
  // Without scripts: it was built, and the sources are not here.
  const tarball = await pack(unpacked, ["--ignore-scripts"]);

  const sbom = await createSbom(root, unpacked);
  const problems = await sbomProblems(sbom);
  if (problems.length > 0) throw new Error(`The SBOM is not valid CycloneDX:\n${problems.join("\n")}`);
  await mkdir(target, { recursive: true });
  await copyFile(tarball, join(target, "package.tgz"));
  for (const [name, plugin] of plugins) await copyFile(plugin, join(target, `${name}.tgz`));
  await writeFile(join(target, "sbom.cdx.json"), sbom);
  await writeFile(join(target, "notes.md"), notes);
  console.log(`prepared ${tag} in ${target}`);
}

/** Returns the section of a version. Links in it lead to the pages as they are at the tag. */
function notesOf(text, version) {
  const sections = text.split(/^(?=## )/m);
  const section = sections.find((each) => each.startsWith(`## [${version}] - `));
  if (section === undefined || !/^## \[[^\]]+\] - \d{4}-\d{2}-\d{2}\n/.test(section))
    throw new Error(`CHANGELOG.md has no section "## [${version}] - YEAR-MONTH-DAY".`);
  const notes = section.slice(section.indexOf("\n")).trim();
  if (notes === "") throw new Error(`The section of ${version} in CHANGELOG.md is empty.`);
  return `${notes.replaceAll(/\]\((?![a-z]+:)/g, `](${repository}/blob/${tag}/`)}\n`;
}

/** Packs the plugins, which have the version of the package. Returns the paths of the tarballs by name. */
async function preparePlugins(version) {
  const plugins = [];
  for (const folder of (await readdir(join(root, "plugins"))).sort()) {
    const unpacked = await unpack(await pack(join(root, "plugins", folder), ["--ignore-scripts"]));
    const manifest = JSON.parse(await readFile(join(unpacked, "package.json"), "utf8"));
    if (manifest.version !== version)
      throw new Error(`plugins/${folder} has version ${manifest.version}, and package.json has ${version}.`);
    await nameRepository(unpacked, `plugins/${folder}`);
    plugins.push([manifest.name, await pack(unpacked, ["--ignore-scripts"])]);
  }
  return plugins;
}

/** Unpacks a tarball, and returns the folder of the package. */
async function unpack(tarball) {
  const folder = await mkdtemp(join(work, "unpacked-"));
  await execute("tar", ["-xzf", tarball, "-C", folder]);
  return join(folder, "package");
}

/** Packs a folder, and returns the path of the tarball. */
async function pack(source, args) {
  const destination = await mkdtemp(join(work, "packed-"));
  await execute("npm", ["pack", ...args, "--pack-destination", destination], source);
  const [name] = await readdir(destination);
  return join(destination, name);
}

/** The registry accepts a provenance only for the repository that package.json names. */
async function nameRepository(folder, directory) {
  const path = join(folder, "package.json");
  const manifest = JSON.parse(await readFile(path, "utf8"));
  const known = manifest.repository?.url;
  const url = `git+${repository}.git`;
  if (known !== undefined && known !== url)
    throw new Error(`package.json names the repository ${known}, and this is ${url}.`);
  Object.assign(manifest, {
    repository: { type: "git", url, ...(directory !== undefined && { directory }) },
    homepage: `${repository}#readme`,
    bugs: { url: `${repository}/issues` },
  });
  await writeFile(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

async function execute(command, args, cwd = work) {
  const { code, output } = await run(command, args, { cwd });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${output}`);
}
