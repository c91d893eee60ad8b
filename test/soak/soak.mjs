// One soak: node --expose-gc test/soak/soak.mjs SECONDS SEED
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createMcpAuth } from "../../dist/index.js";
import { chaos, newCredential, registration } from "./chaos.mjs";
import { oracle } from "./oracle.mjs";
import { random } from "./random.mjs";

const [seconds, seed] = process.argv.slice(2).map(Number);
const managers = 200;
const issuers = 8;
const callers = 60;
const dice = random(seed);
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
const tell = (message) => servers.send(message);
const count = async () => {
  tell({ counts: true });
  const [{ counts }] = await once(servers, "message");
  return counts;
};

// Every server has a client of its own, half of them with a key.
const names = Array.from({ length: managers }, (_, index) => `s${index}`);
const clients = names.map((name, index) => ({
  id: `client-${name}`,
  kind: index % 2 === 0 ? "secret" : "key",
  issuer: `http://127.0.0.1:${ports[index % issuers]}`,
}));
for (const client of clients) {
  const credential = newCredential(client.kind);
  tell(registration(client.id, credential));
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

const known = oracle();
const auth = await createMcpAuth({ config, fetch: known.watched((input, init) => fetch(input, init)) });
await auth.start();
const trouble = chaos({ clients, issuers, folder, tell, dice });

const calls = { made: 0, failed: 0, avoidable: 0, expired: 0, expiring: 0 };
// In an outage tokens are handed out to their last millisecond, which may pass before they are looked at here: what counts is
// whether one had expired before it was asked for. That none is handed out later is for the tests whose clock stands still
// meanwhile.
const codes = new Map();
const note = (code) => codes.set(code, (codes.get(code) ?? 0) + 1);
const end = Date.now() + seconds * 1_000;

async function call(name) {
  const manager = auth.resolve(name);
  const atHand = known.latest(name);
  const wasUsable = known.isUsable(atHand, Date.now());
  calls.made += 1;
  try {
    if (dice.chance(0.5)) {
      const askedAt = Date.now();
      const token = await manager.getAccessToken();
      if (known.expiredFor(name, token, askedAt) >= 0) calls.expired += 1;
      else if (known.expiredFor(name, token, Date.now()) >= 0) calls.expiring += 1;
    } else {
      const response = await manager.fetch(manager.url, { method: "POST", body: "{}" });
      await response.arrayBuffer();
      if (!response.ok) throw Object.assign(new Error("refused"), { code: `HTTP ${response.status}` });
    }
  } catch (error) {
    calls.failed += 1;
    note(error?.code ?? error?.name ?? "unknown");
    // Refused meanwhile it was no longer usable.
    if (wasUsable && known.isUsable(atHand, Date.now())) {
      calls.avoidable += 1;
      note(`avoidable: ${error?.code ?? error}`);
    }
  }
}

let pause = Promise.resolve();
async function caller() {
  while (Date.now() < end) {
    await pause;
    await call(dice.oneOf(names));
    await pass(dice.between(0, 40));
  }
}

/**
 * What the heap holds when nothing is under way and every manager has a token: an outage or a burst of calls is not
 * growth. The least of some: neither is what is only waiting to be collected.
 */
async function heap() {
  const goOn = trouble.rest();
  let resume;
  pause = new Promise((resolve) => {
    resume = resolve;
  });
  await pass(1_000);
  await Promise.all(names.map(renewed));
  let least = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < 10; sample += 1) {
    await pass(100);
    globalThis.gc();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  resume();
  goOn();
  return least;
}

/** Where the machine is so busy that a request takes longer than a second, it is made again. */
async function renewed(name) {
  const isDone = await auth
    .resolve(name)
    .getAccessToken({ forceRefresh: true })
    .then(
      () => true,
      () => false,
    );
  if (isDone) return;
  await pass(200);
  await renewed(name);
}

const work = Array.from({ length: callers }, () => caller());
await pass(seconds * 250 - 3_000);
const early = await heap();
await pass(Math.max(end - Date.now() - 3_000, 0));
let late = await heap();
// What has leaked is there the next time too.
for (let again = 0; again < 3 && hasGrown(); again += 1) late = Math.min(late, await heap());
await Promise.all(work);
await trouble.end();
const counts = await count();
await auth.stop();
tell({ end: true });
await once(servers, "exit");
await rm(folder, { recursive: true, force: true });
// The sockets of the servers that have ended are closed in a moment.
for (let turn = 0; turn < 500 && left().length > 0; turn += 1) await pass(20);

function hasGrown() {
  return late - early > Math.min(2 ** 20, early * 0.02);
}

/** What keeps a process going, or would do something later. */
function left() {
  const own = new Set(["TTYWrap", "PipeWrap", "FSReqPromise", "CloseReq"]);
  // One time-out is the pause of this loop.
  const resources = process.getActiveResourcesInfo().filter((name) => !own.has(name));
  const pause = resources.indexOf("Timeout");
  return pause < 0 ? resources : resources.toSpliced(pause, 1);
}
const handles = process.getActiveResourcesInfo().filter((name) => !["TTYWrap", "PipeWrap"].includes(name));

const growth = late - early;
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MB`;
console.log(`calls                     ${calls.made}`);
console.log(`  failed                  ${calls.failed}`);
for (const [code, times] of [...codes].sort()) console.log(`    ${code.padEnd(22)}${times}`);
console.log(`  seen as they expired    ${calls.expiring}`);
console.log(`  tokens revoked          ${counts.revoked}`);
console.log(`token requests            ${counts.tokenRequests}`);
console.log(`tokens issued             ${counts.issued}`);
console.log(`requests a token issued   ${(counts.tokenRequests / counts.issued).toFixed(2)}`);
console.log(`heap, first quarter       ${megabytes(early)}`);
console.log(`heap, last quarter        ${megabytes(late)} (${((growth / early) * 100).toFixed(1)} %)`);

const checks = [
  ["no call failed although there was a usable token", calls.avoidable === 0, calls.avoidable],
  ["no token was handed out that had expired", calls.expired === 0, calls.expired],
  ["the heap grew by 2 % and 1 MB at the most", !hasGrown(), megabytes(growth)],
  ["nothing is left open", handles.length === 0, handles.join(", ") || 0],
  ["no rejection was unhandled", rejections.length === 0, rejections.length],
  [
    "there were calls, failures and renewals to judge by",
    calls.made > managers && calls.failed > 0 && counts.issued > managers,
    calls.made,
  ],
];
for (const [name, holds, found] of checks) console.log(`${holds ? "ok  " : "FAIL"} ${name} (${found})`);
const passed = checks.filter(([, holds]) => holds).length;
console.log(`${passed} passed, ${checks.length - passed} failed`);
process.exitCode = passed === checks.length ? 0 : 1;
