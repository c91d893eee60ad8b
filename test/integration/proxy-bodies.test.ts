// Bodies of requests and responses through the proxy: large, chunked, encoded, empty.
import { createHash, randomBytes } from "node:crypto";
import { Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { listen } from "../support/listen.js";
import {
  ask,
  call,
  open,
  type Proxied,
  post,
  read,
  serverToken,
  startProxied,
  tokenConfig,
} from "./proxied.js";

const MiB = 1_048_576;

/** Starts a server, whose requests are not read before its listener does, and a proxy for it. */
async function proxied(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Proxied> {
  const server = await listen(() => answer);
  onTestFinished(() => server.close());
  return await startProxied(tokenConfig(`${server.origin}/mcp`));
}

/** Answers with the length and the hash of what was received. */
async function digest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    size += chunk.length;
  }
  const { authorization, "content-length": length, "transfer-encoding": encoding } = request.headers;
  response.end(JSON.stringify({ size, hash: hash.digest("hex"), authorization, length, encoding }));
}

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test.each([
  ["1 MiB with a length", MiB, true],
  ["1 MiB in chunks", MiB, false],
  ["exactly the limit in chunks", 4 * MiB, false],
  ["more than the limit with a length", 4 * MiB + 1, true],
  ["more than the limit in chunks", 9 * MiB, false],
])("a body of %s reaches the server unchanged through the proxy", async (_, size, hasLength) => {
  const { url } = await proxied(digest);
  const body = randomBytes(size);
  const { request, response } = open(url, {
    method: "POST",
    headers: hasLength ? { "content-length": String(size) } : { "transfer-encoding": "chunked" },
  });
  for (let at = 0; at < size; at += 300_000) request.write(body.subarray(at, at + 300_000));
  request.end();
  const { status, text } = await read(await response);
  expect(status).toBe(200);
  const authorization = `Bearer ${serverToken}`;
  expect(JSON.parse(text)).toMatchObject({ size, hash: hashOf(body), authorization });
  // The server gets a length where the proxy knows it.
  expect(JSON.parse(text).length).toBe(hasLength || size <= 4 * MiB ? String(size) : undefined);
});

test("a body above the limit begins to reach the server before the client has sent its end", async () => {
  const started = deferred();
  const { url } = await proxied((request, response) => {
    request.once("data", () => started.resolve());
    request.on("end", () => response.end("all"));
  });
  const { request, response } = open(url, { method: "POST", headers: { "transfer-encoding": "chunked" } });
  request.write(randomBytes(5 * MiB));
  await started.promise;
  request.end("the end");
  expect((await read(await response)).text).toBe("all");
});

test.each([
  ["reads the body", true],
  ["does not read the body", false],
])(
  "a body above the limit is not sent again after a 401 of a server that %s, and the client gets 503",
  async (_, reads) => {
    let requests = 0;
    const { url } = await proxied((request, response) => {
      requests += 1;
      const refuse = () => response.writeHead(401, { "www-authenticate": "Bearer" }).end();
      if (reads) request.resume().on("end", refuse);
      else refuse();
    });
    const answer = await ask(url, { method: "POST", body: randomBytes(6 * MiB) });
    expect(answer.status).toBe(503);
    expect(answer.text).toBe("");
    expect(answer.headers["www-authenticate"]).toBeUndefined();
    expect(requests).toBe(1);
  },
);

test("a response that begins before the server has read the body reaches the client", async () => {
  const { url } = await proxied((_request, response) => {
    response.writeHead(413, { "content-type": "application/json" }).end('{"error":"too large"}');
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const answer = await ask(url, { method: "POST", body: randomBytes(6 * MiB), agent });
  expect(answer).toMatchObject({ status: 413, text: '{"error":"too large"}' });
  // The next request of the same client is not disturbed by the rest of that body.
  expect((await post(url, call, { agent })).status).toBe(413);
});

test("a server can answer while it still receives the body", async () => {
  const { url } = await proxied((request, response) => {
    response.writeHead(200);
    request.pipe(response);
  });
  const { request, response } = open(url, { method: "POST", headers: { "transfer-encoding": "chunked" } });
  request.write(Buffer.alloc(5 * MiB, "a"));
  const stream = await response;
  let size = 0;
  const half = deferred();
  stream.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size >= 4 * MiB) half.resolve();
  });
  await half.promise;
  request.end(Buffer.alloc(MiB, "b"));
  await new Promise((resolve) => stream.on("end", resolve));
  expect(size).toBe(6 * MiB);
});

test("a response of many MiB reaches the client unchanged", async () => {
  const body = randomBytes(10 * MiB);
  const { url } = await proxied((_request, response) => response.end(body));
  const { bytes } = await ask(url);
  expect(hashOf(bytes)).toBe(hashOf(body));
});

