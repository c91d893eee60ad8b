import { expect, test } from "vitest";
import { fail, failWith, skip } from "../../../../src/cli/doctor/outcome.js";
import { McpAuthError } from "../../../../src/errors/error.js";
import { noteFindings } from "../../../../src/errors/findings.js";

const failed = (message: string) => fail(new McpAuthError("unavailable", message, { server: "crm" }));

test("the first sentence of an error says what failed, and the others what to do", () => {
  expect(failed('Server "crm": CRM_SECRET is not set. Set it. Or load a file.')).toMatchObject({
    ...{ verdict: "fail", message: "CRM_SECRET is not set", todo: "Set it. Or load a file." },
    code: "unavailable",
  });
});

test("a period in a URL or a name ends no sentence", () => {
  const text = 'the token endpoint of https://auth.crm.example/v2.0 rejected "agent.1" (401). Check it.';
  expect(failed(`Server "crm": ${text}`).message).toBe(text.replace(". Check it.", ""));
});

test("an error of one sentence is also what to do something about", () => {
  expect(failed("It failed.")).toMatchObject({ message: "It failed", todo: "It failed." });
});

test("the id of the finding and the words of servers are kept", () => {
  const error = new McpAuthError("unauthorized", "It failed.", { details: { aud: "x" } });
  expect(fail(noteFindings(error, ["token_audience"]))).toMatchObject({
    finding: "token_audience",
    details: { aud: "x" },
  });
});

test("a finding becomes a failure with its cause as the message", () => {
  const finding = { id: "a", cause: "It is broken.", remedy: "Repair it." };
  expect(failWith(finding, "unauthorized")).toMatchObject({
    message: "It is broken",
    todo: "Repair it.",
    finding: "a",
  });
  expect(skip("no token")).toEqual({ verdict: "skip", message: "no token" });
});
