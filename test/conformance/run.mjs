// Runs the MCP conformance suite against the built package: `npm test` here, or `npm run test:conformance` in the root.
//
//   node run.mjs [--client-node PATH] [--client FILE]
//
// --client-node  the Node for the client under test. The default is the Node that runs npm, or that runs this,
//                because npm puts the newer Node of the suite first in the PATH
// --client       another client, to see the run fail
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkSuiteTraffic } from "./check-suite-traffic.mjs";
import { assertInstalled, runnerNode, runSuite } from "./suite.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");

const { values: options } = parseArgs({
  options: { "client-node": { type: "string" }, client: { type: "string" } },
});

const started = performance.now();
await assertInstalled();
if (options.client === undefined) buildWhenStale();
const client = clientUnderTest();
console.log(`client on Node ${client.version}, runner on Node ${versionOf(runnerNode)}\n`);

const expected = readJson("expected.json");
const rows = await inParallel([
  ...expected.single.map((record) => () => runSingle(record)),
  ...expected.suite.map((record) => () => runWholeSuite(record)),
]);
report(rows.flat());

/** Runs one scenario alone, and checks the exit code of the client. */
async function runSingle(record) {
  const { version, scenario, wire, passed, issuerFrom = "discover", assertion, stepUp, unmet = {} } = record;
  const result = await runSuite({ ...record, issuerFrom, client });
  const recorded = result.scenarios.get(scenario);
  const { failures, asserted } = judge(recorded, record, result);
  const { counts } = result;
  const missing = Object.keys(unmet).length;
  if (result.skipped) failures.push("the suite skipped the scenario");
  if ((result.code === 0) !== (missing === 0)) failures.push(`the suite ended with exit code ${result.code}`);
  failures.push(...differences(recorded?.checks ?? [], new Set(Object.keys(unmet)), "on record"));
  if (result.clientExit !== exitCodeOf(record.client))
    failures.push(`the client ended with exit code ${result.clientExit}`);
  if (counts === undefined) failures.push("the suite printed no `Passed: n/n`");
  else if (counts.of - counts.passed !== missing || counts.warnings > 0)
    failures.push("not all checks passed");
  else if (counts.passed < passed) failures.push(`${counts.passed} checks passed instead of ${passed}`);
  return [
    {
      name: `${version}  ${wire ?? "default wire"}  ${scenario}${issuerFrom === "discover" ? "" : ", not asking discover"}${assertion === undefined ? "" : `, ${assertion}`}${stepUp === undefined ? "" : `, stepUp ${stepUp}`}`,
      checks: `${counts?.passed ?? 0}/${counts?.of ?? 0}`,
      asserted,
      failures,
      said: recorded?.said || result.said,
    },
  ];
}

/** Returns 3 for an error of this package, and 1 for an error of the SDK, such as a refusal of the server. */
function exitCodeOf(outcome) {
  if (outcome === "called") return 0;
  return /^[a-z_]+$/.test(outcome) ? 3 : 1;
}

/** Runs all scenarios of a suite with one protocol revision, and compares each check with its baseline. */
async function runWholeSuite(record) {
  const { version, suite, wire } = record;
  const result = await runSuite({ version, suite, wire, issuerFrom: "discover", client });
  const baseline = readJson(`baseline-${wire}.json`).checks;
  const rows = Object.entries(record.scenarios).map(([scenario, expectation]) => {
    const recorded = result.scenarios.get(scenario);
    const { failures, asserted } = judge(recorded, expectation);
    const checks = recorded?.checks ?? [];
    const passes = checks.filter(({ status }) => status === "SUCCESS").length;
    if (passes < expectation.passed)
      failures.push(`${passes} checks passed instead of ${expectation.passed}`);
    const allowed = new Set(
      baseline.filter((entry) => entry.scenario === scenario).map(({ check }) => check),
    );
    failures.push(...differences(checks, allowed, "in the baseline"));
    const total = passes + checks.filter(isFailure).length;
    return {
      name: `${version}  ${wire}  ${scenario} (of suite ${suite})`,
      checks: `${passes}/${total}`,
      asserted,
      failures,
      said: recorded?.said || result.said,
    };
  });
  rows.push(judgeWholeSuite(record, result, baseline));
  return rows;
}

