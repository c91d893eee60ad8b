// What the command `proxy` prints about its servers and about requests that it refuses.
import { expect, test } from "vitest";
import { reportFailures, reportRefusals } from "../../../../src/cli/proxy/reports.js";
import { McpAuthError, type McpAuthErrorCode } from "../../../../src/errors/error.js";
import type { McpAuthEvents } from "../../../../src/index.js";
import { fakeClock } from "../../../support/fake-clock.js";

type Name = "token:failed" | "token:warning" | "token:renewed";

/** A runtime with the server `crm`, whose events the test emits, and the lines that were printed. */
function start() {
  const clock = fakeClock();
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  const listeners = new Map<string, (event: never) => void>();
  const outcome = reportFailures(
    {
      has: (name): name is string => name === "crm",
      on(event, listener) {
        listeners.set(event, listener);
        return () => {};
      },
    },
    { note },
    ({ message }) => note(`refused: ${message}`),
    clock,
  );
  return {
    clock,
    outcome,
    emit(name: Name, event: Partial<McpAuthEvents[Name]>) {
      // The reports read no other fields.
      listeners.get(name)?.({ server: "crm", ...event } as never);
    },
    fail: (code: McpAuthErrorCode, message: string, server = "crm") =>
      outcome(server, new McpAuthError(code, message)),
    printed: () => lines.splice(0),
  };
}

test("a server that has no token is reported once, and so is the token that it gets later", () => {
  const { emit, fail, outcome, printed } = start();
  emit("token:failed", { message: "No token." });
  fail("unavailable", "No token.");
  emit("token:failed", { message: "No token." });
  expect(printed()).toEqual(["warning: No token."]);
  emit("token:renewed", {});
  outcome("crm", undefined);
  emit("token:renewed", {});
  expect(printed()).toEqual(['Server "crm" has a token again.']);
});

test("a server that does not answer is reported as working again when it answers, and not when it has a token", () => {
  const { clock, emit, fail, outcome, printed } = start();
  fail("unavailable", "It does not answer.");
  emit("token:renewed", {});
  fail("unavailable", "It does not answer.");
  expect(printed()).toEqual(["warning: It does not answer."]);
  outcome("crm", undefined);
  outcome("crm", undefined);
  expect(printed()).toEqual(['Server "crm" answers again.']);
  clock.jump(60_000);
  fail("unavailable", "It does not answer.");
  expect(printed()).toEqual(["warning: It does not answer."]);
});

test("a server that refuses each token works again when it answers, and not when it gets another token", () => {
  const { emit, outcome, printed } = start();
  emit("token:warning", { code: "unauthorized", message: "It refuses the token." });
  emit("token:warning", { code: "clock_skew", message: "The clocks differ." });
  emit("token:renewed", {});
  expect(printed()).toEqual(["warning: It refuses the token."]);
  outcome("crm", undefined);
  expect(printed()).toEqual(['Server "crm" answers again.']);
});

test("calls that succeed while renewals fail are no recovery", () => {
  const { emit, outcome, printed } = start();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    emit("token:failed", { message: "No token." });
    outcome("crm", undefined);
  }
  emit("token:renewed", {});
  expect(printed()).toEqual(["warning: No token.", 'Server "crm" has a token again.']);
});

test("a failure that comes and goes is printed once a minute, and each recovery only after its failure", () => {
  const { clock, fail, outcome, printed } = start();
  for (let second = 0; second < 120; second += 1) {
    fail("unavailable", "It does not answer.");
    outcome("crm", undefined);
    clock.jump(1_000);
  }
  const pair = ["warning: It does not answer.", 'Server "crm" answers again.'];
  expect(printed()).toEqual([...pair, ...pair]);
});

test("a mistake of one request is reported, and the next answer is no recovery", () => {
  const { fail, outcome, printed } = start();
  fail("egress_denied", "It leads elsewhere.");
  outcome("crm", undefined);
  expect(printed()).toEqual(["warning: It leads elsewhere."]);
});

test("a request to a name that the config does not have is reported without the name", () => {
  const { fail, printed } = start();
  fail("unknown_server", "There is no chosen-by-a-caller.", "chosen-by-a-caller");
  expect(printed()).toEqual([expect.stringMatching(/^refused: Its URL names no server of the config\./)]);
});

test("each reason for a refusal is printed at most once a minute, with the number of requests in between", () => {
  const lines: string[] = [];
  const clock = fakeClock();
  const refuse = reportRefusals({ note: (line) => void lines.push(line) }, clock);
  for (let request = 0; request < 1_000; request += 1) refuse({ status: 403, message: "Wrong token." });
  refuse({ message: "Wrong name." });
  clock.jump(60_000);
  refuse({ status: 403, message: "Wrong token." });
  clock.jump(60_000);
  refuse({ status: 403, message: "Wrong token." });
  expect(lines).toEqual([
    "warning: refused a request with status 403. Wrong token.",
    "warning: refused a request. Wrong name.",
    "warning: refused a request with status 403. Wrong token. 999 more since the last such line.",
    "warning: refused a request with status 403. Wrong token.",
  ]);
});
