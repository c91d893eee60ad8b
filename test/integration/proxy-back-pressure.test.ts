// A slow reader pauses the sender: the proxy keeps no more than some buffers between them.
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Writable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { listen } from "../support/listen.js";
import { open, type Proxied, startProxied, tokenConfig } from "./proxied.js";

const MiB = 1_048_576;

/**
 * More than what the sockets of the system and the streams of Node keep on the way: Linux lets a socket on loopback grow
 * to 6 MiB at the receiver and 4 MiB at the sender, and there are two connections.
 */
const bound = 32 * MiB;

/** More than `bound`, so that a sender that nobody pauses writes all of it. */
const total = 128 * MiB;

async function proxied(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Proxied> {
  const server = await listen(() => answer);
  onTestFinished(() => server.close());
  return await startProxied(tokenConfig(`${server.origin}/mcp`));
}

interface Written {
  /** Bytes that the stream has accepted so far. */
  bytes: number;
  /** Whether everything was written. */
  isComplete: boolean;
}

/** Writes `size` bytes, never more than the stream takes. */
function writeAll(stream: Writable, size: number, chunk: Buffer): Written {
  const written: Written = { bytes: 0, isComplete: false };
  const write = (): void => {
    while (written.bytes < size) {
      written.bytes += chunk.length;
      if (!stream.write(chunk)) return void stream.once("drain", write);
    }
    written.isComplete = true;
    stream.end();
  };
  write();
  return written;
}

/**
 * Resolves as soon as nothing more was written for many turns of the event loop, each of which lets the proxy work, or
 * as soon as the bound is reached.
 */
async function paused(written: Written): Promise<void> {
  for (let still = 0, last = -1; still < 300 && last < bound; ) {
    still = written.bytes === last ? still + 1 : 0;
    last = written.bytes;
    await new Promise(setImmediate);
  }
}

test.each([
  ["a large response", "application/json", total],
  ["an event stream without end", "text/event-stream", Number.POSITIVE_INFINITY],
])("the sender of %s is paused while the client does not read", async (_, type, size) => {
  const sending = deferred<Written>();
  const { url, open: openRequests } = await proxied((_request, response) => {
    response.writeHead(200, { "content-type": type });
    const event = Buffer.from(`data: ${"x".repeat(65_536 - 8)}\n\n`);
    sending.resolve(writeAll(response, size, event));
  });
  const { request, response } = open(url);
  request.end();
  const stream = await response;
  const written = await sending.promise;
  await paused(written);
  expect(written.isComplete).toBe(false);
  expect(written.bytes).toBeLessThan(bound);

  // It goes on as the client reads.
  let read = 0;
  for await (const chunk of stream) {
    read += chunk.length;
    if (read >= (size === total ? total : 2 * bound)) break;
  }
  expect(written.bytes).toBeGreaterThanOrEqual(Math.min(total, 2 * bound));
  request.destroy();
  await expect.poll(openRequests).toBe(0);
});

test("a client that uploads is paused while the server does not read", async () => {
  const arrived = deferred<IncomingMessage>();
  const { url } = await proxied((request, response) => {
    arrived.resolve(request);
    request.on("end", () => response.end("all"));
  });
  const { request, response } = open(url, { method: "POST", headers: { "content-length": String(total) } });
  const written = writeAll(request, total, Buffer.alloc(65_536));
  const received = await arrived.promise;
  await paused(written);
  expect(written.isComplete).toBe(false);
  expect(written.bytes).toBeLessThan(bound);

  let read = 0;
  received.on("data", (chunk: Buffer) => {
    read += chunk.length;
  });
  expect((await response).statusCode).toBe(200);
  expect(read).toBe(total);
  expect(written.isComplete).toBe(true);
});

const framings = {
  "with a length": { header: `Content-Length: ${total}`, chunk: Buffer.alloc(65_536) },
  "in chunks": {
    header: "Transfer-Encoding: chunked",
    // 65,528 bytes with the frame of a chunk.
    chunk: Buffer.concat([Buffer.from("fff0\r\n"), Buffer.alloc(0xfff0), Buffer.from("\r\n")]),
  },
};

/** Uploads `total` bytes over a connection of its own. A client of Node would stop writing with the response. */
function upload(
  url: string,
  framing: keyof typeof framings,
): { readonly written: Written; readonly head: Promise<string> } {
  const { port, host, pathname } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const head = new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(String(bytes))));
  const { header, chunk } = framings[framing];
  socket.write(`POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${header}\r\n\r\n`);
  return { written: writeAll(socket, total, chunk), head };
}

const kinds = ["with a length", "in chunks"] as const;

test.each(kinds)(
  "a paused client gets an early response, and the rest of its body %s is dropped",
  async (kind) => {
    const arrived = deferred<ServerResponse>();
    const { url, open: openRequests } = await proxied((_request, response) => arrived.resolve(response));
    const { written, head } = upload(url, kind);
    const early = await arrived.promise;
    await paused(written);
    expect(written.isComplete).toBe(false);
    early.writeHead(413).end("too large");
    expect(await head).toMatch(/^HTTP\/1\.1 413 /);
    await expect.poll(() => written.isComplete).toBe(true);
    await expect.poll(openRequests).toBe(0);
  },
);

test.each(kinds)("a large body %s that cannot be sent is dropped, and the client gets 503", async (kind) => {
  const { config } = tokenConfig("http://127.0.0.1:1/mcp");
  const { url } = await startProxied({ config, env: {} });
  const { written, head } = upload(url, kind);
  expect(await head).toMatch(/^HTTP\/1\.1 503 /);
  await expect.poll(() => written.isComplete).toBe(true);
});
