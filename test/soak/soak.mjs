// One run of the soak test: node --expose-gc test/soak/soak.mjs SECONDS SEED
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createMcpAuth } from "../../dist/index.js";
import { newCredential, registration, startChaos } from "./chaos.mjs";
import { createOracle } from "./oracle.mjs";
import { createDice } from "./random.mjs";

const [seconds, seed] = process.argv.slice(2).map(Number);
const managers = 200;
const issuers = 8;
const callers = 60;
const dice = createDice(seed);
const rejections = [];
process.on("unhandledRejection", (reason) => rejections.push(reason));
console.log(
  `${managers} managers, ${issuers} authorization servers, ${callers} callers, ${seconds} s, seed ${seed}`,
);

const folder = await mkdtemp(join(tmpdir(), "soak-"));
const servers = fork(
  fileURLToPath(new URL("servers.mjs", import.meta.url)),
  [String(issuers), String(seed)],
  {
    execArgv: [],
  },
);
const [{ ports, mcp }] = await once(servers, "message");
const send = (message) => servers.send(message);
const count = async () => {
  send({ counts: true });
  const [{ counts }] = await once(servers, "message");
  return counts;
};

// Each server has its own client. Half of the clients have a key.
const names = Array.from({ length: managers }, (_, index) => `s${index}`);
const clients = names.map((name, index) => ({
  id: `client-${name}`,
  kind: index % 2 === 0 ? "secret" : "key",
  issuer: `http://127.0.0.1:${ports[index % issuers]}`,
}));
for (const client of clients) {
  const credential = newCredential(client.kind);
  send(registration(client.id, credential));
  await writeFile(join(folder, client.id), credential.text);
}
const config = {
  defaults: { timeout: "1s", deadline: "3s", retry: { attempts: 3, min: "50ms", max: "500ms" } },
  servers: Object.fromEntries(
    clients.map(({ id, kind, issuer }, index) => {
      const reference = { file: join(folder, id) };
      const credential = kind === "secret" ? { secret: reference } : { key: { privateKey: reference } };
      const url = `http://127.0.0.1:${mcp}/${names[index]}`;
      return [names[index], { url, grant: { client: { issuer, id, ...credential } } }];
    }),
  ),
};

const oracle = createOracle();
const auth = await createMcpAuth({ config, fetch: oracle.watch((input, init) => fetch(input, init)) });
await auth.start();
const chaos = startChaos({ clients, issuers, folder, send, dice });

const calls = { made: 0, failed: 0, avoidable: 0, expired: 0, expiring: 0 };
// In an outage, tokens are handed out until their last millisecond, which may pass before this test looks at them. It
// counts a token as expired only if it had expired before the call. Unit tests with a fake clock check that none is
// handed out later.
const codes = new Map();
const countCode = (code) => codes.set(code, (codes.get(code) ?? 0) + 1);
const end = Date.now() + seconds * 1_000;

async function call(name) {
  const manager = auth.resolve(name);
  const latest = oracle.latest(name);
  const wasUsable = oracle.isUsable(latest, Date.now());
  calls.made += 1;
  try {
    if (dice.chance(0.5)) {
      const calledAt = Date.now();
      const token = await manager.getAccessToken();
      if (oracle.expiredFor(name, token, calledAt) >= 0) calls.expired += 1;
      else if (oracle.expiredFor(name, token, Date.now()) >= 0) calls.expiring += 1;
    } else {
      const response = await manager.fetch(manager.url, { method: "POST", body: "{}" });
      await response.arrayBuffer();
      if (!response.ok) throw Object.assign(new Error("refused"), { code: `HTTP ${response.status}` });
    }
  } catch (error) {
    calls.failed += 1;
    countCode(error?.code ?? error?.name ?? "unknown");
    // If the token was refused during the call, the failure was not avoidable.
    if (wasUsable && oracle.isUsable(latest, Date.now())) {
      calls.avoidable += 1;
      countCode(`avoidable: ${error?.code ?? error}`);
    }
  }
}

let untilResumed = Promise.resolve();
async function caller() {
  while (Date.now() < end) {
    await untilResumed;
    await call(dice.oneOf(names));
    await pass(dice.between(0, 40));
  }
}

