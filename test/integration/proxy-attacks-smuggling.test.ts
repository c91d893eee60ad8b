// Requests that two programs read differently, and connections that are never finished.
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { assertNoUnhandledRejection } from "../support/no-unhandled-rejection.js";
import { exchange, rawRequest, startRecordedProxy, statusOf } from "./attacked-proxy.js";

assertNoUnhandledRejection();

type Proxy = Awaited<ReturnType<typeof startRecordedProxy>>;

const portOf = ({ authority }: Proxy) => Number(authority.split(":")[1]);

/** The head of a request to the server, with these lines. */
const head = ({ localToken, authority }: Proxy, ...lines: string[]) =>
  `${[`POST /${localToken}/crm HTTP/1.1`, `Host: ${authority}`, ...lines].join("\r\n")}\r\n\r\n`;

/** A request that must not reach the server, as the body of another one. */
const hidden = (proxy: Proxy) => head(proxy, "X-Hidden: 1", "Content-Length: 0", "Connection: close");

test("a request whose length is ambiguous is refused, and nothing of it reaches the server", async () => {
  const proxy = await startRecordedProxy();
  const inner = hidden(proxy);
  const chunked = `0\r\n\r\n${inner}`;
  const ambiguous = [
    head(proxy, "Content-Length: 0", `Content-Length: ${inner.length}`) + inner,
    head(proxy, `Content-Length: ${inner.length}`, "Content-Length: 0") + inner,
    head(proxy, `Content-Length: ${chunked.length}`, "Transfer-Encoding: chunked") + chunked,
    head(proxy, "Transfer-Encoding: chunked", `Content-Length: ${chunked.length}`) + chunked,
    head(proxy, "Transfer-Encoding: xchunked") + chunked,
    head(proxy, "Transfer-Encoding: chunked, identity") + chunked,
    head(proxy, "Transfer-Encoding: identity", "Content-Length: 5") + inner,
    head(proxy, "Transfer-Encoding : chunked") + chunked,
    head(proxy, "Transfer-Encoding:\x0bchunked") + chunked,
    head(proxy, "Transfer-Encoding: chunked\x00") + chunked,
    head(proxy, "X: y\r\n Transfer-Encoding: chunked", "Content-Length: 0") + inner,
    head(proxy, "Content-Length: +5") + inner,
    head(proxy, "Content-Length: 0x5") + inner,
    head(proxy, "Content-Length: 5, 5") + inner,
    head(proxy, "Content-Length: -1") + inner,
    head(proxy, "Content-Length: 99999999999999999999999") + inner,
    head(proxy, "Content-Length : 0") + inner,
    head(proxy, "Content-Length: 0\nX: y") + inner,
    head(proxy, "Content-Length: 0\rX: y") + inner,
    head(proxy, "X\x00Y: z", "Content-Length: 0") + inner,
    head(proxy, "X: \x00", "Content-Length: 0") + inner,
    head(proxy, ": no name", "Content-Length: 0") + inner,
    head(proxy, "no colon", "Content-Length: 0") + inner,
    head(proxy, " X: leading", "Content-Length: 0") + inner,
    head(proxy, "Content-Length: 0").replaceAll("\r\n", "\n") + inner,
    head(proxy, "Content-Length: 0").replaceAll("\r\n", "\r") + inner,
    `${head(proxy, "Transfer-Encoding: chunked")}5\r\nhello\r\n-1\r\n${inner}`,
    `${head(proxy, "Transfer-Encoding: chunked")}0x0\r\n\r\n${inner}`,
    `${head(proxy, "Transfer-Encoding: chunked")}ffffffffffffffffff\r\n${inner}`,
    `${head(proxy, "Transfer-Encoding: chunked")}5\r\nhelloX0\r\n\r\n${inner}`,
    `${head(proxy, "Transfer-Encoding: chunked")}5;\n\r\nhello\r\n0\r\n\r\n${inner}`,
  ];
  for (const bytes of ambiguous) {
    const response = await exchange(portOf(proxy), bytes);
    expect([bytes, response]).toEqual([bytes, expect.stringMatching(/^HTTP\/1\.1 4\d\d |^$/)]);
    expect(response).not.toContain(proxy.localToken);
  }
  expect(proxy.upstream.requests).toEqual([]);
});

test("a body in chunks reaches the server with a length, without extensions and trailers", async () => {
  const proxy = await startRecordedProxy();
  const body = `5;ext="a"\r\nhello\r\n0\r\nX-Trailer: 1\r\nMCP-Auth-Proxy-Token: x\r\n\r\n`;
  const bytes = head(proxy, "Transfer-Encoding: chunked", "Trailer: X-Trailer", "Connection: close") + body;
  expect(statusOf(await exchange(portOf(proxy), bytes))).toBe(200);
  const [request] = proxy.upstream.requests;
  expect(request?.body).toBe("hello");
  expect(request?.headers).toMatchObject({ "content-length": "5" });
  expect(Object.keys(request?.headers ?? {})).toEqual(
    expect.not.arrayContaining(["transfer-encoding", "trailer", "x-trailer", "te"]),
  );
});

