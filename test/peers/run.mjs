// `npm run test:peers [-- --check]`: the tests of this folder against the naive manager (`test/naive.ts`), where each must
// fail, and by an assertion. Prints what it did, writes docs/peers.md (with `--check` compares), and ends with
// `N passed, N failed`.
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
  "wire.test.ts": "The wire",
};

async function run(subject) {
  const folder = await mkdtemp(join(tmpdir(), "peers-"));
  const output = join(folder, "results.json");
  try {
    const args = [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--project",
      "peers",
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
        said: (failureMessages[0] ?? "").split("\n")[0],
      })),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [naive, ours] = [await run("naive"), await run("ours")];
const results = naive.map((test) => {
  const fails = test.status === "failed" && test.said.startsWith("AssertionError");
  const passes = ours.some(({ title, status }) => title === test.title && status === "passed");
  return { ...test, ok: fails && passes };
});
for (const { ok, title, said } of results) console.log(`${ok ? "ok  " : "FAIL"} ${title}\n       ${said}`);

const text = pageOf(results);
const isCurrent = !check || (await readFile(page, "utf8").catch(() => "")) === text;
if (!check) await writeFile(page, text);
if (!isCurrent) console.log("FAIL docs/peers.md is not what these tests say: npm run test:peers");
const passed = results.filter(({ ok }) => ok).length + (isCurrent ? 1 : 0);
// Fewer than there were when this was written: some were not found.
const enough = results.length >= 37;
if (!enough) console.log("FAIL there are fewer tests than there were");
console.log(`${passed} passed, ${results.length + 1 - passed + (enough ? 0 : 1)} failed`);
process.exitCode = passed === results.length + 1 && enough ? 0 : 1;

function pageOf(tests) {
  const tables = Object.values(titles).map((group) => {
    const rows = tests.filter((test) => test.group === group).map(({ title }) => rowOf(title));
    return `## ${group}\n\n| What ought to hold | Where it was seen not to |\n| --- | --- |\n${rows.join("\n")}\n`;
  });
  return `# What goes wrong elsewhere

Written by \`npm run test:peers\`. Token managers that many people use, and clients that they are part of, have had these
faults; most of them are reported in public, under the numbers given, and may be mended by now. Each is a test in
\`test/peers\` that this package passes. The same tests are run against a naive manager (\`test/naive.ts\`: a token that is
kept until the server answers 401), where each must fail: so they do tell one from the other.

What belongs to stores that processes share is not among them.

${tables.join("\n")}`;
}

/** A title ends with the places in parentheses. */
function rowOf(title) {
  const [, claim, places] = /^(.*) \((.*)\)$/.exec(title) ?? [undefined, title, ""];
  return `| ${claim} | ${places} |`;
}
