import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { Metrics } from "../../../src/proxy/metrics.js";
import type { PeerUsers } from "../../../src/proxy/peer-user.js";
import { type Listener, RequestHandler } from "../../../src/proxy/request-handler.js";
import { createUpstream } from "../../../src/proxy/upstream-fetch.js";
import { Measurements } from "../../../src/telemetry/measurements.js";
import { exchange } from "../../integration/attacked-proxy.js";
import { deferred } from "../../support/deferred.js";
import { emptyStatusPage } from "./status-page.js";

interface Setup {
  readonly peers?: PeerUsers;
  readonly kind?: Listener["kind"];
  /** Whether the handler is told of connections. */
  readonly notes?: boolean;
  /** Whether callers have the operating token. */
  readonly mayOperate?: boolean;
}

/** Starts a server with a handler, which counts the requests that would be passed on. */
async function start({ peers, kind = "tcp", notes = true, mayOperate = true }: Setup) {
  const upstream = createUpstream();
  onTestFinished(() => upstream.close());
  let passed = 0;
  const refusals: unknown[] = [];
  const handler = new RequestHandler({
    upstream,
    isServed: () => true,
    manager() {
      passed += 1;
      throw new McpAuthError("unavailable", "Nothing is sent.");
    },
    isLocalToken: (candidate) => candidate === "token",
    operations: {
      statuses: () => [],
      metrics: new Metrics({ measurements: new Measurements(), now: Date.now }, () => true),
      readiness: () => true,
      isOperatingToken: () => mayOperate,
      startedAt: 0,
      statusPage: emptyStatusPage(),
    },
    onCall() {},
    onOutcome() {},
    onRefusal: (refusal) => void refusals.push(refusal),
    peers,
  });
  let authority = "";
  const server = createServer((request, response) => {
    handler.handle(kind === "tcp" ? { kind, authority } : { kind }, request, response);
  });
  if (notes) server.on("connection", (socket: Socket) => handler.noteConnection(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The server has no address.");
  const { port } = address;
  authority = `127.0.0.1:${port}`;
  const request = `POST /token/crm HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`;
  const get = (path: string, host = authority): string =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const operation = get("/-/status");
  return { handler, port, get, request, operation, refusals, passed: () => passed };
}

const answering = (isOurs: PeerUsers["isOurs"]): PeerUsers => ({ isOurs });

test("a connection over TCP whose user was not looked up is refused, also below /-/", async () => {
  const { port, request, operation, passed } = await start({
    peers: answering(async () => true),
    notes: false,
  });
  expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 403 /);
  expect(await exchange(port, operation)).toMatch(/^HTTP\/1\.1 403 /);
  expect(passed()).toBe(0);
});

test("a connection of our user passes, and one of another user or of nobody is refused", async () => {
  const ours = await start({ peers: answering(async () => true) });
  expect(await exchange(ours.port, ours.request)).toMatch(/^HTTP\/1\.1 503 /);
  expect(ours.passed()).toBe(1);
  for (const isOurs of [async () => false, () => Promise.reject(new Error("unreadable"))]) {
    const { port, request, passed } = await start({ peers: answering(isOurs) });
    expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 403 /);
    expect(passed()).toBe(0);
  }
});

test("a connection of another user that sends nothing is closed", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  for (const isOurs of [true, false]) {
    const { port } = await start({ peers: answering(async () => isOurs) });
    const client = connect(port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    const closed = once(client, "close");
    await once(client, "connect");
    // By then, the proxy has looked up the user of the connection before it.
    await exchange(port, "x");
    await vi.advanceTimersByTimeAsync(2_000);
    if (isOurs) expect(client.closed).toBe(false);
    else await closed;
  }
});

test("without a check of users, and on a unix socket, every connection passes", async () => {
  for (const setup of [{ notes: false }, { kind: "socket", peers: answering(async () => false) }] as const) {
    const { port, request, passed } = await start(setup);
    await exchange(port, request);
    expect(passed()).toBe(1);
  }
});

test("a caller that hangs up while its user is looked up does not reach the server or keep the proxy from stopping", async () => {
  for (const how of ["resetAndDestroy", "end"] as const) {
    const [asked, isOurs] = [deferred(), deferred<boolean>()];
    const closed = deferred();
    const { handler, port, request, passed } = await start({
      peers: answering((socket) => {
        // It is the socket of the server.
        (socket as Socket).once("close", () => closed.resolve()).once("data", () => asked.resolve());
        return isOurs.promise;
      }),
    });
    const client = connect(port, "127.0.0.1");
    client.on("error", () => {});
    client.write(request);
    await asked.promise;
    client[how]();
    await closed.promise;
    isOurs.resolve(true);
    await handler.stop(0);
    expect(passed()).toBe(0);
  }
});

test("each refusal of the proxy is reported with its reason and nothing of the request, except for metadata that hosts look for", async () => {
  const { port, get, refusals } = await start({ mayOperate: false });
  const requests = [
    [get("/token/crm", "chosen-by-a-caller"), 403, /^The Host header must be 127\.0\.0\.1:\d+/],
    [get("/chosen-by-a-caller/crm"), 403, /^The local token of the proxy is missing or wrong\./],
    [get("/token/%zz"), 400, /^The URL of the request must be one that the proxy printed\.$/],
    [get("/-/chosen-by-a-caller"), 403, /^A path below \/-\/ needs the operating token of the proxy/],
  ] as const;
  for (const [request, status, message] of requests) {
    expect(await exchange(port, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(refusals.splice(0)).toEqual([{ status, message: expect.stringMatching(message) }]);
  }
  expect(await exchange(port, get("/.well-known/oauth-protected-resource"))).toMatch(/^HTTP\/1\.1 404 /);
  expect(refusals).toEqual([]);
});

test("a program of another user is reported as a refusal", async () => {
  const { port, request, refusals } = await start({ peers: answering(async () => false) });
  await exchange(port, request);
  expect(refusals).toEqual([{ status: 403, message: expect.stringContaining("runs as another user") }]);
});
