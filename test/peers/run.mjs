// `npm run test:peers [-- --check]`: runs the tests of this folder against this package, where each must pass, and
// against the naive manager (`naive-manager.ts`), where each must fail with an assertion error. Prints the results and
// writes docs/peers.md; with `--check` it compares the page instead. The last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = join(root, "docs/peers.md");
const check = process.argv.includes("--check");

const titles = {
  "renewal.test.ts": "Renewal",
  "failures.test.ts": "Failures",
  "wire.test.ts": "Requests",
};

/** The repositories on GitHub of the names in the titles of the tests. */
const repositories = {
  "DuendeArchive/Support": "DuendeArchive/Support",
  "Duende foss": "DuendeSoftware/foss",
  Envoy: "envoyproxy/envoy",
  "MCP python-sdk": "modelcontextprotocol/python-sdk",
  Spring: "spring-projects/spring-security",
  "azure-sdk-for-rust": "Azure/azure-sdk-for-rust",
  camunda: "camunda/camunda",
  "camunda docs": "camunda/camunda-docs",
  "esp-v2": "GoogleCloudPlatform/esp-v2",
  "golang/oauth2": "golang/oauth2",
  "google-cloud-rust": "googleapis/google-cloud-rust",
  gravitino: "apache/gravitino",
  keycloak: "keycloak/keycloak",
  kubernetes: "kubernetes/kubernetes",
  librefang: "librefang/librefang",
  "openfga java-sdk": "openfga/java-sdk",
};

async function run(subject) {
  const folder = await mkdtemp(join(tmpdir(), "peers-"));
  const output = join(folder, "results.json");
  try {
    const args = [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--project",
      "unit",
      "test/peers/",
      "--reporter=json",
      `--outputFile=${output}`,
    ];
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, MCP_AUTH_PEERS_SUBJECT: subject },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await new Promise((resolve) => child.on("exit", resolve));
    const { testResults } = JSON.parse(await readFile(output, "utf8"));
    return testResults.flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ title, status, failureMessages }) => ({
        group: titles[basename(name)] ?? basename(name),
        title,
        status,
        failure: (failureMessages[0] ?? "").split("\n")[0],
      })),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [naive, ours] = [await run("naive"), await run("ours")];
const results = naive.map((test) => {
  const fails = test.status === "failed" && test.failure.startsWith("AssertionError");
  const passes = ours.some(({ title, status }) => title === test.title && status === "passed");
  return { ...test, ok: fails && passes };
});
for (const { ok, title, failure } of results)
  console.log(`${ok ? "ok  " : "FAIL"} ${title}\n       ${failure}`);

const text = pageOf(results);
const isCurrent = !check || (await readFile(page, "utf8").catch(() => "")) === text;
if (!check) await writeFile(page, text);
if (!isCurrent) console.log("FAIL docs/peers.md is out of date: run npm run test:peers");
const passed = results.filter(({ ok }) => ok).length + (isCurrent ? 1 : 0);
// A lower number means that some tests were not found.
const minimum = 37;
const enough = results.length >= minimum;
if (!enough) console.log(`FAIL ${results.length} tests were found instead of at least ${minimum}`);
console.log(`${passed} passed, ${results.length + 1 - passed + (enough ? 0 : 1)} failed`);
process.exitCode = passed === results.length + 1 && enough ? 0 : 1;

function pageOf(tests) {
  const tables = Object.values(titles).map((group) => {
    const rows = tests.filter((test) => test.group === group).map(({ title }) => rowOf(title));
    return `## ${group}\n\n| expected behavior | where it was found to be broken |\n| --- | --- |\n${rows.join("\n")}\n`;
  });
  return `# Compare with known faults of other token managers

Widely used token managers, and clients that contain one, have had these faults. Each fault is a test in \`test/peers\`,
and this package passes all of them. To show that the tests detect the faults, they also run against a naive manager
(\`test/peers/naive-manager.ts\`), which keeps a token until the server answers 401. There each test must fail.
\`npm run test:peers\` runs both and writes this page, and CI runs it for each change.

A link leads to the public issue or pull request; the fault may have been fixed since. The other faults were read in the
code, or measured with the versions of November 2026. Faults of stores that several processes share are not included.
[Alternatives](comparison.md) compares what some of these projects can do.

${tables.join("\n")}`;
}

/** A title ends with the sources in parentheses. */
function rowOf(title) {
  const [, claim, sources] = /^(.*) \((.*)\)$/.exec(title) ?? [undefined, title, ""];
  return `| ${claim} | ${sources.split("; ").map(linked).join("; ")} |`;
}

/** Links the issues and pull requests of a source such as `Spring #11461, #14123`. */
function linked(source) {
  const [, name] = /^(.*?) (?:#|PR )\d/.exec(source) ?? [];
  if (name === undefined) return source;
  const repository = repositories[name];
  if (repository === undefined)
    throw new Error(`The repository of "${name}" is not in the list of test/peers/run.mjs.`);
  return source.replace(/(?:[^,]* )?(#|PR )(\d+)/g, (text, kind, number) => {
    const leading = text.startsWith(" ") ? " " : "";
    const path = `${repository}/${kind === "#" ? "issues" : "pull"}/${number}`;
    return `${leading}[${text.trim()}](https://github.com/${path})`;
  });
}
