// Event streams through the proxy: as they arrive, resumed, and for longer than any token lives.
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { sendJson } from "../support/http-server.js";
import { startEverything } from "./everything-server.js";
import { sendToken, startScriptedIssuer } from "./harness.js";
import { call, open, post, startProxied, tokenConfig } from "./proxied.js";
import { byPath, connectProxied } from "./proxied-clients.js";

/** Reads events one by one. */
function events(stream: IncomingMessage): () => Promise<string> {
  const chunks = stream.setEncoding("utf8")[Symbol.asyncIterator]();
  let text = "";
  return async () => {
    while (!text.includes("\n\n")) {
      const { value, done } = await chunks.next();
      if (done) throw new Error("The stream has ended.");
      text += value;
    }
    const [event = "", ...rest] = text.split("\n\n");
    text = rest.join("\n\n");
    return event;
  };
}

/** Starts a server with an endless stream, which a test writes to. */
async function startStreams(token: (number: number) => { text: string; seconds: number }) {
  const streams: ServerResponse[] = [];
  const issuer = await startScriptedIssuer(
    (_request, response) => {
      const { text, seconds } = token(issuer.tokenRequests().length);
      sendToken(response, text, seconds);
    },
    ({ method, headers }, response) => {
      if (method !== "GET") return sendJson(response, { token: headers.authorization });
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      streams.push(response);
    },
  );
  return { issuer, streams };
}

test("the head of a stream arrives before its first event, and each event as it is sent", async () => {
  const { issuer, streams } = await startStreams(() => ({ text: "token-one", seconds: 3_600 }));
  const proxied = await startProxied(issuer);
  const { request, response } = open(proxied.url, { headers: { accept: "text/event-stream" } });
  request.end();
  const stream = await response;
  expect(stream.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
  const next = events(stream);
  for (const data of ["one", "two", "three"]) {
    streams[0]?.write(`id: ${data}\ndata: ${data}\n\n`);
    expect(await next()).toBe(`id: ${data}\ndata: ${data}`);
  }
  streams[0]?.end();
  await expect(next()).rejects.toThrow("has ended");
});

test("a stream lives for an hour with tokens of ten seconds, which calls beside it renew", async () => {
  const { issuer, streams } = await startStreams((number) => ({
    text: `token-${number}-of-many`,
    seconds: 10,
  }));
  const clock = fakeClock(Date.now());
  // On demand only: a renewal every few seconds would take the fake clock long.
  const config = { defaults: { refresh: false }, ...issuer.config } as const;
  const proxied = await startProxied({ ...issuer, config, clock });
  const { request, response } = open(proxied.url);
  request.end();
  const next = events(await response);
  const tokens = new Set<unknown>();
  for (let minute = 1; minute <= 60; minute += 1) {
    await clock.advance(60_000);
    tokens.add(JSON.parse((await post(proxied.url, call)).text).token);
    streams[0]?.write(`data: minute ${minute}\n\n`);
    expect(await next()).toBe(`data: minute ${minute}`);
  }
  expect(tokens.size).toBe(60);
  expect(streams).toHaveLength(1);
  expect(issuer.server.requests.filter(({ method, url }) => method === "GET" && url === "/mcp")).toHaveLength(
    1,
  );
});

describe.each([
  ["v1", "v2"],
  ["v2", "v1"],
] as const)("a host of SDK %s", (hostSdk, serverSdk) => {
  test("resumes the stream of a call that broke off, through the proxy, with Last-Event-ID", async () => {
    const { server, finish } = await startEverything(serverSdk, { resumable: true });
    const proxied = await startProxied(tokenConfig(server.url));
    const { call: callTool } = await connectProxied(hostSdk, byPath(proxied));
    const progressed = deferred();
    const slow = callTool("progress", "", { onprogress: progressed.resolve });
    await progressed.promise;
    server.requests.find(({ rpc }) => rpc === "tools/call")?.response.destroy();
    finish();
    expect(await slow).toBe("done");
    const resumed = server.requests.filter(({ headers }) => headers["last-event-id"] !== undefined);
    expect(resumed.length).toBeGreaterThan(0);
  });
});

test("Last-Event-ID, the session and the protocol version reach the server, and its session the host", async () => {
  const { server } = await startEverything("v1", { resumable: true });
  const proxied = await startProxied(tokenConfig(server.url));
  const clientInfo = { name: "raw", version: "1.0.0" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const accept = { accept: "application/json, text/event-stream" };
  const message = { jsonrpc: "2.0", id: 1, method: "initialize", params };
  const { headers } = await post(proxied.url, message, { headers: accept });
  const session = String(headers["mcp-session-id"]);
  expect(server.sessions.has(session)).toBe(true);
  const sent = {
    "mcp-session-id": session,
    "mcp-protocol-version": "2025-11-25",
    "last-event-id": "unknown_0",
    "mcp-method": "tools/list",
    "x-of-the-host": "yes",
  };
  const { request } = open(proxied.url, { headers: { ...accept, ...sent } });
  request.end();
  await expect.poll(() => server.requests.at(-1)?.headers).toMatchObject(sent);
});

test("all requests of a host to the server use the connections of the proxy", async () => {
  const { server } = await startEverything("v1");
  const proxied = await startProxied(tokenConfig(server.url));
  const { call: callTool } = await connectProxied("v1", byPath(proxied));
  for (let time = 0; time < 20; time += 1) await callTool("echo", "again");
  // One for the stream, and one for calls, which follow each other.
  expect(server.connections).toBeLessThanOrEqual(3);
});
