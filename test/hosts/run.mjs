// `npm run test:hosts [-- HOST…] [--latest] [--check]`: runs published hosts through the phases of phases.mjs, each in all
// of its ways. Without names it writes docs/hosts.md; with `--check` it compares the page instead. `--latest` takes the
// newest versions of the hosts, and writes nothing. The last line is `N passed, N failed`.
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inParallel, secondsSince } from "../../scripts/run.mjs";
import { hangLimit } from "../support/hang-limit.js";
import { lastLines } from "./child.mjs";
import { environment } from "./environment.mjs";
import {
  installedVersion,
  installHost,
  nodeForHosts,
  pack,
  typeMistakes,
  wrongVersions,
} from "./install.mjs";
import { startModel } from "./model.mjs";
import { page } from "./page.mjs";
import { sharedTokens } from "./phases.mjs";
import { startHost } from "./process.mjs";
import { startProxy } from "./proxy.mjs";
import { startServers } from "./servers-process.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const examples = join(root, "examples/hosts");
const pagePath = join(root, "docs/hosts.md");
const guard = pathToFileURL(join(here, "loopback-only.mjs")).href;
// While the authorization server is away, a way only waits.
const concurrentHosts = 3;
const concurrentWays = 4;
const started = performance.now();
const tally = { passed: 0, failed: 0 };

// Hosts lead process groups of their own, so an interrupt does not reach them.
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interrupted.abort());
setMaxListeners(0, interrupted.signal);