test("an encoded body passes as it is, with its encoding and its length", async () => {
  const body = gzipSync("hello ".repeat(1_000));
  let accepted: unknown;
  const { url } = await proxied(({ headers }, response) => {
    accepted = headers["accept-encoding"];
    response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body);
  });
  const { headers, bytes } = await ask(url, { headers: { "accept-encoding": "br" } });
  expect(accepted).toBe("identity");
  expect(headers).toMatchObject({ "content-encoding": "gzip", "content-length": String(body.length) });
  expect(bytes.equals(body)).toBe(true);
});

test("an encoded request passes as it is, with its encoding", async () => {
  const body = gzipSync(JSON.stringify(call));
  let encoding: unknown;
  const { url } = await proxied((request, response) => {
    encoding = request.headers["content-encoding"];
    request.pipe(response);
  });
  const { bytes } = await ask(url, { method: "POST", body, headers: { "content-encoding": "gzip" } });
  expect(encoding).toBe("gzip");
  expect(bytes.equals(body)).toBe(true);
});

test.each([
  ["HEAD", 200, { "content-length": "12345", "x-kind": "head" }],
  ["GET", 204, { "x-kind": "no content" }],
  ["GET", 304, { etag: '"1"', "x-kind": "not modified" }],
  ["DELETE", 202, { "content-length": "0", "x-kind": "empty" }],
  ["OPTIONS", 200, { allow: "GET, POST", "content-length": "0" }],
  ["PROPFIND", 207, { "x-kind": "another method", "content-length": "0" }],
])("the answer to %s with status %i passes without a body", async (method, status, headers) => {
  let received: string | undefined;
  const { url } = await proxied((request, response) => {
    received = request.method;
    response.writeHead(status, headers).end();
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  for (let time = 0; time < 2; time += 1) {
    const answer = await ask(url, { method, agent });
    expect(answer).toMatchObject({ status, headers, text: "" });
    expect(received).toBe(method);
  }
});

test("a body of a GET is read and dropped, and the connection stays usable", async () => {
  const lengths: unknown[] = [];
  const { url } = await proxied((request, response) => {
    lengths.push(request.headers["content-length"], request.headers["transfer-encoding"]);
    response.end("ok");
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const headers = { "content-length": String(MiB) };
  for (let time = 0; time < 2; time += 1)
    expect((await ask(url, { body: randomBytes(MiB), headers, agent })).text).toBe("ok");
  expect(lengths).toEqual([undefined, undefined, undefined, undefined]);
});

test("requests that follow each other without a pause on one connection are answered in order", async () => {
  const { url, origin } = await proxied((request, response) => {
    request.resume().on("end", () => response.end(`answer to ${request.headers["x-number"]}`));
  });
  const { connect } = await import("node:net");
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const { host, pathname } = new URL(url);
  const one = (number: number) =>
    `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nX-Number: ${number}\r\nContent-Length: 5\r\n\r\nhello`;
  socket.write(one(1) + one(2) + one(3));
  let text = "";
  for await (const chunk of socket.setEncoding("latin1")) {
    text += chunk;
    if (text.includes("answer to 3")) break;
  }
  expect(text.match(/answer to \d/g)).toEqual(["answer to 1", "answer to 2", "answer to 3"]);
});

test("a client that waits for 100 Continue sends its body and gets the answer", async () => {
  const { url } = await proxied(digest);
  const body = randomBytes(MiB);
  const headers = { expect: "100-continue", "content-length": String(MiB) };
  const { request, response } = open(url, { method: "POST", headers });
  request.flushHeaders();
  await new Promise<void>((resolve) => request.once("continue", () => resolve()));
  request.end(body);
  expect(JSON.parse((await read(await response)).text)).toMatchObject({ size: MiB, hash: hashOf(body) });
});

test("early hints of the server are not taken for its response", async () => {
  const { url } = await proxied((request, response) => {
    request.resume();
    response.writeEarlyHints({ link: "</style.css>; rel=preload" }, () => response.end("the response"));
  });
  const { text, headers } = await ask(url);
  expect(text).toBe("the response");
  expect(headers).not.toHaveProperty("link");
});

test("headers beyond ASCII pass in both directions", async () => {
  let received: string | undefined;
  const { url } = await proxied((request, response) => {
    received = request.headers["x-name"] as string;
    response.setHeader("x-name", Buffer.from("żółw").toString("latin1"));
    response.setHeader("x-latin", "caf\u00e9");
    // With a string, Node would encode the headers once more.
    response.end(Buffer.from("ok"));
  });
  const sent = Buffer.from("zażółć").toString("latin1");
  const { headers } = await ask(url, { headers: { "x-name": sent } });
  expect(received).toBe(sent);
  expect(headers["x-name"]).toBe(Buffer.from("żółw").toString("latin1"));
  expect(headers["x-latin"]).toBe("caf\u00e9");
});

test("two values of a header stay two", async () => {
  const { url } = await proxied((_request, response) => {
    response.writeHead(200, [...["x-two", "a, b"], ...["x-two", "c"]]);
    response.end();
  });
  const { response, request } = open(url);
  request.end();
  const { rawHeaders } = await response;
  expect(rawHeaders.filter((_, index) => rawHeaders[index - 1] === "x-two")).toEqual(["a, b", "c"]);
});
