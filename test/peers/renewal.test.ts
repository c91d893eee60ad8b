// Known faults of other token managers in renewal, each as a test of this package. See docs/peers.md.
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { outcome, world } from "./world.js";

const second = 1_000;
const minute = 60 * second;

test("fifty concurrent first calls make one token request (Spring #11461, #14123, #15295; msal-node)", async () => {
  const w = await world();
  const manager = await w.start();
  await Promise.all(Array.from({ length: 50 }, () => manager.getAccessToken()));
  expect(w.tokenRequests).toHaveLength(1);
});

test("fifty concurrent calls after expiry make one token request, and none fails (TypeScript SDK)", async () => {
  const w = await world();
  const manager = await w.start({ refresh: false });
  await manager.getAccessToken();
  await w.pass(3_601 * second);
  const calls = await Promise.all(
    Array.from({ length: 50 }, async () => (await manager.fetch(w.url, { method: "POST" })).status),
  );
  expect(new Set(calls)).toEqual(new Set([200]));
  expect(w.tokenRequests).toHaveLength(2);
});

test("an expired token is not sent (TypeScript SDK; Envoy #44674)", async () => {
  const w = await world();
  const manager = await w.start({ refresh: false });
  await manager.fetch(w.url);
  await w.pass(3_601 * second);
  await manager.fetch(w.url);
  expect(w.calls.map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2"]);
});

test("a failed renewal neither fails a call nor discards the usable token (msal-node; google-cloud-rust #5809)", async () => {
  const w = await world();
  const manager = await w.start();
  await manager.getAccessToken();
  w.token = (_request, response) => sendJson(response, {}, 503);
  await w.pass(3_300 * second);
  const seen = new Set<string>();
  for (let calls = 0; calls < 20; calls += 1) {
    seen.add(await manager.getAccessToken());
    await w.pass(second);
  }
  expect([...seen]).toEqual(["token-1"]);
  expect(w.tokenRequests.length, "renewals were attempted").toBeGreaterThan(1);
});

test("a token with a lifetime of five minutes is cached for most of that time, and not longer (google-auth-library)", async () => {
  const w = await world();
  w.lifetime = 300;
  const manager = await w.start({ refresh: false });
  for (let calls = 0; calls < 5; calls += 1) expect(await manager.getAccessToken()).toBe("token-1");
  expect(w.tokenRequests).toHaveLength(1);
  await w.pass(295 * second);
  expect(await manager.getAccessToken()).toBe("token-2");
});

test("tokens with a lifetime of five seconds are renewed in time, and not continuously (openfga java-sdk #388)", async () => {
  const w = await world();
  w.lifetime = 5;
  const manager = await w.start();
  for (let passed = 0; passed < minute; passed += 500) {
    await manager.fetch(w.url);
    await w.pass(500);
  }
  expect(w.tokenRequests.length).toBeGreaterThan(12);
  expect(w.tokenRequests.length).toBeLessThan(25);
});

test("an authorization server that returns the same token again is not asked in a loop (esp-v2 PR 137)", async () => {
  const w = await world();
  const end = w.now() + 600 * second;
  w.token = (_request, response) =>
    sendJson(response, { access_token: "same", token_type: "Bearer", expires_in: (end - w.now()) / second });
  const manager = await w.start();
  while (w.now() < end - second) {
    await manager.getAccessToken();
    await w.pass(second);
  }
  expect(w.tokenRequests.length, "the server was asked again").toBeGreaterThan(1);
  expect(w.tokenRequests.length).toBeLessThan(40);
});

test("the lifetime of a token counts from the time of the request (MCP python-sdk #1318, #3250)", async () => {
  const w = await world();
  w.token = async (_request, response) => {
    // The response takes eight seconds.
    await w.tick(8 * second);
    w.issue(response, 10);
  };
  const manager = await w.start({ refresh: false });
  expect(await manager.getAccessToken()).toBe("token-1");
  w.token = (_request, response) => w.issue(response);
  await w.pass(2 * second);
  expect(await manager.getAccessToken()).toBe("token-2");
});

test("managers whose tokens were issued at the same time do not all renew at the same time (kubernetes #124646)", async () => {
  const w = await world();
  w.lifetime = 600;
  const managers = await Promise.all(Array.from({ length: 30 }, () => w.start()));
  await Promise.all(managers.map((manager) => manager.getAccessToken()));
  const counts: number[] = [];
  await w.pass(385 * second);
  for (let slice = 0; slice < 8; slice += 1) {
    const before = w.tokenRequests.length;
    await w.pass(5 * second);
    counts.push(w.tokenRequests.length - before);
  }
  expect(
    counts.reduce((sum, count) => sum + count, 0),
    "renewed within these slices",
  ).toBeGreaterThan(25);
  expect(Math.max(...counts), "in any five seconds").toBeLessThan(15);
});

test("each set of scopes has its own token (DuendeArchive/Support #1396)", async () => {
  const w = await world();
  const manager = await w.start();
  const read = await manager.getAccessToken({ scopes: ["read"] });
  const write = await manager.getAccessToken({ scopes: ["write"] });
  expect(read).not.toBe(write);
  expect(w.tokenRequests.map(({ body }) => new URLSearchParams(body).get("scope"))).toEqual([
    "read",
    "write",
  ]);
});

test("a caller that aborts does not affect other callers (golang/oauth2 #388)", async () => {
  const w = await world();
  const requested = new Promise<() => void>((resolve) => {
    w.token = (_request, response) => resolve(() => w.issue(response));
  });
  const manager = await w.start();
  const leaving = new AbortController();
  const first = outcome(manager.getAccessToken({ signal: leaving.signal }));
  const third = outcome(manager.getAccessToken());
  const answer = await requested;
  leaving.abort();
  answer();
  // A manager that sends a request per caller gets an answer for each of them too.
  w.token = (_request, response) => w.issue(response);
  expect(
    await Promise.race([Promise.all([first, third]), w.pass(second).then(() => "a caller still waits")]),
  ).toEqual(["failed: aborted", "done"]);
  expect(w.tokenRequests).toHaveLength(1);
});

test("a caller that aborts returns at once, even while the token request is pending (golang.org/x/oauth2)", async () => {
  const w = await world();
  const requested = new Promise<void>((resolve) => {
    w.token = () => resolve();
  });
  const manager = await w.start();
  const leaving = new AbortController();
  let left = "waiting";
  void outcome(manager.getAccessToken({ signal: leaving.signal })).then((how) => {
    left = how;
  });
  await requested;
  leaving.abort();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(left).toBe("failed: aborted");
});

test("a late 401 for an old token does not replace the current token (gravitino PR 12531; TypeScript SDK v2)", async () => {
  const w = await world();
  let refuse: (() => void) | undefined;
  const late = new Promise<void>((resolve) => {
    w.call = (_request, response) => {
      refuse = () => void response.writeHead(401).end();
      resolve();
    };
  });
  const manager = await w.start();
  const slow = manager.fetch(w.url);
  await late;
  w.call = (_request, response) => sendJson(response, {});
  await manager.getAccessToken({ forceRefresh: true });
  refuse?.();
  expect((await slow).status).toBe(200);
  expect(w.tokenRequests).toHaveLength(2);
});