const args = process.argv.slice(2);
const takesLatest = args.includes("--latest");
const named = args.filter((arg) => !arg.startsWith("--"));
const known = await hostFolders();
const unknown = named.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown host: ${unknown.join(", ")}. Known hosts: ${known.join(", ")}.`);
  process.exit(2);
}

/** The rows of each host, in the order of its ways, and the ways that run when the others have ended. */
const rowsOf = new Map();
const aloneAtLast = [];
const workshop = await mkdtemp(join(tmpdir(), "hosts-"));
const model = await startModel();
try {
  const node = await nodeForHosts(workshop);
  console.log(`hosts on Node ${node.version}, servers on Node ${process.version}`);
  const tarball = await pack(root, workshop);
  const names = named.length === 0 ? known : named;
  await inParallel(names, concurrentHosts, (name) => testHost(name, node, tarball));
  for (const runWay of aloneAtLast) await runWay();
  if (named.length === 0 && !takesLatest) await writePage();
} catch (error) {
  verdict("the hosts can be installed", false, error.stack);
} finally {
  await model.close();
  await rm(workshop, { recursive: true, force: true });
}
console.log(secondsSince(started));
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;

/** Returns the names of the folders with a `host.mjs`. */
async function hostFolders() {
  const folders = (await readdir(here, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const files = await Promise.all(folders.map(({ name }) => readdir(join(here, name))));
  return folders
    .filter((_, index) => files[index].includes("host.mjs"))
    .map(({ name }) => name)
    .sort();
}

/** Installs a host, checks the types of its programs, and runs it in each of its ways. */
async function testHost(name, node, tarball) {
  const began = performance.now();
  const folder = join(workshop, name);
  const { host } = await import(pathToFileURL(join(here, name, "host.mjs")).href);
  try {
    const packed =
      host.plugin === undefined ? [] : [await pack(join(root, host.plugin), join(folder, "plugin"))];
    await installHost(join(here, name), folder, [tarball, ...packed], takesLatest);
    const wrong = takesLatest ? [] : await wrongVersions(folder);
    verdict(`${name}: the installed versions match its package.json`, wrong.length === 0, wrong.join("\n"));
    console.log(`      ${name}: installed in ${secondsSince(began)}`);
    await checkTypes(name, folder, host.moduleResolution);
  } catch (error) {
    verdict(`${name}: the host can be installed`, false, error.message);
    return;
  }
  const versions = await Promise.all(host.packages.map((each) => installedVersion(folder, each)));
  const version = [...new Set(versions)].join(", ");
  const rows = host.ways.map(({ way, variant, write }) => {
    const { title, page } = host;
    return { title, page, version, way: variant ? `${way}, ${variant}` : way, write, outcome: undefined };
  });
  rowsOf.set(name, rows);
  const run = async ([index, way]) => {
    const place = { packages: folder, folder: join(folder, "ways", String(index)), node };
    rows[index].outcome = await testWay(name, way, place);
  };
  const ways = [...host.ways.entries()];
  aloneAtLast.push(...ways.filter(([, way]) => way.retryIf).map((each) => () => run(each)));
  await inParallel(
    ways.filter(([, way]) => !way.retryIf),
    concurrentWays,
    run,
  );
  console.log(`      ${name}: ${secondsSince(began)}`);
}

async function checkTypes(name, packages, moduleResolution) {
  const folder = join(packages, "types");
  await copyPrograms(name, folder);
  const programs = (await readdir(folder)).filter((file) => file.endsWith(".ts"));
  if (programs.length === 0) return;
  const mistakes = await typeMistakes(root, folder, moduleResolution);
  verdict(`${name}: ${programs.join(" and ")} type-check in strict mode`, mistakes === "", mistakes);
}

/** Runs a host in one way, as often as it may be tried. Returns what the page says of it, `undefined` after a failure. */
async function testWay(name, way, { packages, folder, node }) {
  const title = `${name}, ${way.way}${way.variant ? ` (${way.variant})` : ""}`;
  for (let triesLeft = way.retryIf === undefined ? 0 : 2; ; triesLeft -= 1) {
    const verdicts = [];
    const note = (what, holds, explanation) => {
      verdicts.push([`${title}: ${what}`, holds, explanation]);
      return holds;
    };
    const place = { packages, folder: `${folder}-${triesLeft}`, node };
    const { outcome, printed } = await tryWay(name, way, place, note);
    const failed = verdicts.filter(([, holds]) => !holds);
    if (failed.length === 0 || triesLeft === 0 || !way.retryIf.test(printed)) {
      for (const each of verdicts) verdict(...each);
      return outcome;
    }
    console.log(`      ${title}: tried again, because of "${failed[0][0]}"`);
  }
}

/** Runs a host in one way, with its own servers. Returns what the page says of it, and what the host printed. */
async function tryWay(name, way, { packages, folder, node }, note) {
  const signal = AbortSignal.any([AbortSignal.timeout(hangLimit * 6), interrupted.signal]);
  setMaxListeners(0, signal);
  const secret = randomBytes(24).toString("base64url");
  const running = [];
  let hasFailed = false;
  let printed = () => "";
  try {
    await copyPrograms(name, folder);
    const servers = await startServers(secret, signal);
    running.push(servers);
    const { issuer, url } = servers.addresses;
    const env = await environment({
      folder,
      node: node.path,
      modelUrl: model.url,
      guard,
      url,
      issuer,
      secret,
    });
    const place = { folder, home: env.HOME, env, node: node.path, serverUrl: url, modelUrl: model.url };
    if (way.config !== undefined) await addToConfig(folder, way.config);
    if (way.startsSlow !== false) await servers.slow(true);
    if (way.startsProxy ?? way.way === "proxy") {
      place.proxy = await startProxy(node.path, packages, { cwd: folder, env: { ...env }, signal });
      running.push(place.proxy);
      env.PROXY_URL = place.proxy.url;
    }
    if (way.way === "register") env.NODE_OPTIONS += " --import=mcp-auth-runtime/register";
    Object.assign(env, way.env);
    await way.prepare?.(place);
    const host = startHost(node.path, way.program, { cwd: folder, env, signal });
    running.push(host);
    printed = () => `${host.printed()}\n${place.proxy?.printed() ?? ""}`;
    const phases = way.phases ?? sharedTokens;
    const outcome = await phases(
      host,
      servers,
      (what, holds, explanation) => {
        hasFailed ||= !holds;
        return note(what, holds, explanation);
      },
      way,
    );
    return { outcome, printed: printed() };
  } catch (error) {
    hasFailed = true;
    note("the host completes all phases", false, error.stack);
    return { outcome: undefined, printed: `${printed()}\n${error.stack}` };
  } finally {
    if (hasFailed) console.log(`      ${name}, ${way.way} printed:\n${lastLines(printed())}`);
    for (const each of running.reverse()) await each.stop();
  }
}

/** Copies the programs and settings of the example and of the test, without what is installed. */
async function copyPrograms(name, folder) {
  await mkdir(folder, { recursive: true });
  const left = new Set(["node_modules", "package.json", "package-lock.json", "host.mjs", ".npmrc"]);
  for (const source of [join(examples, name), join(here, name)]) {
    const names = await readdir(source).catch(() => []);
    for (const file of names)
      if (!left.has(file)) await cp(join(source, file), join(folder, file), { recursive: true });
  }
  // Without it, Node would warn that it has to guess what the programs are.
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
}

async function addToConfig(folder, members) {
  const path = join(folder, "mcp-auth.config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...config, ...members }));
}

/** Writes the page, or with `--check` compares it. */
async function writePage() {
  const text = page([...rowsOf.values()].flat());
  if (tally.failed > 0) {
    console.log("docs/hosts.md stays as it is, because of the failures above");
  } else if (args.includes("--check")) {
    const current = await readFile(pagePath, "utf8").catch(() => "");
    const missing = text.split("\n").filter((line) => !current.split("\n").includes(line));
    verdict("docs/hosts.md has these results", text === current, missing.join("\n"));
  } else {
    await writeFile(pagePath, text);
    console.log("wrote docs/hosts.md");
  }
}

function verdict(title, holds, explanation = "") {
  tally[holds ? "passed" : "failed"] += 1;
  console.log(`${holds ? "ok  " : "FAIL"}  ${title}`);
  if (!holds) printIndented(explanation);
  return holds;
}

function printIndented(text) {
  if (text.trim() !== "") console.log(text.trimEnd().replace(/^/gm, "      | "));
}
