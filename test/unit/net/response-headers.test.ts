import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isJson, parseRetryAfter } from "../../../src/net/response-headers.js";

const now = Date.UTC(1994, 10, 6, 8, 49, 0);
const day = 86_400_000;

describe("parseRetryAfter", () => {
  test.each([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["-5", 0],
    ["99999999999999999999", day],
    ["9".repeat(400), day],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 37_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 37_000],
    ["Sun Nov  6 08:49:37 1994", 37_000],
    ["Sun, 06 Nov 1994 08:00:00 GMT", 0],
    ["Fri, 31 Dec 2099 23:59:59 GMT", day],
  ])("the Retry-After %s means %d milliseconds", (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  test.each([null, "", " ", "soon", "1.5", "1e3", "0x10", "12 seconds", "Sun, 99 Nov 1994 08:49:37 GMT"])(
    "the Retry-After %s is ignored",
    (value) => {
      expect(parseRetryAfter(value, now)).toBeUndefined();
    },
  );

  test("a Retry-After date counts by the clock of the server", () => {
    const date = "Sun, 06 Nov 1994 09:49:00 GMT";
    expect(parseRetryAfter("Sun, 06 Nov 1994 09:49:02 GMT", now, date)).toBe(2_000);
    expect(parseRetryAfter("2", now, date)).toBe(2_000);
    expect(parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now, "what is no date")).toBe(37_000);
  });

  test("any Retry-After is at most a day or ignored", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (value) => {
        const wait = parseRetryAfter(value, now);
        return wait === undefined || (wait >= 0 && wait <= day);
      }),
    );
  });
});

test("JSON is application/json or a +json type, in any case and with parameters", () => {
  for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"]) {
    expect(isJson(type)).toBe(true);
  }
  for (const type of [null, "", "text/html", "text/json", "application/jsonp", "application/+json", "json"]) {
    expect(isJson(type)).toBe(false);
  }
});
