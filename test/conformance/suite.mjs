// Runs the command of the conformance suite and reads its results. Its output is not printed unchanged, because it
// contains the private key and the secret that the suite generates for the client.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hangLimit } from "../support/hang-limit.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The Node for the suite, which needs `fs.globSync`. Node 20 does not have it. */
export const runnerNode = join(here, "node_modules/node/bin/node");

const commands = {
  "0.2.0-alpha.12": "node_modules/@modelcontextprotocol/conformance/dist/index.js",
  "0.1.16": "node_modules/conformance-0-1-16/dist/index.js",
};

/** Time limits in milliseconds for a client and for the suite, against hangs. */
const clientTimeout = hangLimit;
const suiteTimeout = 2 * hangLimit;

/** Throws with a remedy if the suite is not installed in the expected versions. */
export async function assertInstalled() {
  for (const [version, path] of Object.entries(commands)) {
    if (!existsSync(runnerNode) || !existsSync(join(here, path))) {
      throw new Error(`Run \`npm ci\` in ${here} first (install scripts on: one brings the runner's Node).`);
    }
    const { stdout } = await run([path, "--version"], process.env);
    if (stdout.trim() !== version) throw new Error(`Expected suite ${version}, found ${stdout.trim()}.`);
  }
}

/**
 * Runs a `scenario` or a whole `suite` of scenarios.
 *
 * @param {{ version: string, scenario?: string, suite?: string, wire?: string, issuerFrom: string,
 *   assertion?: string, stepUp?: string, dpop?: boolean,
 *   client: { node: string, file: string, version: string } }} options
 *
 * `wire`: the protocol revision; by default the suite chooses one. `assertion`: which of the workload's JWTs the client
 * uses. `stepUp`: scopes that the MCP server may request later. `dpop`: tokens must be bound.
 */
export async function runSuite({
  version,
  scenario,
  suite,
  wire,
  issuerFrom,
  assertion,
  stepUp,
  dpop,
  client,
}) {
  const out = await mkdtemp(join(tmpdir(), "mcp-auth-conformance-"));
  try {
    const received = join(out, "received.json");
    // Passed as an argument, because the client would inherit NODE_OPTIONS.
    const recorder = `${new URL("record-requests.mjs", import.meta.url)}?to=${encodeURIComponent(received)}`;
    const args = ["--import", recorder, commands[version], "client"];
    args.push("--timeout", `${clientTimeout}`, "-o", out);
    // Without --force, scenarios of extensions and of other revisions are skipped with exit code 0.
    if (wire !== undefined) args.push("--spec-version", wire);
    if (wire !== undefined && scenario !== undefined) args.push("--force");
    args.push(...(scenario === undefined ? ["--suite", suite] : ["--scenario", scenario]));
    // With `exec` the suite's timeout ends the client itself and not only a shell.
    args.push("--command", `exec ${quoted(client.node)} ${quoted(client.file)}`);
    const { NODE_OPTIONS: _, ...env } = process.env;
    const { code, stdout, stderr } = await run(args, {
      ...env,
      CONFORMANCE_CLIENT_NODE: client.version,
      CONFORMANCE_ISSUER_FROM: issuerFrom,
      ...(assertion !== undefined && { CONFORMANCE_ASSERTION: assertion }),
      ...(stepUp !== undefined && { CONFORMANCE_STEP_UP: stepUp }),
      ...(dpop === true && { CONFORMANCE_DPOP: "1" }),
    });
    const output = `${stdout}\n${stderr}`;
    const secrets = secretsIn(stderr);
    return {
      code,
      skipped: /SKIPPED/.test(output) || /, [1-9]\d* skipped/.test(stdout),
      counts: counts(output),
      // Printed only for a single scenario, and only if it failed.
      clientExit: Number(/^Client exited with code (-?\d+)$/m.exec(output)?.[1] ?? 0),
      scenarios: await readResults(out, secrets),
      context: contexts(stderr)[0] ?? {},
      received: existsSync(received) ? JSON.parse(await readFile(received, "utf8")) : undefined,
      said: redacted(output, secrets).trim().split("\n").slice(-25).join("\n"),
    };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

/** Parses `Passed: 8/8, 0 failed` in the output of a single scenario. */
function counts(output) {
  const match = /^Passed: (\d+)\/(\d+), (\d+) failed, (\d+) warnings/m.exec(output);
  if (match === null) return undefined;
  const [passed, of, failed, warnings] = match.slice(1).map(Number);
  return { passed, of, failed, warnings };
}

/** Reads the results of each scenario, by name. */
async function readResults(out, secrets) {
  const results = new Map();
  for (const entry of existsSync(join(out, "auth")) ? await readdir(join(out, "auth")) : []) {
    const read = (name) => readFile(join(out, "auth", entry, name), "utf8").catch(() => "");
    const [checks, stdout, stderr] = await Promise.all(["checks.json", "stdout.txt", "stderr.txt"].map(read));
    results.set(`auth/${entry.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "")}`, {
      checks: checks === "" ? [] : JSON.parse(checks),
      client: clientReport(stdout),
      said: redacted(stderr, secrets).trim().split("\n").slice(-8).join("\n"),
      leaked: secrets.some((secret) => stdout.includes(secret) || stderr.includes(secret)),
    });
  }
  return results;
}

/** Returns the report in the last line of the client under test. */
function clientReport(stdout) {
  const line = stdout.split("\n").find((text) => text.startsWith('{"conformanceClient":'));
  return line === undefined ? undefined : JSON.parse(line).conformanceClient;
}

/** Returns the credentials that the suite gave to the client, to check that the client does not print them. */
function secretsIn(stderr) {
  return contexts(stderr)
    .flatMap(({ client_secret: secret, private_key_pem: key, ...rest }) => {
      return [
        secret,
        ...[rest.idp_id_token, rest.valid_jwt, rest.wrong_audience_jwt, rest.expired_jwt],
        ...(key?.split("\n").filter((line) => line.length > 20 && !line.startsWith("--")) ?? []),
      ];
    })
    .filter((secret) => secret !== undefined);
}

/** Returns what the suite passed to the client, one entry per scenario that passes something. */
function contexts(stderr) {
  return [...stderr.matchAll(/^With context: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json));
}

/** Removes credentials, tokens and colors from output. */
function redacted(output, secrets) {
  let text = output
    .replace(/^With context: .*$/gm, "With context: <secret>")
    .replace(/-----BEGIN[\s\S]*?-----END[^-]*-----/g, "<secret>")
    .replace(/\b(cc|test)-token[\w-]*/g, "<token>")
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "<assertion>")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape codes of colors start with one.
    .replace(/\u001b\[\d+m/g, "");
  for (const secret of secrets) text = text.replaceAll(secret, "<secret>");
  return text;
}

function run(args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(runnerNode, args, { cwd: here, env, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), suiteTimeout);
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => {
        output[name] += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, ...output });
    });
  });
}

/** Quotes a word for the shell in which the suite starts the client. */
function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
