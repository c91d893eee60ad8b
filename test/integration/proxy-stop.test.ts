// Stopping the proxy: what is in progress ends, nothing is left, and the runtime goes on.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startProxy } from "../../src/proxy.js";
import { deferred } from "../support/deferred.js";
import { listen } from "../support/listen.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime } from "./harness.js";
import { ask, call, open, post, read, serverToken, startProxied, tokenConfig } from "./proxied.js";

/** A server that streams to a GET, answers at once to "quick", and otherwise when `finish` is called. */
async function startServer() {
  const pending: ServerResponse[] = [];
  const arrived = deferred();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
      return;
    }
    const { text } = await read(request);
    if (text.includes("quick")) return void response.end("quick");
    pending.push(response);
    arrived.resolve();
  };
  const server = await listen(() => (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  onTestFinished(() => server.close());
  const finish = () => pending.map((response) => response.end("finished"));
  return { ...server, url: `${server.origin}/mcp`, arrived: arrived.promise, pending, finish };
}

/** Makes the grace of a stop end. Only our timer is faked, not those of Node's own modules. */
function endGrace(): void {
  vi.advanceTimersByTime(8_000);
}

function fakeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

test("on stop, calls in progress end normally, event streams end at once, and the runtime goes on", async () => {
  const server = await startServer();
  const socket = join(await temporaryFolder(), "proxy.sock");
  const proxied = await startProxied(tokenConfig(server.url), { listen: "127.0.0.1:0", socket });
  const slow = post(proxied.url, call);
  await server.arrived;
  const stream = open(proxied.url);
  stream.request.end();
  const response = await stream.response;
  const ended = read(response);

  const stopped = proxied.stop();
  await expect(ended).rejects.toMatchObject({ code: "ECONNRESET" });
  server.finish();
  expect((await slow).text).toBe("finished");
  await stopped;
  await proxied.stop();

  await expect(ask(proxied.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(existsSync(socket)).toBe(false);
  expect(await proxied.auth.resolve("tools").getAccessToken()).toBe(serverToken);
  // The port and the socket can be used again, and no connection to the server is left.
  const again = await startProxied(tokenConfig(server.url), { listen: new URL(proxied.origin).host, socket });
  expect((await post(again.url, { ...call, method: "quick" })).text).toBe("quick");
  await again.stop();
  await expect.poll(() => server.connections).toBe(0);
});

test("a request that is complete only while the proxy stops gets our error", async () => {
  const server = await startServer();
  const proxied = await startProxied(tokenConfig(server.url));
  const headers = { "transfer-encoding": "chunked" };
  const { request, response } = open(proxied.url, { method: "POST", headers });
  const text = JSON.stringify(call);
  request.write(text.slice(0, 10));
  await expect.poll(proxied.open).toBe(1);
  const stopped = proxied.stop();
  request.end(text.slice(10));
  const answer = await read(await response);
  expect(JSON.parse(answer.text)).toMatchObject({ id: "call-1", error: { data: { code: "stopped" } } });
  await stopped;
  expect(server.pending).toHaveLength(0);
});

test("after the grace, a call gets our error, and one whose answer has begun breaks off", async () => {
  const server = await startServer();
  const proxied = await startProxied(tokenConfig(server.url));
  const silent = post(proxied.url, call);
  await server.arrived;
  const begun = open(proxied.url, { method: "POST" });
  begun.request.end(JSON.stringify(call));
  await expect.poll(() => server.pending.length).toBe(2);
  server.pending[1]?.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
  const broken = read(await begun.response);

  fakeTimers();
  const stopped = proxied.stop();
  endGrace();
  const { status, text } = await silent;
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ id: "call-1", error: { data: { code: "stopped" } } });
  await expect(broken).rejects.toMatchObject({ code: "ECONNRESET" });
  await stopped;
});

test("a client that never sends the rest of its body does not hold up the stop", async () => {
  const server = await startServer();
  const proxied = await startProxied(tokenConfig(server.url));
  const { request, response } = open(proxied.url, {
    method: "POST",
    headers: { "transfer-encoding": "chunked" },
  });
  request.write('{"jsonrpc":"2.0",');
  await expect.poll(proxied.open).toBe(1);
  fakeTimers();
  const stopped = proxied.stop();
  endGrace();
  expect((await response).statusCode).toBe(503);
  await stopped;
});

test("a call that waits for a token gets our error after the grace", async () => {
  const server = await startServer();
  const asked = deferred();
  const answered = deferred<string>();
  const grant = { type: "static", token: { resolver: "slow", ref: "x" } } as const;
  const proxied = await startProxied({
    config: { servers: { tools: { url: server.url, grant } } },
    env: {},
    resolvers: {
      slow() {
        asked.resolve();
        return answered.promise;
      },
    },
  });
  const waiting = post(proxied.url, call);
  await asked.promise;
  fakeTimers();
  const stopped = proxied.stop();
  endGrace();
  expect(JSON.parse((await waiting).text)).toMatchObject({ error: { data: { code: "stopped" } } });
  await stopped;
  answered.resolve("too late");
});

test("a proxy whose runtime has stopped answers with our error", async () => {
  const server = await startServer();
  const proxied = await startProxied(tokenConfig(server.url));
  await proxied.auth.stop();
  expect(JSON.parse((await post(proxied.url, call)).text)).toMatchObject({
    error: { data: { code: "stopped" } },
  });
  expect(await ask(proxied.url)).toMatchObject({ status: 503, text: "" });
});

test("startProxy serves the servers that it is told to, and tells hosts their URLs", async () => {
  const server = await startServer();
  const { config, env } = tokenConfig(server.url);
  const { tools } = config.servers;
  const auth = await createTestRuntime({ config: { servers: { tools, hidden: tools, more: tools } }, env });
  const proxy = await startProxy(auth, { servers: ["tools", "more"] });
  onTestFinished(() => proxy.stop());
  expect(proxy.mcpServers()).toEqual({
    tools: { type: "http", url: proxy.url("tools") },
    more: { type: "http", url: proxy.url("more") },
  });
  expect(Object.keys(proxy.mcpServers(["more"]))).toEqual(["more"]);
  expect(() => proxy.url("hidden")).toThrow(expect.objectContaining({ code: "unknown_server" }));
  expect((await post(proxy.url("more"), { ...call, method: "quick" })).text).toBe("quick");
  const hidden = await post(proxy.url("tools").replace(/tools$/, "hidden"), call);
  expect(JSON.parse(hidden.text)).toMatchObject({ error: { data: { code: "unknown_server" } } });
});

test("servers that a reload adds are served, and those that it removes are not", async () => {
  const [first, second] = [await startServer(), await startServer()];
  const { config, env } = tokenConfig(first.url);
  const { tools } = config.servers;
  const folder = await temporaryFolder();
  const file = join(folder, "mcp-auth.config.json");
  const write = (servers: object) => writeFile(file, JSON.stringify({ servers }));
  await write({ tools, old: tools });
  const proxied = await startProxied({ config: file, cwd: folder, env });
  const quick = { ...call, method: "quick" };
  const [old, added] = ["old", "added"].map((name) => proxied.url.replace(/tools$/, name));
  const stream = open(`${old}`);
  stream.request.end();
  const response = await stream.response;
  expect((await post(`${added}`, quick)).text).toContain("unknown_server");

  await write({ tools: { ...tools, url: second.url }, added: tools });
  await proxied.auth.reload();
  expect((await post(`${added}`, quick)).text).toBe("quick");
  expect((await post(`${old}`, quick)).text).toContain("unknown_server");
  expect(Object.keys(proxied.mcpServers())).toEqual(["tools", "added"]);
  // The server has moved, and the next call goes there.
  const moved = post(proxied.url, call);
  await second.arrived;
  second.finish();
  expect((await moved).text).toBe("finished");
  // A stream that was open stays open.
  expect(response.destroyed).toBe(false);
});

test("a reload that removes a server lets a call in progress end normally", async () => {
  const server = await startServer();
  const { config, env } = tokenConfig(server.url);
  const folder = await temporaryFolder();
  const file = join(folder, "mcp-auth.config.json");
  await writeFile(file, JSON.stringify(config));
  const proxied = await startProxied({ config: file, cwd: folder, env });
  const slow = post(proxied.url, call);
  await server.arrived;
  await writeFile(file, JSON.stringify({ servers: {} }));
  await proxied.auth.reload();
  server.finish();
  expect(await slow).toMatchObject({ status: 200, text: "finished" });
});

test("calls that wait for an earlier one of their connection end with it, and do not hold up the stop", async () => {
  const server = await startServer();
  const proxied = await startProxied(tokenConfig(server.url));
  const { port, pathname } = new URL(proxied.url);
  const pipelined = (method: string, body = "") =>
    `${method} ${pathname} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (const leaves of [true, false]) {
    const socket = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(`${pipelined("GET")}${pipelined("POST", JSON.stringify(call))}`);
    await vi.waitFor(() => expect(server.pending).toHaveLength(leaves ? 1 : 2), { timeout: 60_000 });
    if (!leaves) continue;
    socket.destroy();
    await vi.waitFor(async () => expect(await proxied.open()).toBe(0), { timeout: 60_000 });
    expect(server.pending[0]?.destroyed).toBe(true);
  }
  fakeTimers();
  const stopped = proxied.stop();
  endGrace();
  await stopped;
});

test("a connection that the host keeps open does not hold up the stop", async () => {
  const server = await startServer();
  const proxied = await startProxied(tokenConfig(server.url));
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  await post(proxied.url, { ...call, method: "quick" }, { agent });
  fakeTimers();
  await proxied.stop();
});
