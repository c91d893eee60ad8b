import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { GrantSpec } from "../../../src/config/spec.js";
import { McpAuthError } from "../../../src/errors/error.js";
import {
  assertSubject,
  hasRuntimeSubject,
  runtimeSubjectToken,
  Subjects,
} from "../../../src/runtime/subjects.js";
import { rejection } from "../tokens/fixtures.js";

const client = { issuer: "https://auth.example", id: "agent", credential: { kind: "none" } } as const;
const common = { client, audience: [], params: {} } as const;
const type = "urn:ietf:params:oauth:token-type:id_token";
const runtime = { token: { runtime: true }, type } as const;
const fixed = { token: { env: "TOKEN" }, type } as const;

const grants: ReadonlyArray<readonly [name: string, grant: GrantSpec, takesSubject: boolean]> = [
  ["token_exchange", { type: "token_exchange", ...common, subject: runtime }, true],
  ["token_exchange of the config's subject", { type: "token_exchange", ...common, subject: fixed }, false],
  ["enterprise_managed", { type: "enterprise_managed", ...common, idp: { client, subject: runtime } }, true],
  [
    "enterprise_managed of the config's subject",
    { type: "enterprise_managed", ...common, idp: { client, subject: fixed } },
    false,
  ],
  ["client_credentials", { type: "client_credentials", ...common }, false],
];

describe("a subject given in code", () => {
  test.each(grants)("%s", (_, grant, takesSubject) => {
    const choose = () => assertSubject("crm", grant, { key: "ada", subjectToken: "jwt" });
    expect(hasRuntimeSubject(grant)).toBe(takesSubject);
    if (takesSubject) expect(choose).not.toThrow();
    else expect(choose).toThrow(expect.objectContaining({ code: "config_invalid", server: "crm" }));
  });

  test("is refused without a key and without a token", () => {
    const [, grant] = grants[0] ?? expect.unreachable();
    // As from JavaScript, where nothing checks the types.
    const wrong: unknown[] = [
      { key: "", subjectToken: "jwt" },
      { key: "ada" },
      undefined,
      { key: 1, subjectToken: "jwt" },
    ];
    for (const subject of wrong) {
      expect(() => assertSubject("crm", grant, subject as { key: string; subjectToken: string })).toThrow(
        expect.objectContaining({ code: "config_invalid", server: "crm" }),
      );
    }
  });

  test("is a string or comes from a function, which is called each time", async () => {
    expect((await runtimeSubjectToken("crm", { key: "ada", subjectToken: "jwt" })).reveal()).toBe("jwt");
    let count = 0;
    const subject = { key: "ada", subjectToken: async () => `jwt-${++count}` };
    expect((await runtimeSubjectToken("crm", subject)).reveal()).toBe("jwt-1");
    expect((await runtimeSubjectToken("crm", subject)).reveal()).toBe("jwt-2");
  });

  test.each([
    ["a function that throws", () => Promise.reject(new Error("canary-token"))],
    ["a function that gives nothing", () => ""],
  ])("of %s is secret_unavailable, and shows nothing", async (_, subjectToken) => {
    const error = await rejection(runtimeSubjectToken("crm", { key: "ada", subjectToken }));
    expect(error).toBeInstanceOf(McpAuthError);
    expect(error.code).toBe("secret_unavailable");
    expect(inspect(error, { depth: null })).not.toContain("canary-token");
  });
});

describe("what there is for each user", () => {
  const subject = (key: string, subjectToken = `token of ${key}`) => ({ key, subjectToken });

  test("is the same for the same key, with the latest token", () => {
    const subjects = new Subjects<{ readonly token: () => unknown }>();
    const get = (key: string, token?: string) =>
      subjects.get(subject(key, token), (latest) => ({ token: () => latest().subjectToken }));
    const ada = get("ada", "first");
    expect(get("bob")).not.toBe(ada);
    expect(get("ada", "second")).toBe(ada);
    expect(ada.token()).toBe("second");
  });

  test("is bounded: who was seen longest ago is forgotten, but not lost to a stop while somebody has it", () => {
    const subjects = new Subjects<{ readonly key: string }>();
    const get = (key: string) => subjects.get(subject(key), () => ({ key }));
    const first = get("user-0");
    const second = get("user-1");
    get("user-0");
    for (let number = 2; number <= 1_000; number += 1) get(`user-${number}`);
    expect(get("user-0")).toBe(first);
    expect(get("user-1")).not.toBe(second);
    expect(subjects.all()).toContain(second);
  });

  test("is not changed by what the caller does with the object afterwards", () => {
    const subjects = new Subjects<{ readonly token: () => unknown }>();
    const get = (given: { key: string; subjectToken: string }) =>
      subjects.get(given, (latest) => ({ token: () => latest().subjectToken }));
    const reused = subject("ada");
    const ada = get(reused);
    reused.key = "bob";
    reused.subjectToken = "token of bob";
    expect(get(reused)).not.toBe(ada);
    expect(ada.token()).toBe("token of ada");
  });
});
