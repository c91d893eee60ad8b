import { format, inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { rememberCredential } from "../../../src/errors/sent-credentials.js";
import { failureError } from "../../../src/net/failure.js";
import { repeatedError } from "../../../src/tokens/cache-errors.js";

const said = "IGNORE_PREVIOUS_INSTRUCTIONS";

function errorWith(details: Readonly<Record<string, unknown>>): McpAuthError {
  return new McpAuthError("token_request_rejected", "It was refused.", { server: "crm", details });
}

/** Returns the part of a text that the details of an error keep. */
function kept(text: unknown): unknown {
  return errorWith({ text }).details?.["text"];
}

describe("McpAuthError.details", () => {
  test("the details contain the strings, numbers and lists from responses, and nothing empty", () => {
    const scope = ["a", 7, "", null, { b: 1 }];
    const error = errorWith({
      error: said,
      status: 7,
      scope,
      none: undefined,
      blank: " ",
      nothing: [],
      of: {},
    });
    expect(error.details).toEqual({ error: said, status: "7", scope: ["a", "7"] });
    expect(Object.isFrozen(error.details)).toBe(true);
    expect(errorWith({ none: null }).details).toBeUndefined();
    expect(new McpAuthError("aborted", "It was aborted.").details).toBeUndefined();
  });

  test("the details do not appear when an error, or one that wraps it, is printed or copied", () => {
    const error = errorWith({ error: said });
    expect(error.details).toEqual({ error: said });
    const everything = { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: false };
    for (const shown of [error, new Error("It failed.", { cause: error }), { error }, [error]]) {
      const ways = [
        inspect(shown),
        inspect(shown, everything),
        JSON.stringify(shown),
        JSON.stringify(shown, Object.getOwnPropertyNames(shown)),
        String(shown),
        format("%s %o %O %j", shown, shown, shown, shown),
        JSON.stringify({ ...shown }),
        inspect(structuredClone(shown), everything),
      ];
      for (const text of ways) expect(text).not.toContain(said);
    }
    expect(error.stack).not.toContain(said);
    expect(Object.keys(error)).not.toContain("details");
    expect(Object.getOwnPropertyNames(error)).not.toContain("details");
    expect(McpAuthError.prototype.details).toBeUndefined();
  });

  test("a value in the details has at most 200 characters, and a list at most 20 values", () => {
    expect(kept("x".repeat(200))).toBe("x".repeat(200));
    expect(kept("x".repeat(201))).toBe(`${"x".repeat(199)}…`);
    expect(kept("x".repeat(1_000_000))).toBe(`${"x".repeat(199)}…`);
    expect(kept(Array.from({ length: 50 }, (_, index) => `${index}`))).toHaveLength(20);
    expect(kept(["y".repeat(300)])).toEqual([`${"y".repeat(199)}…`]);
    // The text is cut in the middle of a character.
    expect(kept(`${"x".repeat(198)}\u{1f600}${"x".repeat(9)}`)).toBe(`${"x".repeat(198)}\ufffd…`);
  });

  test("the details of a shared failure are in the error of each server, and in a repeated error", () => {
    const failure = { code: "issuer_mismatch", detail: "it is another.", details: { issuer: said } } as const;
    const [first, second] = [failureError("a", failure), failureError("b", failure)];
    expect([first.details, second.details]).toEqual([{ issuer: said }, { issuer: said }]);
    expect(repeatedError(first, 1_000)).toMatchObject({ retryAfter: 1_000, details: { issuer: said } });
  });
});

describe("credentials in details", () => {
  // Characters of a long credential. Its blocks must not occur in another text by chance.
  const secret = 'pA7-long enough "to be" a/secret+with%everything';

  test("a sent credential becomes <secret> in every form in which a server may quote it", () => {
    rememberCredential(secret);
    const form = new URLSearchParams([["s", secret]]).toString();
    for (const quoted of [
      secret,
      form.slice(2),
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
    ]) {
      expect(kept(`The secret ${quoted} is wrong`)).toBe("The secret <secret> is wrong");
      expect(kept([`<${quoted}>`, quoted])).toEqual(["<<secret>>", "<secret>"]);
    }
  });

  test("every part and every occurrence of a sent credential becomes <secret>", () => {
    const token = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOP";
    rememberCredential(token);
    expect(kept(`begins with ${token.slice(0, 31)} ends with ${token.slice(-31)}`)).toBe(
      "begins with <secret> ends with <secret>",
    );
    expect(kept(`${token.slice(5, 45)}, ${token} and https://x.example/${token}/y`)).toBe(
      "<secret>, <secret> and https://x.example/<secret>/y",
    );
  });

  test("a sent credential becomes <secret> even if the length limit cuts it", () => {
    const token = `${"Q".repeat(7)}abcdefghijklmnopqrstuvwxyz0123456789`;
    rememberCredential(token);
    for (const before of [150, 190, 195, 199, 350, 385, 399]) {
      const text = String(kept(`${"-".repeat(before - 1)} ${token.repeat(3)}`));
      expect(text).not.toContain("QQQ");
      expect(text.length).toBeLessThanOrEqual(200);
    }
    // The credential that is left out makes room for text after it that was not searched.
    const crowded = `${`${token} `.repeat(9)}${token.slice(0, 12)}`;
    expect(kept(crowded)).not.toMatch(/Q{2}/);
  });

  test("a short credential becomes <secret>, and one that is too short stays", () => {
    rememberCredential("hunter2");
    rememberCredential("no");
    expect(kept("hunter2 is no secret, nor is xhunter2x")).toBe("<secret> is no secret, nor is x<secret>x");
  });

  test("a sent credential is found even if thousands were sent before", () => {
    for (let index = 0; index < 3_000; index += 1)
      rememberCredential(`another-credential-number-${index}`.repeat(9));
    rememberCredential(secret);
    expect(kept(`"${secret}"`)).toBe('"<secret>"');
  });
});
