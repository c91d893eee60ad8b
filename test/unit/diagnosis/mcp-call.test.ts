import { expect, test } from "vitest";
import {
  type AnsweredCall,
  callFailed,
  judgeCalls,
  oneRequestRefused,
} from "../../../src/diagnosis/mcp-call.js";

const call = (method: string, status: number, more: Partial<AnsweredCall> = {}): AnsweredCall => ({
  ...{ method, status, isMcp: status === 200 },
  ...more,
});
const initialize = (status: number, more?: Partial<AnsweredCall>) => call("initialize", status, more);
const list = (status: number, more?: Partial<AnsweredCall>) => call("tools/list", status, more);
const unknownMethod = { isMcp: true, errorCode: -32_601 };

test.each<[string, AnsweredCall[], ReturnType<typeof judgeCalls>]>([
  ["two results", [initialize(200), list(200)], "accepted"],
  ["a server without tools", [initialize(200), list(200, unknownMethod)], "accepted"],
  ["a server that knows no initialize", [initialize(400, unknownMethod), list(200)], "accepted"],
  ["two refusals", [initialize(401), list(401)], "token_refused"],
  ["a refusal and an error of the server", [initialize(401), list(503)], "token_refused"],
  ["a refusal of the second", [initialize(200), list(403)], "one_kind_refused"],
  ["a refusal of the first", [initialize(401), list(200)], "one_kind_refused"],
  [
    "a refusal of the first, and a complaint about the second",
    [initialize(401), list(400)],
    "one_kind_refused",
  ],
  ["two errors of the server", [initialize(500), list(500)], "failed"],
  ["pages", [initialize(200, { isMcp: false }), list(200, { isMcp: false })], "failed"],
])("the answers of %s are judged", (_, calls, judgement) => {
  expect(judgeCalls(calls)).toBe(judgement);
});

test("the finding about one refused request names both kinds", () => {
  expect(oneRequestRefused([initialize(200), list(403)])).toMatchObject({
    id: "one_request_refused",
    cause: "The server accepts the token for initialize, but refuses tools/list (403).",
  });
});

test.each([
  [list(503), "mcp_server_error"],
  [list(200, unknownMethod), "mcp_error"],
  [list(404), "not_mcp"],
])("an answer that is no result has the finding for its kind", (answer, id) => {
  expect(callFailed([initialize(200), answer]).id).toBe(id);
});