test("a body without a length is no second request behind a GET", async () => {
  const proxy = await startRecordedProxy();
  const body = hidden(proxy);
  await proxy.send(rawRequest(proxy, { method: "GET", body }));
  await proxy.send(rawRequest(proxy, { method: "HEAD", body }));
  expect(proxy.upstream.requests.map(({ method, headers }) => [method, headers["x-hidden"]])).toEqual([
    ["GET", undefined],
    ["HEAD", undefined],
  ]);
});

test("requests behind a refused one on the same connection are checked for themselves", async () => {
  const proxy = await startRecordedProxy();
  const refused = `POST /crm HTTP/1.1\r\nHost: ${proxy.authority}\r\nContent-Length: 2\r\n\r\n{}`;
  const foreign = `POST /${proxy.localToken}/crm HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}`;
  const text = await exchange(portOf(proxy), refused + foreign + refused);
  expect(text.match(/^HTTP\/1\.1 \d+/gm)).toEqual(["HTTP/1.1 403"]);
  // The whole body of a refused request, however long, is never read as requests.
  const inner = hidden(proxy);
  const long = `POST /crm HTTP/1.1\r\nHost: ${proxy.authority}\r\nContent-Length: ${inner.length * 500}\r\n\r\n`;
  const answer = await exchange(portOf(proxy), long + inner.repeat(500));
  expect(answer).toMatch(/^HTTP\/1\.1 403 |^$/);
  expect(proxy.upstream.requests).toEqual([]);
});

test("what Connection names does not reach the server, nor the headers of a proxy and of the caller's session", async () => {
  const proxy = await startRecordedProxy();
  const lines = [
    ...[
      "Connection: close, X-Named, X-Key, Mcp-Session-Id",
      "X-Named: 1",
      "Proxy-Authorization: Basic eA==",
      "TE: trailers",
    ],
    ...[
      "Cookie: a=b",
      "Authorization: Bearer canary",
      "X-Key: canary",
      "X-Forwarded-For: 1.1.1.1",
      "Forwarded: for=x",
    ],
    ...[
      "Via: 1.1 x",
      "Referer: http://x/",
      "DPoP: x",
      "Keep-Alive: 1",
      "Expect: 100-continue",
      "Max-Forwards: 1",
    ],
    ...["Content-Length: 2"],
  ];
  const response = await exchange(portOf(proxy), `${head(proxy, ...lines)}{}`);
  expect(response).toMatch(/HTTP\/1\.1 200 OK\r\n/);
  const [request] = proxy.upstream.requests;
  expect(Object.keys(request?.headers ?? {}).sort()).toEqual([
    ...["accept-encoding", "authorization", "connection", "content-length", "host", "max-forwards", "x-key"],
  ]);
  expect(JSON.stringify(request)).not.toContain("canary");
});

test("thousands of headers are all counted, and those that are too long together are refused", async () => {
  const proxy = await startRecordedProxy();
  const many = Array.from({ length: 2_500 }, () => "a:b");
  // After the first 2000, too, the header is seen.
  const response = await proxy.send(
    rawRequest(proxy, { headers: [...many, "Origin: https://evil.example"] }),
  );
  expect(statusOf(response)).toBe(403);
  expect(statusOf(await proxy.send(rawRequest(proxy, { headers: [`X: ${"x".repeat(20_000)}`] })))).toBe(431);
  expect(statusOf(await proxy.send(rawRequest(proxy, { target: `/${"x".repeat(20_000)}` })))).toBe(431);
  expect(proxy.upstream.requests).toEqual([]);
});

test.each([
  ["an upgrade", ["Connection: Upgrade", "Upgrade: websocket"]],
  ["a CONNECT", []],
])(
  "a caller of %s that keeps its connection open does not keep the proxy from stopping",
  async (name, headers) => {
    const proxy = await startRecordedProxy();
    const target = name === "a CONNECT" ? "x:1" : `/${proxy.localToken}/crm`;
    const bytes = `${name === "a CONNECT" ? "CONNECT" : "GET"} ${target} HTTP/1.1\r\nHost: ${proxy.authority}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`;
    const socket = connect({ port: portOf(proxy), host: "127.0.0.1", allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    socket.write(bytes);
    const answer = await new Promise<string>((resolve) =>
      socket.once("data", (chunk) => resolve(String(chunk))),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    await proxy.proxy.stop();
  },
);

test("connections with half the head of a request do not keep the proxy from stopping", async () => {
  const proxy = await startRecordedProxy();
  const whole = rawRequest(proxy);
  const sockets = [0, 1, 20, whole.indexOf("\r\n\r\n") + 2].map((length) => {
    const socket = connect({ port: portOf(proxy), host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    socket.write(whole.slice(0, length));
    onTestFinished(() => void socket.destroy());
    return new Promise((resolve) => socket.once("connect", resolve));
  });
  await Promise.all(sockets);
  expect(statusOf(await proxy.send(whole))).toBe(200);
  await proxy.proxy.stop();
  expect(proxy.upstream.requests.length).toBe(1);
});
