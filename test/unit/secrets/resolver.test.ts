import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { ResolverReference } from "../../../src/config/spec.js";
import { readSecret, type SecretContext, type SecretResolver } from "../../../src/secrets/read-secret.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { readFailureOf } from "./read-failure-of.js";

const reference = (more: Partial<ResolverReference> = {}): ResolverReference => ({
  resolver: "aws",
  ref: "prod/crm",
  ...more,
});
const given = (resolver: unknown): Omit<SecretContext, "server"> => ({
  env: {},
  // JavaScript code may pass this.
  resolvers: { aws: resolver as SecretResolver },
});
const says = (problem: string) =>
  `Server "crm": could not read the secret from the resolver "aws": ${problem}`;

describe("a resolver function", () => {
  it.each<[string, SecretResolver]>([
    ["at once", (ref, { server }) => `${ref} for ${server}\n`],
    ["later", async (ref, { server }) => `${ref} for ${server}\n`],
  ])("is called with its ref and the name of the server, and returns the secret %s", async (_, resolver) => {
    const secret = await readSecret(reference(), { server: "crm", ...given(resolver) });
    expect(secret.reveal()).toBe("prod/crm for crm");
  });

  it("may return JSON for a pointer", async () => {
    const context = { server: "crm", ...given(() => '{"password":"s3cret"}') };
    expect((await readSecret(reference({ pointer: "/password" }), context)).reveal()).toBe("s3cret");
  });

  it.each<[string, unknown]>([
    [
      "throws",
      () => {
        throw new Error("canary");
      },
    ],
    ["rejects", () => Promise.reject(Object.assign(new Error("canary"), { canary: "canary" }))],
    ["rejects with a value that is not an error", () => Promise.reject("canary")],
  ])("that %s is named in the error, without what it threw", async (_, resolver) => {
    expect(await readFailureOf(reference(), given(resolver))).toMatchObject({
      code: "secret_unavailable",
      retryable: false,
      message: says("it threw. Call it by itself to see the error."),
    });
  });

  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["a number", 1],
    ["bytes", Buffer.from("canary")],
    ["an object", { SecretString: "canary" }],
  ])("that returns %s is an error, because it must be a string", async (_, value) => {
    expect(
      (
        await readFailureOf(
          reference(),
          given(() => value),
        )
      ).message,
    ).toBe(says("it did not return a string."));
  });

  it.each(["", "\n"])("that returns an empty string is an error: %j", async (value) => {
    expect(
      (
        await readFailureOf(
          reference(),
          given(async () => value),
        )
      ).message,
    ).toBe(says("it is empty. Provide the secret there, or name another place in the config."));
  });
});

describe("a resolver that was not passed", () => {
  it("is an error with the names that were passed, and the most similar one", async () => {
    const resolvers = { aws2: () => "canary", vault: () => "canary" };
    expect(await readFailureOf(reference(), { env: {}, resolvers })).toMatchObject({
      code: "secret_unavailable",
      message: says(
        'no function of this name was given as `resolvers` (only aws2, vault). Did you mean "aws2"?',
      ),
    });
  });

  it.each([{}, undefined])("is an error that says where to pass it: %j", async (resolvers) => {
    expect((await readFailureOf(reference(), { env: {}, resolvers })).message).toBe(
      says("no function of this name was given as `resolvers` (none was)."),
    );
  });

  it.each(["constructor", "toString", "__proto__"])("is not an inherited property: %s", async (resolver) => {
    const error = await readFailureOf(reference({ resolver }), { env: {}, resolvers: {} });
    expect(error.message).toContain(`the resolver "${resolver}": no function of this name was given`);
  });

  it("is also one that is not a function", async () => {
    expect((await readFailureOf(reference(), given("canary"))).message).toContain("no function of this name");
  });
});

describe("a resolver that does not answer", () => {
  it("is a retryable error after ten seconds, and its signal is aborted", async () => {
    const clock = fakeClock();
    const called = deferred<AbortSignal>();
    const never: SecretResolver = (_, { signal }) => {
      called.resolve(signal);
      return new Promise(() => {});
    };
    const failing = readFailureOf(reference(), { ...given(never), clock });
    const signal = await called.promise;
    await clock.advance(9_999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await failing).toMatchObject({
      code: "secret_unavailable",
      retryable: true,
      message: says("it did not answer within 10000 ms."),
    });
    expect(signal.aborted).toBe(true);
    expect(clock.pending).toEqual([]);
  });

  it("is no longer waited for when the caller aborts, and its later rejection is ignored", async () => {
    const controller = new AbortController();
    const called = deferred<AbortSignal>();
    const answer = deferred<string>();
    const slow: SecretResolver = (_, { signal }) => {
      called.resolve(signal);
      return answer.promise;
    };
    const failing = readFailureOf(reference(), { ...given(slow), signal: controller.signal });
    const signal = await called.promise;
    controller.abort();
    expect(await failing).toMatchObject({
      code: "aborted",
      message: 'Server "crm": the wait for its secret was aborted.',
    });
    expect(signal.aborted).toBe(true);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    answer.reject(new Error("canary"));
  });
});
