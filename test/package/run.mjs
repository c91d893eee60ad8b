// `npm run test:package`: installs the packed tarball into an empty project, and uses it as a new user does.
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, secondsSince } from "../../scripts/run.mjs";
import { endRecords, recordingEnvironment, startRecords } from "../support/tls-recorder/records.js";
import { testBundles } from "./bundles.mjs";
import { hasExpectedContents, weighsLittle } from "./contents.mjs";
import { loadsModules } from "./modules.mjs";
import { refusesOldNode } from "./old-node.mjs";
import { followReadme } from "./readme.mjs";
import { testExamples } from "./testing.mjs";
import { verifiesServers } from "./tls.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const started = performance.now();
const tally = { passed: 0, failed: 0 };

// All child processes except npm record their TLS connections.
const records = await startRecords();
Object.assign(process.env, recordingEnvironment(records));
const workshop = await mkdtemp(join(tmpdir(), "package-test-"));
try {
  await testPackage();
} finally {
  await rm(workshop, { recursive: true, force: true });
  const { opened, verified, problems } = await endRecords(records);
  const isComplete = opened > 0 && verified > 0 && problems.length === 0;
  verdict(
    "the package verifies the server of each TLS connection",
    isComplete,
    `${opened} opened\n${problems.join("\n")}`,
  );
}
console.log(secondsSince(started));
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;

async function testPackage() {
  const packed = await run("npm", ["pack", "--pack-destination", workshop], { cwd: root });
  const tarball = (await readdir(workshop)).find((name) => name.endsWith(".tgz"));
  if (
    !verdict(
      "the package can be packed after a build",
      packed.code === 0 && tarball !== undefined,
      packed.output,
    )
  )
    return;

  const project = join(workshop, "project");
  await emptyProject(project);
  const installed = await run("npm", ["install", join(workshop, tarball)], { cwd: project });
  if (!verdict("the package can be installed into an empty project", installed.code === 0, installed.output))
    return;

  await weighsLittle(join(project, "node_modules"), verdict);
  await hasExpectedContents({ root, folder: join(project, "node_modules/mcp-auth-runtime") }, verdict);
  await loadsModules(join(project, "node_modules/mcp-auth-runtime"), verdict);
  await refusesOldNode({ workshop, folder: join(project, "node_modules/mcp-auth-runtime") }, verdict);
  await programs(project);
  await commands(project);
  await verifiesServers({ root, project }, verdict);
  await typeScript(join(workshop, tarball));
  await followReadme({ root, folder: join(workshop, "readme"), tarball: join(workshop, tarball) }, verdict);
  await testExamples({ root, folder: join(workshop, "testing"), tarball: join(workshop, tarball) }, verdict);
  await testBundles({ root, folder: join(workshop, "bundles"), tarball: join(workshop, tarball) }, verdict);
}

async function programs(project) {
  for (const [name, title] of [
    ["esm.mjs", "the package can be imported"],
    ["require.cjs", "the package can be loaded with require"],
  ]) {
    await cp(join(here, "consumer", name), join(project, name));
    const { code, output } = await run(process.execPath, [name], { cwd: project });
    verdict(title, code === 0 && output.includes(": done"), output);
  }
}

