import { fakeMcpAuth } from "mcp-auth-runtime/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
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
  expect(await listTools(auth)).toEqual(["echo"]);
  expect(tokens).toEqual(["Bearer fake-token-crm-1"]);
});

test("the agent gets a new token when its token has expired", async () => {
  await listTools(auth);
  crm.expire();
  expect(await listTools(auth)).toEqual(["echo"]);
  expect(tokens).toEqual(["Bearer fake-token-crm-1", "Bearer fake-token-crm-2"]);
});

test("the agent gets a new token when the CRM refuses its token", async () => {
  await listTools(auth);
  crm.reject();
  expect(await listTools(auth)).toEqual(["echo"]);
  expect(crm.requests.map(({ reason }) => reason)).toEqual(["demand", "rejected"]);
});

test("the agent works without tools during an outage, and lists them after it", async () => {
  crm.fail("unavailable");
  expect(await listTools(auth)).toEqual([]);
  crm.recover();
  expect(await listTools(auth)).toEqual(["echo"]);
});

test("the agent fails when its client is refused, or lacks a scope", async () => {
  crm.fail("token_request_rejected");
  await expect(listTools(auth)).rejects.toMatchObject({ code: "token_request_rejected" });
  crm.recover();
  crm.fail("insufficient_scope");
  await expect(listTools(auth)).rejects.toMatchObject({ code: "insufficient_scope" });
});

test("the token is renewed before it expires", async () => {
  vi.useFakeTimers();
  const short = await fakeMcpAuth({ servers: { crm: { lifetime: "10m" } } });
  await short.resolve("crm").getAccessToken();
  await vi.advanceTimersByTimeAsync(9 * 60_000);
  expect(short.resolve("crm").requests.map(({ reason }) => reason)).toEqual(["demand", "expiry"]);
  await short.stop();
  vi.useRealTimers();
});
