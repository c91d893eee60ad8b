// Audits what the package brings to its users: `node .ci/release/audit.mjs SBOM`. `npm audit --omit dev` would leave out
// what is built into dist, because those packages are development dependencies.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../scripts/run.mjs";
import { nameOf } from "./sbom.mjs";

/**
 * Returns package.json and package-lock.json of a project that has the components of an SBOM and nothing else, in
 * the versions and with the hashes of a lock file.
 */
export function auditedProject(sbom, lock) {
  const locked = new Map(
    Object.entries(lock.packages).map(([path, { version, integrity }]) => [
      `${path.split("node_modules/").at(-1)}@${version}`,
      { version, integrity },
    ]),
  );
  const dependencies = {};
  const packages = {};
  for (const component of sbom.components) {
    const [, name] = /^(.+)@/.exec(nameOf(component));
    const entry = locked.get(nameOf(component));
    if (entry?.integrity === undefined) throw new Error(`The lock file does not have ${nameOf(component)}.`);
    if (name in dependencies) throw new Error(`The SBOM has two versions of ${name}: audit both.`);
    dependencies[name] = entry.version;
    packages[`node_modules/${name}`] = entry;
  }
  if (sbom.components.length === 0) throw new Error("The SBOM lists no packages.");
  const manifest = { name: "audited", version: "0.0.0", private: true, dependencies };
  return {
    "package.json": manifest,
    "package-lock.json": { lockfileVersion: 3, requires: true, packages: { "": manifest, ...packages } },
  };
}

/** Asks the registry for known vulnerabilities of a project. `env` may name another registry. */
export async function vulnerabilities(project, env = {}) {
  return await inFolder(project, [["audit", "--package-lock-only", "--audit-level=moderate"]], env);
}

/** Compares what the registry sends with the hashes of the lock file, and verifies the signatures of the registry. */
async function signatures(project) {
  return await inFolder(project, [
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    ["audit", "signatures"],
  ]);
}

async function inFolder(project, commands, env) {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-audit-"));
  try {
    for (const [name, content] of Object.entries(project))
      await writeFile(join(folder, name), JSON.stringify(content));
    let said = "";
    for (const args of commands) {
      const { code, output } = await run("npm", args, { cwd: folder, env });
      said += output;
      if (code !== 0) return { code, output: said };
    }
    return { code: 0, output: said };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const sbom = JSON.parse(await readFile(process.argv[2], "utf8"));
  const lock = JSON.parse(await readFile(join(import.meta.dirname, "../../package-lock.json"), "utf8"));
  const project = auditedProject(sbom, lock);
  console.log(`Auditing ${sbom.components.map(nameOf).join(", ")}`);
  for (const audit of [vulnerabilities, signatures]) {
    const { code, output } = await audit(project);
    console.log(output);
    if (code !== 0) process.exitCode = 1;
  }
}
