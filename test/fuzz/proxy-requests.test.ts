// Random bytes instead of requests to the proxy, and requests that are damaged at random.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMcpAuth, type McpAuth } from "../../src/index.js";
import { type McpProxy, startProxy } from "../../src/proxy.js";
import { exchange } from "../integration/attacked-proxy.js";
import { deferred } from "../support/deferred.js";
import { type HttpServer, startHttpServer } from "../support/http-server.js";
import { assertNoUnhandledRejection } from "../support/no-unhandled-rejection.js";
import { property } from "./property.js";

assertNoUnhandledRejection();

let upstream: HttpServer;
let auth: McpAuth<"crm">;
let proxy: McpProxy<"crm">;
let port: number;
let host: string;
let localToken: string;

const openSockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
let socketsBefore = 0;

beforeAll(async () => {
  upstream = await startHttpServer((_request, response) => void response.end("ok"));
  const token = { env: "TOKEN" };
  const crm = { url: `${upstream.origin}/mcp`, grant: { type: "static", token } } as const;
  auth = await createMcpAuth({ config: { servers: { crm } }, env: { TOKEN: "token-of-the-server" } });
  // Without a look at the list of all sockets, which takes long after thousands of connections.
  proxy = await startProxy(auth, { anyUser: true });
  const url = new URL(proxy.url("crm"));
  [port, host, localToken] = [Number(url.port), url.host, url.pathname.split("/")[1] ?? ""];
  socketsBefore = openSockets();
});

afterAll(async () => {
  await proxy.stop();
  await auth.stop();
  await upstream.close();
});

const whole = (target: string) =>
  `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAccept: application/json, text/event-stream\r\nUser-Agent: a-host-with-a-long-name/1.0\r\nContent-Length: 2\r\n\r\n{}`;

/** Sends bytes on several connections, and later closes our side, because the proxy may wait for more of a request. */
async function send(...connections: string[]): Promise<readonly string[]> {
  const sent = deferred();
  const responses = Promise.all(connections.map((bytes) => exchange(port, bytes, { end: sent.promise })));
  await answered();
  await answered();
  sent.resolve();
  return await responses;
}

/** Asks the proxy for a page. By its answer, the proxy has read what was sent before. */
const answered = () => exchange(port, `GET /-/live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

const written = fc.constantFrom(
  ...[
    "GET ",
    "POST ",
    "CONNECT ",
    "OPTIONS * ",
    "/",
    "/crm",
    "//",
    "/-/status",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/0.9",
    "\r\n",
  ],
  ...[
    "\n",
    "\r",
    "Host: ",
    "127.0.0.1",
    ":",
    "Content-Length: ",
    "Transfer-Encoding: chunked",
    "0",
    "5",
    "\r\n\r\n",
    "\0",
  ],
  ...[
    "Connection: upgrade",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Origin: null",
    "MCP-Auth-Proxy-Token: ",
    "%2e",
    "..",
  ],
);
const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const garbage = fc.array(fc.oneof(written, anyBytes), { maxLength: 25 }).map((parts) => parts.join(""));

property(
  "whatever is sent without the local token, nothing reaches the server and the proxy says nothing",
  [fc.array(garbage, { minLength: 10, maxLength: 20 })],
  async (connections) => {
    const before = upstream.requests.length;
    const responses = await send(...connections);
    expect(upstream.requests.length).toBe(before);
    for (const response of responses) {
      expect(response).toMatch(/^$|^HTTP\/1\.1 (?:100|4\d\d) /);
      expect(response).not.toContain(localToken);
      expect(response).not.toContain("token-of-the-server");
    }
  },
  { cost: 5 },
);

let reached = 0;

const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat({ max: 2 }),
  inserted: fc.oneof({ weight: 3, arbitrary: fc.constant("") }, written, anyBytes),
});

property(
  "a damaged request with the local token reaches the server as one request below its URL, or not at all",
  [fc.array(damage, { minLength: 1, maxLength: 2 })],
  async (damages) => {
    let bytes = whole(`/${localToken}/crm`);
    for (const { at, removed, inserted } of damages) {
      const index = Math.floor(at * bytes.length);
      bytes = bytes.slice(0, index) + inserted + bytes.slice(index + removed);
    }
    const before = upstream.requests.length;
    const [response] = await send(bytes);
    expect(response).not.toContain(localToken);
    const received = upstream.requests.slice(before);
    reached += received.length;
    expect(received.length).toBeLessThanOrEqual(1);
    for (const { url, headers } of received) {
      expect(url).toMatch(/^\/mcp(?:[/?]|$)/);
      expect(headers).toMatchObject({
        host: new URL(upstream.origin).host,
        authorization: "Bearer token-of-the-server",
      });
      expect(JSON.stringify([url, headers])).not.toContain(localToken);
    }
  },
);

test("after random bytes the proxy still answers, and has closed all connections", async () => {
  await send(...Array.from({ length: 50 }, (_, index) => "\0".repeat(index * 997)));
  expect(await exchange(port, whole(`/${localToken}/crm`))).toMatch(
    /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*\r\nok$/,
  );
  expect(reached).toBeGreaterThan(0);
  // One connection to the server, with both ends in this process.
  await expect.poll(openSockets).toBeLessThanOrEqual(socketsBefore + 2);
});
