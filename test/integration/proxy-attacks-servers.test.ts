// Servers that attack the caller of the proxy: its browser, its session, its terminal, or the proxy itself.
import { expect, test } from "vitest";
import { assertNoUnhandledRejection } from "../support/no-unhandled-rejection.js";
import {
  rawRequest,
  secretHeader,
  serverToken,
  startAttackedProxy,
  startRawServer,
  statusOf,
} from "./attacked-proxy.js";

assertNoUnhandledRejection();

type RequestOptions = NonNullable<Parameters<typeof rawRequest>[1]>;

/** Starts a proxy. Returns a function that sends a request to a server that answers with these bytes. */
async function startAnswering() {
  let answer = "";
  const server = await startRawServer(() => answer);
  const proxy = await startAttackedProxy(server.url);
  return async (bytes: string, options: RequestOptions = {}) => {
    answer = bytes;
    const response = await proxy.send(rawRequest(proxy, options));
    expect(response).not.toContain(proxy.localToken);
    const at = response.indexOf("\r\n\r\n");
    return {
      response,
      status: statusOf(response),
      head: response.slice(0, at),
      body: response.slice(at + 4),
    };
  };
}

/** Sends one request to a server that answers with these bytes. */
async function answered(bytes: string, options: RequestOptions = {}) {
  const answer = await startAnswering();
  return await answer(bytes, options);
}