/** Checks that the suite ran exactly the recorded scenarios, and that the baseline has no other ones. */
function judgeWholeSuite({ version, suite, wire, scenarios }, result, baseline) {
  const failures = [];
  if (result.skipped) failures.push("the suite skipped scenarios");
  for (const name of result.scenarios.keys())
    if (!(name in scenarios)) failures.push(`${name} is not in expected.json`);
  for (const { scenario, check, reason } of baseline) {
    if (!(scenario in scenarios)) failures.push(`the baseline has an unknown ${scenario}`);
    if (!reason) failures.push(`the baseline gives no reason for ${scenario} ${check}`);
  }
  const all = [...result.scenarios.values()].flatMap(({ checks }) => checks);
  const passes = all.filter(({ status }) => status === "SUCCESS").length;
  const onRecord = Object.values(scenarios).reduce((sum, { passed }) => sum + passed, 0);
  if (passes < onRecord) failures.push(`${passes} checks passed, on record are ${onRecord}`);
  return {
    name: `${version}  ${wire}  suite ${suite}: ${result.scenarios.size} scenarios, ${baseline.length} in the baseline`,
    checks: `${passes}/${passes + all.filter(isFailure).length}`,
    asserted: 0,
    failures,
    said: result.said,
  };
}

/**
 * What holds for every scenario, however it is run: the client's report, its Node, and its requests. What was received
 * is that of one scenario only when it was run by itself, which `run` is for.
 */
function judge(recorded, record, run) {
  const {
    client: outcome,
    tokenRequests = 1,
    issuerFrom = "discover",
    grant = "client_credentials",
  } = record;
  const { assertion, dpop = false, nonces = false } = record;
  if (recorded === undefined) return { failures: ["nothing was recorded"], asserted: 0 };
  const failures = [];
  const { client: report, leaked } = recorded;
  if (report?.node !== client.version) failures.push(`the client reports Node ${report?.node}`);
  if (report?.outcome !== outcome)
    failures.push(`the client ended with ${report?.outcome}, expected ${outcome}`);
  if (leaked) failures.push("the client printed its credential");
  // `discover` makes one request without a token, to be challenged.
  const unauthorized = (issuerFrom === "discover" ? 1 : 0) + (nonces ? 1 : 0);
  const wanted = { outcome, tokenRequests, unauthorized, grant, assertion, dpop, nonces };
  const requests = checkSuiteTraffic(recorded.checks, wanted, run);
  return { failures: [...failures, ...requests.failures], asserted: requests.asserted + 3 };
}

/** Returns the checks that fail unexpectedly, and those that pass unexpectedly. */
function differences(checks, allowed, where) {
  const failing = new Set(checks.filter(isFailure).map(({ id }) => id));
  return [
    ...[...failing]
      .filter((check) => !allowed.has(check))
      .map((check) => `${check} fails and is not ${where}`),
    ...[...allowed]
      .filter((check) => !failing.has(check))
      .map((check) => `${check} is ${where} and does not fail`),
  ];
}

function isFailure({ status }) {
  return status === "FAILURE" || status === "WARNING";
}

function report(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, checks, asserted, failures, said } of rows) {
    const verdict = failures.length === 0 ? "ok  " : "FAIL";
    console.log(
      `${verdict}  ${name.padEnd(width)}  ${checks.padStart(6)} checks  ${`${asserted}`.padStart(2)} of ours`,
    );
    for (const failure of failures) console.log(`      ${failure}`);
    if (failures.length > 0) console.log(said.replace(/^/gm, "      | "));
  }
  const failed = rows.filter(({ failures }) => failures.length > 0).length;
  console.log(`\n${((performance.now() - started) / 1_000).toFixed(1)} s`);
  console.log(`${rows.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function clientUnderTest() {
  const node = options["client-node"] ?? process.env.npm_node_execpath ?? process.execPath;
  return {
    node: resolve(node),
    file: resolve(options.client ?? join(here, "client.mjs")),
    version: versionOf(node),
  };
}

function versionOf(node) {
  return execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
}

/** Builds the package if the sources have changed, because the client imports `dist`. */
function buildWhenStale() {
  execFileSync(process.execPath, [join(root, "scripts/build.mjs"), "--if-stale"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function readJson(name) {
  return JSON.parse(readFileSync(join(here, name), "utf8"));
}

/** Runs the jobs with as many workers as processors, at most four. Returns the results in the order of the jobs. */
async function inParallel(jobs) {
  const results = [];
  const queue = jobs.entries();
  const worker = async () => {
    for (const [index, job] of queue) results[index] = await job();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker));
  return results;
}
