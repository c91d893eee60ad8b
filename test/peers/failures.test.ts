// Known faults of other token managers in handling failures, each as a test of this package. See docs/peers.md.
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { outcome, secret, world } from "./world.js";

const second = 1_000;

test("a token request that fails with 503 is retried (TypeScript SDK)", async () => {
  const w = await world();
  w.token = (_request, response) => {
    w.token = (_retry, nextResponse) => w.issue(nextResponse);
    sendJson(response, {}, 503);
  };
  const manager = await w.start();
  const call = outcome(manager.getAccessToken());
  await w.pass(second);
  expect(await call).toBe("done");
});

test("a retry waits as long as `Retry-After` says (google-auth-library; TypeScript SDK)", async () => {
  const w = await world();
  w.token = (_request, response) => {
    w.token = (_retry, nextResponse) => w.issue(nextResponse);
    sendJson(response, {}, 429, { "retry-after": "5" });
  };
  const manager = await w.start();
  const call = outcome(manager.getAccessToken());
  await w.pass(5 * second - 1);
  expect(w.tokenRequests).toHaveLength(1);
  await w.pass(second);
  expect(await call).toBe("done");
});

test("a token response with status 200 and no body is retried (Envoy #42009)", async () => {
  const w = await world();
  w.token = (_request, response) => {
    w.token = (_retry, nextResponse) => w.issue(nextResponse);
    response.writeHead(200, { "content-type": "application/json" }).end();
  };
  const manager = await w.start();
  const call = outcome(manager.getAccessToken());
  await w.pass(second);
  expect(await call).toBe("done");
});

test("a token request that gets no answer ends with a timeout (TypeScript SDK)", async () => {
  const w = await world();
  let ended = "waiting";
  const requested = new Promise<void>((resolve) => {
    w.token = () => resolve();
  });
  const manager = await w.start({ timeout: "1s", retry: { attempts: 1 } });
  void outcome(manager.getAccessToken()).then((how) => {
    ended = how;
  });
  await requested;
  await w.tick(2 * second);
  expect(ended).toBe("failed: timeout");
});

test("repeated calls with a wrong secret do not each make a token request (camunda #44815; TypeScript SDK)", async () => {
  const w = await world();
  w.token = (_request, response) => sendJson(response, { error: "invalid_client" }, 401);
  const manager = await w.start();
  for (let calls = 0; calls < 16; calls += 1) {
    expect(await outcome(manager.getAccessToken())).not.toBe("done");
    await w.pass(60);
  }
  expect(w.tokenRequests.length).toBeLessThanOrEqual(1);
});

test("a client that was refused on startup works again after its secret is fixed (camunda docs #9917)", async () => {
  const w = await world();
  w.env["SECRET"] = "wrong";
  const correct = Buffer.from(`agent:${new URLSearchParams({ "": secret }).toString().slice(1)}`).toString(
    "base64",
  );
  w.token = ({ headers }, response) => {
    if (headers.authorization === `Basic ${correct}`) w.issue(response);
    else sendJson(response, { error: "invalid_client" }, 401);
  };
  const manager = await w.start();
  expect(await outcome(manager.getAccessToken())).not.toBe("done");
  w.env["SECRET"] = secret;
  await w.pass(second);
  expect(await outcome(manager.getAccessToken())).toBe("done");
});

test("an error does not contain text from the server's error response (librefang #5525)", async () => {
  const w = await world();
  const canary = "canary-in-a-body";
  w.token = (_request, response) =>
    sendJson(response, { error: "invalid_request", error_description: canary }, 400);
  const manager = await w.start();
  const error: unknown = await manager.getAccessToken().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).not.toContain(canary);
});

test("a log of all levels contains no token (google-auth-library; librefang #5525)", async () => {
  const w = await world();
  const manager = await w.start();
  const token = await manager.getAccessToken();
  expect(w.log).not.toEqual([]);
  expect(w.log.join("\n")).not.toContain(token);
});
