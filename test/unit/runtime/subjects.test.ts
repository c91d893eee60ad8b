import { inspect } from "node:util";
import { describe, expect, test, vi } from "vitest";
import type { GrantSpec } from "../../../src/config/spec.js";
import { McpAuthError } from "../../../src/errors/error.js";
import {
  assertSubject,
  hasRuntimeSubject,
  runtimeSubjectToken,
  Subjects,
} from "../../../src/runtime/subjects.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { unsignedJwt } from "../oauth/fixtures.js";

const client = { issuer: "https://auth.example", id: "agent", credential: { kind: "none" } } as const;
const common = { client, audience: [], params: {} } as const;
const type = "urn:ietf:params:oauth:token-type:id_token";
const runtime = { token: { runtime: true }, type } as const;
const fixed = { token: { env: "TOKEN" }, type } as const;

const grants: ReadonlyArray<readonly [name: string, grant: GrantSpec, takesSubject: boolean]> = [
  ["token_exchange", { type: "token_exchange", ...common, subject: runtime }, true],
  [
    "token_exchange with the subject of the config",
    { type: "token_exchange", ...common, subject: fixed },
    false,
  ],
  ["enterprise_managed", { type: "enterprise_managed", ...common, idp: { client, subject: runtime } }, true],
  [
    "enterprise_managed with the subject of the config",
    { type: "enterprise_managed", ...common, idp: { client, subject: fixed } },
    false,
  ],
  [
    "token_exchange with the subject in parameters",
    { type: "token_exchange", ...common, params: { subject_token: { env: "TOKEN" } } },
    false,
  ],
  ["jwt_bearer", { type: "jwt_bearer", ...common, assertion: { kind: "runtime" } }, true],
  [
    "jwt_bearer with the assertion of the config",
    { type: "jwt_bearer", ...common, assertion: { kind: "platform", reference: { env: "TOKEN" } } },
    false,
  ],
  ["client_credentials", { type: "client_credentials", ...common }, false],
];

describe("subjects from code", () => {
  test.each(grants)("a subject from code is checked for the grant %s", (_, grant, takesSubject) => {
    const choose = () => assertSubject("crm", grant, { key: "ada", subjectToken: "jwt" });
    expect(hasRuntimeSubject(grant)).toBe(takesSubject);
    if (takesSubject) expect(choose).not.toThrow();
    else expect(choose).toThrow(expect.objectContaining({ code: "config_invalid", server: "crm" }));
  });

  test("a subject from code is rejected without a key or a token", () => {
    const [, grant] = grants[0] ?? expect.unreachable();
    // As JavaScript passes them, where nothing checks the types.
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

  test("a subject token is a string or comes from a function, which is called each time", async () => {
    expect((await runtimeSubjectToken("crm", { key: "ada", subjectToken: "jwt" })).reveal()).toBe("jwt");
    let count = 0;
    const subject = { key: "ada", subjectToken: async () => `jwt-${++count}` };
    expect((await runtimeSubjectToken("crm", subject)).reveal()).toBe("jwt-1");
    expect((await runtimeSubjectToken("crm", subject)).reveal()).toBe("jwt-2");
  });

  test.each([
    ["a function that throws", () => Promise.reject(new Error("canary-token"))],
    ["a function that returns an empty string", () => ""],
  ])(
    "a subject token from %s rejects with secret_unavailable, without the error of the function",
    async (_, subjectToken) => {
      const error = await rejectionOf(runtimeSubjectToken("crm", { key: "ada", subjectToken }));
      expect(error).toBeInstanceOf(McpAuthError);
      expect(error.code).toBe("secret_unavailable");
      expect(inspect(error, { depth: null })).not.toContain("canary-token");
    },
  );
});

describe("Subjects", () => {
  const subject = (key: string, subjectToken = `token of ${key}`) => ({ key, subjectToken });

  test("the same key gets the same manager, with the latest subject token", () => {
    const subjects = new Subjects<{ readonly token: () => unknown }>();
    const get = (key: string, token?: string) =>
      subjects.get(subject(key, token), (latest) => ({ token: () => latest().subjectToken }));
    const ada = get("ada", "first");
    expect(get("bob")).not.toBe(ada);
    expect(get("ada", "second")).toBe(ada);
    expect(ada.token()).toBe("second");
  });

  test("the same key with the JWT of another party gets another manager, and the first keeps its own", () => {
    const subjects = new Subjects<{ readonly token: () => unknown }>();
    const get = (token: string) =>
      subjects.get(subject("shared", token), (latest) => ({ token: () => latest().subjectToken }));
    const ada = unsignedJwt({ sub: "ada", iat: 1, exp: 2 });
    const manager = get(ada);
    const ofBob = get(unsignedJwt({ sub: "bob", iat: 1, exp: 2 }));
    expect(ofBob).not.toBe(manager);
    expect(manager.token()).toBe(ada);
    const renewed = unsignedJwt({ sub: "ada", iat: 3, exp: 4, jti: "2" });
    expect(get(renewed)).toBe(manager);
    expect(manager.token()).toBe(renewed);
    expect(get(unsignedJwt({ sub: "ada", org: "other", iat: 3, exp: 4 }))).not.toBe(manager);
    expect(subjects.all()).toHaveLength(3);
  });

  test("the least recently used user is dropped, but stop() still finds its manager while the host has it", () => {
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

  test("take() returns the managers of one key, also those of other parties and dropped ones, and forgets them", () => {
    const subjects = new Subjects<{ readonly key: string }>();
    const get = (key: string, token?: string) => subjects.get(subject(key, token), () => ({ key }));
    const first = get("ada");
    const ofAnotherParty = get("ada", unsignedJwt({ sub: "bob" }));
    for (let number = 1; number <= 998; number += 1) get(`user-${number}`);
    const bob = get("bob");
    expect(new Set(subjects.take("ada"))).toEqual(new Set([first, ofAnotherParty]));
    expect(subjects.take("ada")).toEqual([]);
    expect(subjects.all()).not.toContain(first);
    expect(get("ada")).not.toBe(first);
    expect(get("bob")).toBe(bob);
  });

  test("a token that was passed before is not parsed again, and finds the manager of its party", () => {
    const subjects = new Subjects<object>();
    const [ada, bob] = [unsignedJwt({ sub: "ada" }), unsignedJwt({ sub: "bob" })];
    const get = (token: string) => subjects.get(subject("shared", token), () => ({}));
    const [ofAda, ofBob] = [get(ada), get(bob)];
    const parse = vi.spyOn(JSON, "parse");
    expect([get(bob), get(bob)]).toEqual([ofBob, ofBob]);
    expect(parse).not.toHaveBeenCalled();
    expect(get(ada)).toBe(ofAda);
    expect(parse).toHaveBeenCalled();
    parse.mockRestore();
  });

  test("a later change of the caller's subject object has no effect", () => {
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
