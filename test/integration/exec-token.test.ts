import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { longLived } from "../../src/cli/exec.js";
import { createMemoryStore, MemoryData } from "../../src/testing.js";
import { sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { createTestManager, sendToken, startScriptedIssuer } from "./harness.js";

/** A new process finds a token in the store that is `age` seconds old, of an hour. */
async function tokenForCommand(age: number, isRefused: boolean): Promise<string> {
  let count = 0;
  const issuer = await startScriptedIssuer((_request, response) => {
    count += 1;
    if (count > 1 && isRefused) sendJson(response, { error: "unauthorized_client" }, 400);
    else sendToken(response, `t${count}`);
  });
  const { clock, fetch } = liveClock();
  const key = randomBytes(32).toString("base64url");
  const data = new MemoryData();
  const store = () => ({ ...createMemoryStore({ data, clock }), encryptionKeys: () => [key] });
  const first = await createTestManager(issuer, { clock, fetch, store: store() });
  await first.manager.getAccessToken();
  await first.auth.stop();
  clock.jump(age * 1_000);
  const { manager } = await createTestManager(issuer, { clock, fetch, store: store() });
  return await longLived(manager, new AbortController().signal);
}

test("a command gets a stored token that lasts, and a new one in place of one that is due for renewal", async () => {
  expect(await tokenForCommand(60, false)).toBe("t1");
  expect(await tokenForCommand(3_400, false)).toBe("t2");
});

test("a command gets the stored token if it cannot be renewed and still works", async () => {
  expect(await tokenForCommand(3_400, true)).toBe("t1");
});
