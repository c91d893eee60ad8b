import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { fakeMcpAuth } from "mcp-auth-runtime/testing";
import { listTools } from "./agent.js";

let auth;
let crm;
let tokens;

beforeEach(async () => {
  tokens = [];
  auth = await fakeMcpAuth({ servers: { crm: { fetch: answer } } });
  crm = auth.resolve("crm");
});

afterEach(() => auth.stop());

/** Answers in place of the CRM. */
function answer(request) {
  tokens.push(request.headers.get("authorization"));
  return Response.json({ jsonrpc: "2.0", id: 1, result: { tools: [{ name: "echo" }] } });
}

test("the agent lists the tools with its token", async () => {
  assert.deepEqual(await listTools(auth), ["echo"]);
  assert.deepEqual(tokens, ["Bearer fake-token-crm-1"]);
});

test("the agent gets a new token when its token has expired", async () => {
  await listTools(auth);
  crm.expire();
  assert.deepEqual(await listTools(auth), ["echo"]);
  assert.deepEqual(tokens, ["Bearer fake-token-crm-1", "Bearer fake-token-crm-2"]);
});

test("the agent gets a new token when the CRM refuses its token", async () => {
  await listTools(auth);
  crm.reject();
  assert.deepEqual(await listTools(auth), ["echo"]);
  assert.deepEqual(
    crm.requests.map(({ reason }) => reason),
    ["demand", "rejected"],
  );
});

test("the agent works without tools during an outage, and lists them after it", async () => {
  crm.fail("unavailable");
  assert.deepEqual(await listTools(auth), []);
  crm.recover();
  assert.deepEqual(await listTools(auth), ["echo"]);
});

test("the agent fails when its client is refused, or lacks a scope", async () => {
  crm.fail("token_request_rejected");
  await assert.rejects(listTools(auth), { code: "token_request_rejected" });
  crm.recover();
  crm.fail("insufficient_scope");
  await assert.rejects(listTools(auth), { code: "insufficient_scope" });
});

test("the token is renewed before it expires", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const short = await fakeMcpAuth({ servers: { crm: { lifetime: "10m" } } });
  await short.resolve("crm").getAccessToken();
  const renewed = new Promise((resolve) => short.on("token:renewed", resolve));
  mock.timers.tick(9 * 60_000);
  await renewed;
  assert.deepEqual(
    short.resolve("crm").requests.map(({ reason }) => reason),
    ["demand", "expiry"],
  );
  await short.stop();
  mock.timers.reset();
});
