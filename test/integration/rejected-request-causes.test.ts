// The message about a rejected token request names the cause: first if the server says what such servers say, and among
// the candidates if it says nothing.
import { describe, expect, test } from "vitest";
import { findingsIn } from "../../src/errors/findings.js";
import type { McpAuthError } from "../../src/index.js";
import { rejectionOf } from "../support/rejection-of.js";
import { type Fault, faults, type Words } from "./faulty-servers.js";
import { withFault } from "./run-fault.js";

async function rejectedBy(fault: Fault, words: Words | number): Promise<McpAuthError> {
  const manager = await withFault(fault, words);
  const error = await rejectionOf(manager.getAccessToken());
  expect(error.code).toBe("token_request_rejected");
  for (const value of Object.values(fault.env)) expect(error.message).not.toContain(value.trim());
  // The message of the rejection, at most three sentences of advice, and one about the details.
  const [, advice = ""] = /rejected the request \([^)]*\)\. (.*)$/s.exec(error.message) ?? [];
  expect(advice).not.toBe("");
  return error;
}

describe.each(faults.map((fault) => [fault.title, fault] as const))("a server that %s", (_, fault) => {
  test("is explained first if it says what such servers say", async () => {
    const error = await rejectedBy(fault, fault.words);
    expect(findingsIn(error)[0]).toBe(fault.id);
    expect(error.message).toContain(fault.remedy);
  });

  test("is among the candidates after a bare 401", async () => {
    expect(findingsIn(await rejectedBy(fault, 401))).toEqual(fault.bare401);
  });

  test("is among the candidates after a bare 400", async () => {
    expect(findingsIn(await rejectedBy(fault, 400))).toEqual(fault.bare400);
  });
});

const correctable = faults.filter(({ corrected }) => corrected !== undefined);

test.each(correctable.map((fault) => [fault.title, fault] as const))(
  "a server that %s issues a token once the config is corrected",
  async (_, fault) => {
    const manager = await withFault(fault, fault.words, true);
    expect(await manager.getAccessToken()).toBe("granted");
  },
);
