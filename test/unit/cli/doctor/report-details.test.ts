import { expect, test } from "vitest";
import { detailLines } from "../../../../src/cli/doctor/report-details.js";
import type { StepResult } from "../../../../src/cli/doctor/server-check.js";

function linesOf(result: Partial<StepResult>, configured: readonly string[] = []): readonly string[] {
  return detailLines({ step: "token", verdict: "fail", message: "It failed", ms: 1, ...result }, configured);
}

const url = "https://auth.example/token";

test("a line names the server that speaks, by the step that asked it", () => {
  const details = { error_description: "no" };
  expect(linesOf({ details })).toEqual(["      the authorization server says error_description: no"]);
  expect(linesOf({ details, step: "call" })).toEqual(["      the MCP server says error_description: no"]);
  expect(linesOf({ details, speaker: "the identity provider" })).toEqual([
    "      the identity provider says error_description: no",
  ]);
  expect(linesOf({ details, step: "store" })).toEqual(["      a server says error_description: no"]);
});

test("the claims of a refused token, and what it was requested for, are not words of the MCP server", () => {
  expect(linesOf({ step: "call", details: { aud: ["a", "b"], resource: "https://crm.example" } })).toEqual([
    "      the token says aud: a, b",
    "      the token was requested for: https://crm.example",
  ]);
});

test("the URL of the request says whether it comes from the config", () => {
  expect(linesOf({ details: { token_endpoint: url } })).toEqual([`      sent to: ${url}`]);
  expect(linesOf({ details: { token_endpoint: url } }, [url])).toEqual([
    `      sent to: ${url} (from the config)`,
  ]);
});

test("a URL that may not be used was named, and nothing was sent to it", () => {
  expect(linesOf({ details: { url }, code: "insecure_url" })).toEqual([
    `      the authorization server says url: ${url}`,
  ]);
});
