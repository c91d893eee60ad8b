import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { Metrics } from "../../../src/proxy/metrics.js";
import { answerOperation, answerProbe, type Operations } from "../../../src/proxy/operations.js";
import { Measurements } from "../../../src/telemetry/measurements.js";
import { exchange } from "../../integration/attacked-proxy.js";
import { listen } from "../../support/listen.js";
import { emptyStatusPage } from "./status-page.js";

const token = "operating-token-0123456789";

async function startOperations(isReady = true) {
  const operations: Operations = {
    statuses: () => [{ server: "secret-name", state: "fresh" }],
    metrics: new Metrics({ measurements: new Measurements(), now: Date.now }, () => true),
    readiness: () => isReady,
    isOperatingToken: (candidate) => candidate === token,
    startedAt: 1,
    statusPage: emptyStatusPage(),
  };
  const server = await listen(() => (request, response) => {
    void answerOperation(operations, request.url ?? "", request, response);
  });
  onTestFinished(() => server.close());
  const ask = (
    path: string,
    headers: Record<string, string> = { authorization: `Bearer ${token}` },
    method = "GET",
  ) => fetch(`${server.origin}${path}`, { headers, method });
  return ask;
}

const paths = ["/-/live", "/-/ready", "/-/metrics", "/-/status"];

test("a browser that opens the status gets a page without data, with a policy that allows only its own parts", async () => {
  const ask = await startOperations();
  const accept = "text/html,application/xhtml+xml,*/*;q=0.8";
  const page = await ask("/-/status", { accept });
  const html = await page.text();
  expect(page.status).toBe(200);
  expect(html).not.toMatch(/secret-name|0123456789/);
  const { "content-security-policy": policy, ...headers } = Object.fromEntries(page.headers);
  expect(headers).toMatchObject({
    ...{ "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" },
    "content-type": "text/html; charset=utf-8",
  });
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; /,
  );
  // Nothing but these two parts could run or apply.
  expect(html.match(/<(?:script|style|link|img|iframe|object)\b[^>]*>/g)).toEqual(["<style>", "<script>"]);
  expect(html).not.toMatch(/\bhttps?:\/\/|\son\w+=|\bstyle=/);
  for (const path of ["/-/status?x", "/-/status/", "/-/metrics", "/-/status/events"])
    expect((await ask(path, { accept })).status).toBe(403);
  expect((await ask("/-/status", { accept }, "HEAD")).status).toBe(403);
  const withToken = await ask("/-/status", { accept, authorization: `Bearer ${token}` });
  expect(withToken.headers.get("content-type")).toBe("application/json");
});

test.each(paths)("%s needs the operating token", async (path) => {
  const ask = await startOperations();
  const wrong = [
    "",
    token,
    `Basic ${token}`,
    `Bearer ${token}x`,
    "Bearer",
    "Bearer ",
    `Bearer ${token} ${token}`,
  ];
  for (const authorization of wrong) {
    const response = await ask(path, authorization === "" ? {} : { authorization });
    expect(response.status).toBe(403);
    expect(response.headers.has("www-authenticate")).toBe(false);
    expect(await response.text()).not.toMatch(/secret-name|0123456789/);
  }
  expect((await ask(`${path}?token=${token}&access_token=${token}`, {})).status).toBe(403);
  const right = await ask(path);
  expect(right.status).toBe(200);
  expect(Object.fromEntries(right.headers)).toMatchObject({
    ...{ "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" },
    "content-security-policy": "sandbox; default-src 'none'",
  });
  expect((await ask(path, { authorization: `bearer   ${token}` })).status).toBe(200);
});

test("only GET and HEAD are allowed, and a wrong token is refused first", async () => {
  const ask = await startOperations();
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    expect((await ask("/-/status", undefined, method)).status).toBe(405);
    expect((await ask("/-/status", {}, method)).status).toBe(403);
  }
  const head = await ask("/-/status", undefined, "HEAD");
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test.each(["/-/", "/-/status/", "/-/Status", "/-/../crm", "/-//status", "/-/status%3f", "/-/constructor"])(
  "there is nothing at %s",
  async (path) => {
    const server = await startOperations();
    const response = await server(path);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe("There are /-/live, /-/ready, /-/metrics and /-/status.");
  },
);

test("the status and the metrics say what the proxy serves", async () => {
  const ask = await startOperations(false);
  expect(await (await ask("/-/status?x")).json()).toMatchObject({
    ...{ pid: process.pid, startedAt: 1, ready: false },
    servers: [{ server: "secret-name", state: "fresh" }],
  });
  expect(await (await ask("/-/metrics")).text()).toContain(
    '{mcp_auth_server="secret-name",mcp_auth_state="fresh"} 1',
  );
  expect((await ask("/-/live")).status).toBe(200);
  expect((await ask("/-/ready")).status).toBe(503);
});

test("probes show whether the proxy is ready and nothing else", async () => {
  let isReady = true;
  const server = createServer((request, response) => {
    response.setHeader("connection", "close");
    answerProbe(() => isReady, request.url ?? "", response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The server has no address.");
  const ask = async (path: string) => {
    const text = await exchange(address.port, `GET ${path} HTTP/1.1\r\nHost: anything\r\n\r\n`);
    return [Number(text.slice(9, 12)), text.slice(text.indexOf("\r\n\r\n") + 4)];
  };
  expect(await ask("/-/live")).toEqual([200, "live\n"]);
  expect(await ask("/-/ready?a")).toEqual([200, "ready\n"]);
  isReady = false;
  expect(await ask("/-/ready")).toEqual([503, "not ready\n"]);
  for (const path of ["/-/status", "/-/metrics", "/", "/-/", "/crm", "/-/livE", "/-/live/", "//-/live"])
    expect(await ask(path)).toEqual([404, "There are /-/live and /-/ready.\n"]);
});
