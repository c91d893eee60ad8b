// A thousand event streams at once through one proxy, and the memory that each of them takes.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";

const count = 1_000;
/** Streams that are opened first, so that the figure does not include what the first request loads. */
const first = 50;

/**
 * Returns the memory of the proxy for each stream in bytes.
 *
 * @param {import("./servers.mjs").Servers} servers
 */
export async function testStreams({ config, streams }) {
  const program = join(import.meta.dirname, "proxy-process.mjs");
  const child = fork(program, [JSON.stringify(config)], { execArgv: ["--expose-gc"] });
  const exited = once(child, "exit");
  const failed = exited.then(([code]) => {
    throw new Error(`The process of the proxy has ended with exit code ${code}.`);
  });
  failed.catch(() => {});
  const answer = async () => (await Promise.race([once(child, "message"), failed]))[0];
  const memory = async () => {
    child.send("memory");
    return (await answer()).rss;
  };
  try {
    const url = (await answer()).streams;
    const opened = await Promise.all(Array.from({ length: first }, () => open(url)));
    const before = await memory();
    // Some at a time, so that no queue of connections of the system is too short.
    while (opened.length < first + count)
      opened.push(...(await Promise.all(Array.from({ length: 50 }, () => open(url)))));
    const after = await memory();
    assert.equal(streams.size, first + count);

    const received = opened.map(({ next }) => next());
    for (const stream of streams) stream.write("data: to all\n\n");
    assert.deepEqual(new Set(await Promise.all(received)), new Set(["data: to all\n\n"]));

    child.send("stop");
    await Promise.all(opened.map(({ closed }) => closed));
    const [code] = await exited;
    assert.equal(code, 0);
    while (streams.size > 0) await new Promise(setImmediate);
    return (after - before) / count;
  } finally {
    child.kill("SIGKILL");
  }
}

/** Opens a stream. Resolves when its head has arrived. */
async function open(url) {
  const sent = request(url, { agent: false, headers: { accept: "text/event-stream" } }).end();
  const [response] = await once(sent, "response");
  assert.equal(response.statusCode, 200);
  response.setEncoding("utf8");
  // It breaks off when the proxy stops.
  response.on("error", () => {});
  return {
    next: async () => (await once(response, "data"))[0],
    closed: new Promise((resolve) => response.once("close", resolve)),
  };
}