const ok = (headers: string, body = "{}") =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nContent-Type: text/html\r\n${headers}\r\n\r\n${body}`;

test("a page of a server has no rights in a browser, and is not stored", async () => {
  const page = "<script>alert(1)</script>";
  const { head, body } = await answered(
    ok(
      "Content-Security-Policy: default-src *\r\nCache-Control: public\r\nX-Content-Type-Options: sniff\r\nReferrer-Policy: unsafe-url",
      page,
    ),
    { method: "GET" },
  );
  expect(body).toBe(page);
  expect(head.match(/^(?:content-security|cache-control|x-content-type|referrer)[^\r]*/gim)).toEqual([
    "content-security-policy: sandbox; default-src 'none'",
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
  ]);
});

test("headers that a server cannot use for good do not reach the caller", async () => {
  const evil = [
    ...["Set-Cookie: a=b", "Set-Cookie2: a=b", "Location: https://evil.example/", "Content-Location: /evil"],
    ...[
      "Refresh: 0;url=https://evil.example/",
      "Link: <https://evil.example/>; rel=preload",
      'Alt-Svc: h2="evil.example:443"',
    ],
    ...[
      'WWW-Authenticate: Bearer resource_metadata="https://evil.example"',
      "Proxy-Authenticate: Basic",
      "DPoP-Nonce: evil",
    ],
    ...[
      "Access-Control-Allow-Origin: *",
      "Access-Control-Allow-Credentials: true",
      "Access-Control-Allow-Private-Network: true",
    ],
    ...[
      "Strict-Transport-Security: max-age=1",
      'Clear-Site-Data: "*"',
      "Service-Worker-Allowed: /",
      "NEL: {}",
      "Report-To: {}",
    ],
    ...[
      "Connection: X-Evil",
      "X-Evil: evil",
      "Upgrade: h2c",
      "Trailer: X",
      "Proxy-Connection: x",
      "SourceMap: evil",
    ],
  ];
  const { head, status } = await answered(ok(evil.join("\r\n")));
  expect(status).toBe(200);
  expect(head).not.toMatch(/evil|cookie|access-control|authenticate|transport|nel|upgrade|trailer/i);
});

test("headers that repeat a credential do not reach the caller", async () => {
  const echoes = [
    ...[
      `X-One: ${serverToken}`,
      `X-Two: Bearer ${serverToken}`,
      `X-Three: a,${secretHeader},b`,
      `${serverToken}-x: a`,
    ],
    ...[`Mcp-Session-Id: ${serverToken}`, `Content-Disposition: ${secretHeader}`, "X-Fine: 1"],
  ];
  const { head, status } = await answered(ok(echoes.slice(0, 3).concat(echoes.slice(4)).join("\r\n")));
  expect(status).toBe(200);
  expect(head).toContain("x-fine: 1");
  expect(head).not.toContain(serverToken);
  expect(head).not.toContain(secretHeader);
});

const unusual = [
  ...[
    "constructor: x",
    "__proto__: x",
    "__proto__: x\r\n__proto__: y",
    "toString: x\r\ntoString: y",
    "hasOwnProperty: x",
  ],
  ...[
    "X: \xe6\x97\xa5",
    "X: \xff\xfe",
    "Content-Type: \xe6\x97\xa5",
    "X:",
    "X: \t",
    `X: ${"x".repeat(8_000)}`,
  ],
  ...[`X: ${"a\r\nX: ".repeat(2_000)}a`],
];

test("the caller gets a response with unusual headers", async () => {
  const answer = await startAnswering();
  for (const header of unusual) {
    const { status, body } = await answer(ok(header));
    expect([header, status, body]).toEqual([header, 200, "{}"]);
  }
});

const invalid = [
  ...[
    "X: a\x01b",
    "X: a\x00b",
    "X: a\x7fb",
    "X: a\r\n b",
    "X: a\nX-Injected: b",
    "X: a\rX-Injected: b",
    "X A: b",
    "X : b",
    ": b",
  ],
  ...["Content-Length: 3", "Content-Length: 2, 2", "Transfer-Encoding: chunked", `X: ${"x".repeat(20_000)}`],
];

test("a response with a header that is not valid becomes an error without its text", async () => {
  const answer = await startAnswering();
  for (const header of invalid) {
    const { head, body } = await answer(ok(header));
    expect(head).not.toContain("Injected");
    expect([header, JSON.parse(body)]).toMatchObject([
      header,
      { id: 1, error: { data: { code: "unavailable" } } },
    ]);
  }
  expect((await answer(ok("X: 1"))).body).toBe("{}");
});

const noResponses = [
  ...[
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  ],
  ...[
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 000 X\r\n\r\n",
    "HTTP/1.1 099 X\r\n\r\n",
    "HTTP/1.1 1000 X\r\n\r\n",
    "HTTP/1.1 -1 X\r\n\r\n",
  ],
  ...[
    "",
    "garbage",
    "\r\n\r\n\r\n",

    "ICY 200 OK\r\n\r\n",
    "\x15\x03\x01\x00\x02\x02",
    "HTTP/1.1",
  ],
];

test("an answer that is no response becomes an error without its text", async () => {
  const answer = await startAnswering();
  for (const bytes of noResponses) {
    const { body } = await answer(bytes);
    expect([bytes, JSON.parse(body)]).toMatchObject([
      bytes,
      { id: 1, error: { data: { code: "unavailable" } } },
    ]);
  }
  expect((await answer(ok("X: 1"))).body).toBe("{}");
});

test("interim responses are not passed on, and the final one is", async () => {
  const early = "HTTP/1.1 103 Early Hints\r\nLink: </evil>; rel=preload\r\n\r\n".repeat(50);
  const { response, body } = await answered(`${early}${ok("X: 1")}`);
  expect([response.match(/HTTP\/1\.1/g)?.length, body]).toEqual([1, "{}"]);
  expect(response).not.toContain("evil");
});

test.each([401, 407])(
  "a refusal with status %i never reaches the caller, who would start a login",
  async (status) => {
    const challenge = 'WWW-Authenticate: Bearer realm="evil", Basic\r\nProxy-Authenticate: Basic';
    const bytes = `HTTP/1.1 ${status} evil\r\n${challenge}\r\nContent-Length: 4\r\n\r\nevil`;
    const post = await answered(bytes);
    expect([post.status, JSON.parse(post.body)]).toMatchObject([
      200,
      { error: { data: { code: "unauthorized" } } },
    ]);
    expect(post.response).not.toMatch(/evil|authenticate/i);
    const get = await answered(bytes, { method: "GET" });
    expect([get.status, get.body]).toEqual([503, ""]);
  },
);

test.each([301, 302, 303, 307, 308])(
  "a redirect with status %i to another place is not passed on",
  async (status) => {
    const { response, body } = await answered(
      `HTTP/1.1 ${status} X\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(JSON.parse(body)).toMatchObject({ error: { data: { code: "egress_denied" } } });
    expect(response).not.toMatch(/evil|location/i);
  },
);

test.each(["HTTP/1.1 200 evil\x1b[31m\r\n", "HTTP/1.1 999 evil\r\n", "HTTP/1.1 200 evil\xe6\r\n"])(
  "the reason phrase of a server is not passed on (%#)",
  async (line) => {
    const { response } = await answered(`${line}Content-Length: 2\r\n\r\nok`);
    expect(response).not.toContain("evil");
    expect(response).toMatch(/\r\n\r\nok$/);
  },
);

test("a response without a body cannot make a client take the next response for its body", async () => {
  const { head, body } = await answered("HTTP/1.1 204 No Content\r\nContent-Length: 100\r\nX: 1\r\n\r\n");
  expect(head).toContain("x: 1");
  expect(head).not.toMatch(/content-length|transfer-encoding/i);
  expect(body).toBe("");
});

test("a response that breaks off also breaks off for the caller", async () => {
  const { head, body } = await answered("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  expect([head, "half"]).toEqual([
    expect.stringContaining("content-length: 100"),
    expect.stringContaining(body),
  ]);
  const chunked = await answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  expect(chunked.response).not.toMatch(/\r\n0\r\n\r\n$/);
});
