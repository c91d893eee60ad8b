// By hand: an event stream, an upload and calls through the proxy for minutes of real time, with tokens of five seconds.
//
//     node scripts/build.mjs --if-stale && node test/proxy/long-stream.mjs [MINUTES]
//
// Runs for ten minutes by default, and never longer than an hour. Node and undici end requests that they take for stuck
// after 5 minutes, which no fake clock shows. Each second one event is sent, and each two seconds a call; the stream is
// silent in the second half. The upload sends some bytes each second. The last line is `N passed, N failed`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { createMcpAuth } from "../../dist/index.js";
import { startProxy } from "../../dist/proxy.js";
import { secondsSince } from "../../scripts/run.mjs";
import { startServers } from "./servers.mjs";

const minutes = Math.min(Number(process.argv[2] ?? 10), 60);
assert.ok(minutes > 0, "MINUTES must be a number above 0.");
const seconds = Math.round(minutes * 60);
const servers = await startServers({ lifetime: 5 });
const received = { bytes: 0, isComplete: false };
const sink = createServer((incoming, response) => {
  incoming.on("data", (chunk) => {
    received.bytes += chunk.length;
  });
  incoming.on("end", () => {
    received.isComplete = true;
    response.end("all");
  });
}).listen(0, "127.0.0.1");
sink.requestTimeout = 0;
await once(sink, "listening");
const { grant } = servers.config.servers.tools;
const upload = { url: `http://127.0.0.1:${sink.address().port}/mcp`, grant };
const config = { servers: { ...servers.config.servers, upload } };
const auth = await createMcpAuth({ config, env: { SECRET: "secret" } });
const proxy = await startProxy(auth);
const started = performance.now();

const tests = { stream, upload: uploadSlowly, calls };
const results = await Promise.allSettled(Object.values(tests).map((test) => test()));
let failed = 0;
for (const [index, name] of Object.keys(tests).entries()) {
  const { status, reason } = results[index];
  if (status === "rejected") failed += 1;
  console.log(status === "rejected" ? `FAIL  ${name}\n${reason.stack}` : `ok    ${name}`);
}
console.log(`${secondsSince(started)}, ${servers.tokenRequests()} tokens`);
await proxy.stop();
await auth.stop();
servers.close();
sink.close();
sink.closeAllConnections();
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** One event each second, then silence for as long, then one more event. */
async function stream() {
  const sent = request(proxy.url("streams"), { agent: false }).end();
  const [response] = await once(sent, "response");
  let text = "";
  response.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  const end = once(response, "close").then(() => {
    throw new Error(`The stream has ended after ${secondsSince(started)}.`);
  });
  const half = Math.floor(seconds / 2);
  const wait = (time) => Promise.race([delay(time * 1_000), end]);
  for (let number = 1; number <= half; number += 1) {
    for (const each of servers.streams) each.write(`data: ${number}\n\n`);
    await wait(1);
  }
  await wait(half);
  for (const each of servers.streams) each.write("data: last\n\n");
  while (!text.includes("last")) await wait(0.1);
  assert.equal(text.match(/data:/g)?.length, half + 1);
  end.catch(() => {});
  sent.destroy();
}

/** A body above the limit, the end of which is sent as slowly as it may be. */
async function uploadSlowly() {
  const sent = request(proxy.url("upload"), { agent: false, method: "POST" });
  const response = once(sent, "response");
  response.catch(() => {});
  sent.write(Buffer.alloc(5 * 1_048_576));
  for (let second = 0; second < seconds; second += 1) {
    sent.write(Buffer.alloc(10));
    await Promise.race([delay(1_000), response]);
  }
  sent.end();
  const [{ statusCode }] = await response;
  assert.equal(statusCode, 200, `status ${statusCode} after ${secondsSince(started)}`);
  assert.deepEqual(received, { bytes: 5 * 1_048_576 + seconds * 10, isComplete: true });
}

async function calls() {
  for (let number = 0; number < seconds / 2; number += 1) {
    const answer = await fetch(proxy.url("streams"), { method: "POST", body: "{}" });
    assert.equal(answer.status, 200);
    await answer.text();
    await delay(2_000);
  }
}