/**
 * Measures the heap while nothing is in progress and each manager has a token, so that an outage or a burst of calls
 * does not count as growth. Returns the lowest of several samples, so that uncollected garbage does not count either.
 */
async function measureHeap() {
  const resumeChaos = chaos.pause();
  let resumeCallers;
  untilResumed = new Promise((resolve) => {
    resumeCallers = resolve;
  });
  await pass(1_000);
  await Promise.all(names.map(renew));
  let least = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < 10; sample += 1) {
    await pass(100);
    globalThis.gc();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  resumeCallers();
  resumeChaos();
  return least;
}

/** Renews a token. On a busy machine a request may take longer than its timeout of a second; then it is repeated. */
async function renew(name) {
  const isDone = await auth
    .resolve(name)
    .getAccessToken({ forceRefresh: true })
    .then(
      () => true,
      () => false,
    );
  if (isDone) return;
  await pass(200);
  await renew(name);
}

const work = Array.from({ length: callers }, () => caller());
await pass(seconds * 250 - 3_000);
const early = await measureHeap();
await pass(Math.max(end - Date.now() - 3_000, 0));
let late = await measureHeap();
// Measuring again does not hide a leak: leaked memory stays.
for (let again = 0; again < 3 && hasGrown(); again += 1) late = Math.min(late, await measureHeap());
await Promise.all(work);
await chaos.end();
const counts = await count();
await auth.stop();
send({ end: true });
await once(servers, "exit");
await rm(folder, { recursive: true, force: true });
// The sockets of the stopped servers close shortly afterwards.
for (let turn = 0; turn < 500 && openResources().length > 0; turn += 1) await pass(20);

function hasGrown() {
  return late - early > Math.min(2 ** 20, early * 0.02);
}

/** Resources that keep the process alive or would act later. */
function openResources() {
  const expected = new Set(["TTYWrap", "PipeWrap", "FSReqPromise", "CloseReq"]);
  // One timeout is that of the loop which calls this.
  const resources = process.getActiveResourcesInfo().filter((name) => !expected.has(name));
  const loopTimeout = resources.indexOf("Timeout");
  return loopTimeout < 0 ? resources : resources.toSpliced(loopTimeout, 1);
}
const handles = process.getActiveResourcesInfo().filter((name) => !["TTYWrap", "PipeWrap"].includes(name));

const growth = late - early;
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MB`;
console.log(`calls                     ${calls.made}`);
console.log(`  failed                  ${calls.failed}`);
for (const [code, times] of [...codes].sort()) console.log(`    ${code.padEnd(22)}${times}`);
console.log(`  expired during the call ${calls.expiring}`);
console.log(`  tokens revoked          ${counts.revoked}`);
console.log(`token requests            ${counts.tokenRequests}`);
console.log(`tokens issued             ${counts.issued}`);
console.log(`requests per issued token ${(counts.tokenRequests / counts.issued).toFixed(2)}`);
console.log(`heap, first quarter       ${megabytes(early)}`);
console.log(`heap, last quarter        ${megabytes(late)} (${((growth / early) * 100).toFixed(1)} %)`);

const checks = [
  ["no call failed although there was a usable token", calls.avoidable === 0, calls.avoidable],
  ["no expired token was handed out", calls.expired === 0, calls.expired],
  ["the heap grew by at most 2 % and 1 MB", !hasGrown(), megabytes(growth)],
  ["nothing is open after stop()", handles.length === 0, handles.join(", ") || 0],
  ["no rejection was unhandled", rejections.length === 0, rejections.length],
  [
    "there were enough calls, failures and renewals for a result",
    calls.made > managers && calls.failed > 0 && counts.issued > managers,
    calls.made,
  ],
];
for (const [name, holds, found] of checks) console.log(`${holds ? "ok  " : "FAIL"} ${name} (${found})`);
const passed = checks.filter(([, holds]) => holds).length;
console.log(`${passed} passed, ${checks.length - passed} failed`);
process.exitCode = passed === checks.length ? 0 : 1;
