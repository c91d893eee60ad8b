// One side ends early: the other side notices, and nothing stays open.
import { randomBytes } from "node:crypto";
import { Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { listen } from "../support/listen.js";
import {
  ask,
  call,
  open,
  type Proxied,
  post,
  serverToken,
  startProxied,
  startRawServer,
  tokenConfig,
} from "./proxied.js";

interface Watched extends Proxied {
  /** Resolves when the connection of the first request to the server has ended. */
  readonly ended: Promise<void>;
}

async function watched(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Watched> {
  const ended = deferred();
  const server = await listen(() => (request, response) => {
    response.on("close", () => ended.resolve());
    answer(request, response);
  });
  onTestFinished(() => server.close());
  return { ...(await startProxied(tokenConfig(`${server.origin}/mcp`))), ended: ended.promise };
}

const chunked = { "transfer-encoding": "chunked" };

describe("when the client hangs up", () => {
  test.each([
    ["before the response", "POST"],
    ["before the stream begins", "GET"],
  ])("%s, the request to the server ends", async (_, method) => {
    const arrived = deferred();
    const proxied = await watched((request) => void request.resume().on("end", () => arrived.resolve()));
    const { request } = open(proxied.url, { method });
    request.end(method === "POST" ? JSON.stringify(call) : undefined);
    await arrived.promise;
    expect(await proxied.open()).toBe(1);
    request.destroy();
    await proxied.ended;
    await expect.poll(proxied.open).toBe(0);
    expect(await proxied.metrics()).toContain('outcome="canceled",at="caller"} 1');
  });

  test("in the middle of a body that is kept, nothing is sent to the server", async () => {
    let requests = 0;
    const proxied = await watched(() => {
      requests += 1;
    });
    const { request } = open(proxied.url, { method: "POST", headers: chunked });
    request.write("half");
    await expect.poll(proxied.open).toBe(1);
    request.destroy();
    await expect.poll(proxied.open).toBe(0);
    expect(requests).toBe(0);
  });

  test("in the middle of a body that is streamed, the server does not take it for complete", async () => {
    const outcome = deferred<string>();
    const arrived = deferred();
    const proxied = await watched((request) => {
      request.on("data", () => arrived.resolve());
      request.on("end", () => outcome.resolve("complete"));
      request.on("error", () => outcome.resolve("broken off"));
    });
    const { request } = open(proxied.url, { method: "POST", headers: chunked });
    request.write(randomBytes(5_000_000));
    await arrived.promise;
    request.destroy();
    expect(await outcome.promise).toBe("broken off");
    await expect.poll(proxied.open).toBe(0);
  });

  test.each([
    ["an event stream", "GET"],
    ["the stream that answers a call", "POST"],
  ])("in the middle of %s, the request to the server ends", async (_, method) => {
    const proxied = await watched((request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
    });
    const { request, response } = open(proxied.url, { method });
    request.end(method === "POST" ? JSON.stringify(call) : undefined);
    const stream = await response;
    await new Promise((resolve) => stream.once("data", resolve));
    stream.on("error", () => {});
    request.destroy();
    await proxied.ended;
    await expect.poll(proxied.open).toBe(0);
  });

  test("while the proxy waits for a token, nothing is sent to the server", async () => {
    let requests = 0;
    const server = await listen(() => () => {
      requests += 1;
    });
    onTestFinished(() => server.close());
    const asked = deferred();
    const answer = deferred<string>();
    const url = `${server.origin}/mcp`;
    const grant = { type: "static", token: { resolver: "slow", ref: "x" } } as const;
    const proxied = await startProxied({
      config: { servers: { tools: { url, grant } } },
      env: {},
      resolvers: {
        slow() {
          asked.resolve();
          return answer.promise;
        },
      },
    });
    const { request } = open(proxied.url);
    request.end();
    await asked.promise;
    request.destroy();
    await expect.poll(proxied.open).toBe(0);
    answer.resolve("late-token");
    await proxied.auth.resolve("tools").getAccessToken();
    expect(requests).toBe(0);
  });
});

describe("when the server hangs up", () => {
  /** Sends bytes, as a request arrives, and closes the connection; with `reset` at once and without a FIN. */
  async function broken(bytes: string, reset: boolean): Promise<Proxied> {
    const server = await startRawServer((socket) => {
      socket.once("data", () => {
        if (bytes === "") return void (reset ? socket.resetAndDestroy() : socket.end());
        socket.write(bytes, () => (reset ? setImmediate(() => socket.resetAndDestroy()) : socket.end()));
      });
    });
    return await startProxied(tokenConfig(server.url));
  }

  describe.each([
    ["closes", false],
    ["resets", true],
  ])("and %s the connection", (_, reset) => {
    test("before the head, a call gets our error and a notification gets 503", async () => {
      const proxied = await broken("", reset);
      const answer = await post(proxied.url, call);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toMatchObject({
        id: "call-1",
        error: { code: -31_001, data: { code: "unavailable", server: "tools", retryable: true } },
      });
      const { id: _id, ...notification } = call;
      expect(await post(proxied.url, notification)).toMatchObject({ status: 503, text: "" });
      expect(await ask(proxied.url)).toMatchObject({ status: 503, text: "" });
    });

    test.each([
      ["in the middle of a body with a length", "Content-Length: 100\r\n\r\nhello"],
      ["in the middle of a chunked body", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
      [
        "in the middle of an event stream",
        "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
      ],
    ])("%s, the client sees an error and not the end", async (_, rest) => {
      const proxied = await broken(`HTTP/1.1 200 OK\r\n${rest}`, reset);
      await expect(post(proxied.url, call)).rejects.toMatchObject({ code: "ECONNRESET" });
      await expect.poll(proxied.open).toBe(0);
    });
  });

  test("after a body that ends with the connection, the response is complete", async () => {
    const proxied = await broken("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", false);
    expect((await ask(proxied.url)).text).toBe("hello");
  });

  test("a response that is not HTTP is an error without its text", async () => {
    const proxied = await broken(`${serverToken} is what you sent\r\n\r\n`, false);
    const { status, text } = await post(proxied.url, call);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ id: "call-1", error: { data: { code: "unavailable" } } });
    expect(text).not.toContain("what you sent");
  });

  test.each([
    ["a control character in a header", "X-Bad: a\u0001b\r\nContent-Length: 2\r\n\r\nok"],
    ["two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
    ["a length and chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
    ["a head without end", `X-Long: ${"x".repeat(100_000)}`],
  ])("a response with %s is our error, or passes without it", async (_, rest) => {
    const warnings: unknown[] = [];
    const note = (warning: unknown) => warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const proxied = await broken(`HTTP/1.1 200 OK\r\n${rest}`, false);
    const { status, text } = await post(proxied.url, call);
    expect(status).toBe(200);
    if (text !== "ok") expect(JSON.parse(text)).toMatchObject({ error: { data: { code: "unavailable" } } });
    await expect.poll(proxied.open).toBe(0);
    expect(warnings).toEqual([]);
  });

  test("while it receives a body, the client gets an answer", async () => {
    const server = await startRawServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const proxied = await startProxied(tokenConfig(server.url));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const answer = await ask(proxied.url, { method: "POST", body: randomBytes(6_000_000), agent });
    expect(answer).toMatchObject({ status: 503, text: "" });
  });

  test("a connection that the server closed while it was idle is not used again", async () => {
    const server = await startRawServer((socket) => {
      socket.once("data", () => {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    });
    const proxied = await startProxied(tokenConfig(server.url));
    for (let time = 0; time < 5; time += 1) {
      expect((await post(proxied.url, call)).text).toBe("ok");
      await Promise.all(server.sockets.map(closed));
    }
    expect(server.sockets.length).toBe(5);
  });
});

function closed(socket: import("node:net").Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

test("a server that cannot be reached is our error, and its other servers still work", async () => {
  const gone = await startRawServer(() => {});
  const works = await listen(() => (request, response) => {
    request.resume();
    response.end("works");
  });
  onTestFinished(() => works.close());
  const { config, env } = tokenConfig(gone.url.replace(/:\d+/, ":1"));
  const other = { ...config.servers.tools, url: `${works.origin}/mcp` };
  const proxied = await startProxied({ config: { servers: { ...config.servers, other } }, env });
  const answer = await post(proxied.url, call);
  expect(JSON.parse(answer.text)).toMatchObject({ id: "call-1", error: { data: { code: "unavailable" } } });
  expect((await post(proxied.urlOf("other"), call)).text).toBe("works");
});