async function commands(project) {
  const client = { issuer: "https://auth.example", id: "crm-agent", secret: { env: "CRM_SECRET" } };
  const url = "https://crm.example/mcp";
  const fixed = { type: "static", token: { env: "FIXED_TOKEN" } };
  const good = { servers: { crm: { url, grant: { client } }, fixed: { url, grant: fixed } } };
  await mkdir(join(project, "good"), { recursive: true });
  await mkdir(join(project, "bad"), { recursive: true });
  await writeFile(join(project, "good/mcp-auth.config.json"), JSON.stringify(good));
  const bad = { servers: { crm: { ...good.servers.crm, ulr: "https://crm.example/mcp" } } };
  await writeFile(join(project, "bad/mcp-auth.config.json"), JSON.stringify(bad));

  for (const name of ["mcp-auth-runtime", "mcp-auth"]) {
    const command = (folder, ...args) =>
      run(join(project, "node_modules/.bin", name), args, { cwd: join(project, folder) });
    const cases = [
      ["prints its usage", "good", ["--help"], 0, "validate"],
      ["accepts a valid config", "good", ["validate"], 0, ""],
      ["reports the mistake in an invalid config", "bad", ["validate"], 2, "ulr"],
      ["rejects an unknown command", "good", ["valdate"], 2, "valdate"],
      // Node has an option with the same name, which would apply NODE_OPTIONS of that file.
      ["reads --env-file itself", "good", ["token", "fixed", "--env-file", "nope.env"], 2, "nope.env"],
      ["names a missing secret", "good", ["token", "fixed"], 2, "FIXED_TOKEN"],
    ];
    for (const [title, folder, args, expected, mentioned] of cases) {
      const { code, output } = await command(folder, ...args);
      verdict(
        `${name} ${title}`,
        code === expected && output.includes(mentioned),
        `exit code ${code}\n${output}`,
      );
    }
  }
}

/**
 * Type-checks with each TypeScript version: with its `--init` defaults, which include the DOM library, and no
 * `@types/node`; and for Node, with `@types/node` and without the DOM library.
 */
async function typeScript(tarball) {
  const project = join(workshop, "typescript");
  await emptyProject(project);
  const versions = { 5.9: "typescript-5", 7: "typescript-7" };
  const aliases = Object.entries(versions).map(([version, alias]) => `${alias}@npm:typescript@${version}`);
  const { code, output } = await run("npm", ["install", tarball, ...aliases], { cwd: project });
  if (!verdict("the package can be installed with TypeScript 5.9 and 7", code === 0, output)) return;

  const installed = await readdir(join(project, "node_modules"));
  verdict("no types of Node are installed with the package", !installed.includes("@types"), installed.join());
  await typesCompile(project, versions, "without @types/node", {});
  const types = await run("npm", ["install", "@types/node@20"], { cwd: project });
  if (!verdict("the types of Node can be installed", types.code === 0, types.output)) return;
  await typesCompile(project, versions, "with @types/node", { types: ["node"] });
  await typesCompile(project, versions, "for Node", { types: ["node"], lib: ["es2023"] });
}

async function typesCompile(project, versions, how, options) {
  for (const [version, alias] of Object.entries(versions)) {
    const tsc = join(project, "node_modules", alias, "bin/tsc");
    const folder = join(project, `${alias} ${how}`.replaceAll(/\W+/g, "-"));
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
    await cp(join(here, "consumer/types.ts"), join(folder, "types.ts"));
    const init = await run(process.execPath, [tsc, "--init"], { cwd: folder });
    const overrides = { noEmit: true, skipLibCheck: false, ...options };
    await writeFile(
      join(folder, "tsconfig.test.json"),
      JSON.stringify({ extends: "./tsconfig.json", compilerOptions: overrides }),
    );
    const compiled = await run(process.execPath, [tsc, "-p", "tsconfig.test.json"], { cwd: folder });
    const reported = await run(process.execPath, [tsc, "--version"], { cwd: folder });
    verdict(
      `the types compile with TypeScript ${version}, ${how}`,
      init.code === 0 && compiled.code === 0 && reported.stdout.includes(`Version ${version}.`),
      `${reported.output}${init.code === 0 ? "" : init.output}${compiled.output}`,
    );
  }
}

async function emptyProject(folder) {
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
}

function verdict(title, holds, explanation = "") {
  tally[holds ? "passed" : "failed"] += 1;
  console.log(`${holds ? "ok  " : "FAIL"}  ${title}`);
  if (!holds && explanation.trim() !== "") console.log(explanation.trimEnd().replace(/^/gm, "      | "));
  return holds;
}
