// What other token managers are known to get wrong when something fails, each as a test of ours. See docs/peers.md.
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { outcome, secret, world } from "./world.js";

const second = 1_000;

test("a 503 is tried again (TypeScript SDK)", async () => {
  const w = await world();
  w.token = (_request, response) => {
    w.token = (_again, later) => w.issue(later);
    sendJson(response, {}, 503);
  };
  const manager = await w.start();
  const call = outcome(manager.getAccessToken());
  await w.pass(second);
  expect(await call).toBe("done");
});

test("a `Retry-After` is kept to (google-auth-library; TypeScript SDK)", async () => {
  const w = await world();
  w.token = (_request, response) => {
    w.token = (_again, later) => w.issue(later);
    sendJson(response, {}, 429, { "retry-after": "5" });
  };
  const manager = await w.start();
  const call = outcome(manager.getAccessToken());
  await w.pass(5 * second - 1);
  expect(w.tokenRequests).toHaveLength(1);
  await w.pass(second);
  expect(await call).toBe("done");
});

test("a 200 without a body is tried again (Envoy #42009)", async () => {
  const w = await world();
  w.token = (_request, response) => {
    w.token = (_again, later) => w.issue(later);
    response.writeHead(200, { "content-type": "application/json" }).end();
  };
  const manager = await w.start();
  const call = outcome(manager.getAccessToken());
  await w.pass(second);
  expect(await call).toBe("done");
});

test("a token endpoint that does not answer is not waited for without end (TypeScript SDK)", async () => {
  const w = await world();
  let ended = "waiting";
  const asked = new Promise<void>((resolve) => {
    w.token = () => resolve();
  });
  const manager = await w.start({ timeout: "1s", retry: { attempts: 1 } });
  void outcome(manager.getAccessToken()).then((how) => {
    ended = how;
  });
  await asked;
  await w.tick(2 * second);
  expect(ended).toBe("failed: timeout");
});

test("a wrong secret does not make a request of every call (camunda #44815; TypeScript SDK)", async () => {
  const w = await world();
  w.token = (_request, response) => sendJson(response, { error: "invalid_client" }, 401);
  const manager = await w.start();
  for (let calls = 0; calls < 16; calls += 1) {
    expect(await outcome(manager.getAccessToken())).not.toBe("done");
    await w.pass(60);
  }
  expect(w.tokenRequests.length).toBeLessThanOrEqual(1);
});

test("a client that was refused at its start is back when its secret is mended (camunda docs #9917)", async () => {
  const w = await world();
  w.env["SECRET"] = "wrong";
  const right = Buffer.from(`agent:${new URLSearchParams({ "": secret }).toString().slice(1)}`).toString(
    "base64",
  );
  w.token = ({ headers }, response) => {
    if (headers.authorization === `Basic ${right}`) w.issue(response);
    else sendJson(response, { error: "invalid_client" }, 401);
  };
  const manager = await w.start();
  expect(await outcome(manager.getAccessToken())).not.toBe("done");
  w.env["SECRET"] = secret;
  await w.pass(second);
  expect(await outcome(manager.getAccessToken())).toBe("done");
});

test("what a server writes into an error shows in none of ours (librefang #5525)", async () => {
  const w = await world();
  const canary = "canary-in-a-body";
  w.token = (_request, response) =>
    sendJson(response, { error: "invalid_request", error_description: canary }, 400);
  const manager = await w.start();
  const error: unknown = await manager.getAccessToken().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).not.toContain(canary);
});

test("a log at all levels holds no token (google-auth-library; librefang #5525)", async () => {
  const w = await world();
  const manager = await w.start();
  const token = await manager.getAccessToken();
  expect(w.log).not.toEqual([]);
  expect(w.log.join("\n")).not.toContain(token);
});
