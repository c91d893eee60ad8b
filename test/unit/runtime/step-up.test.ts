import { describe, expect, test, vi } from "vitest";
import type { ServerSpec } from "../../../src/config/spec.js";
import type { Target } from "../../../src/discovery/metadata.js";
import { CachesByScope } from "../../../src/runtime/caches-by-scope.js";
import { stepUp, stepUpWithin } from "../../../src/runtime/step-up.js";
import { StepUps } from "../../../src/runtime/step-ups.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { type Answer, outage, refusal, testCache } from "../tokens/fixtures.js";

const demand = { reason: "demand" } as const;
const authorizationServer = { issuer: "https://auth.example", token_endpoint: "https://auth.example/token" };

interface Options {
  readonly scopes?: readonly string[];
  readonly stepUp?: readonly string[];
  /** Returns the outcome of the token request for a scope set. */
  readonly answer?: (scopes: string) => Answer;
}

/** Caches by scope whose tokens are named after their scopes, and all requested scope sets, in order. */
function world({ scopes, stepUp: growth = [], answer }: Options = {}) {
  const requested: string[] = [];
  const plans: (number | undefined)[] = [];
  const caches = new CachesByScope({
    scopes,
    onPlan: (nextRefreshAt) => void plans.push(nextRefreshAt),
    createCache: (wanted, onPlan) => {
      const name = wanted === undefined ? "*" : wanted.join("+");
      const made = testCache({
        onPlan,
        answer: async () => {
          requested.push(name);
          return answer?.(name) ?? { accessToken: name, expiresIn: 3_600, scopes: wanted ?? [] };
        },
      });
      return made.cache;
    },
  });
  // Only the parts of a server that a step-up reads.
  const spec = { name: "crm", stepUp: growth, grant: { ...(scopes && { scopes }) } } as unknown as ServerSpec;
  let found: Target | undefined;
  const stepUps = new StepUps({
    server: "crm",
    caches,
    learnedScopes: () => found?.scopes ?? [],
    configNamesScopes: scopes !== undefined,
  });
  const step = async (wanted: readonly string[], target?: Partial<Target>) => {
    const token = await caches.defaultCache.getToken(demand);
    found = target && { authorizationServer, resource: undefined, ...target };
    return stepUp(spec, stepUps, found, { wanted, token, signal: undefined });
  };
  return { caches, stepUps, requested, plans, step, spec };
}

test("a mistake in the code of a step-up after a 401 surfaces", async () => {
  const { caches, stepUps, spec } = world({ scopes: ["read"], stepUp: ["write"] });
  const token = await caches.defaultCache.getToken(demand);
  const mistake = new TypeError("x is not a function");
  vi.spyOn(stepUps, "widen").mockRejectedValue(mistake);
  const wanted = { wanted: ["write"], token, signal: undefined };
  await expect(stepUpWithin(spec, stepUps, undefined, wanted)).rejects.toBe(mistake);
});

describe("step-up", () => {
  test("a step-up requests a token for both scope sets, which become the default scopes", async () => {
    const { caches, step, requested } = world({ scopes: ["read"], stepUp: ["write"] });
    expect((await step(["write"]))?.accessToken).toBe("read+write");
    expect((await caches.defaultCache.getToken(demand)).accessToken).toBe("read+write");
    expect(requested).toEqual(["read", "read+write"]);
  });

  test("a scope that the config does not allow rejects with insufficient_scope, without a request", async () => {
    const { caches, step, requested } = world({ scopes: ["read"], stepUp: ["write"] });
    const error = await rejectionOf(step(["write", "admin"]));
    expect(error.code).toBe("insufficient_scope");
    expect(error.message).toContain("wants a scope that the config does not allow");
    expect(error.message).not.toContain("admin");
    expect(error.details).toEqual({ scope: ["admin"] });
    expect(error.retryable).toBe(false);
    expect(requested).toEqual(["read"]);
    expect((await caches.defaultCache.getToken(demand)).accessToken).toBe("read");
  });

  test("the scopes that a server wants are only in the details of the error, and are cut to a limit", async () => {
    const { step } = world({ scopes: ["read"] });
    const error = await rejectionOf(step(["IGNORE_ALL_INSTRUCTIONS", `x${"y".repeat(250)}`]));
    expect(error.message).toContain("wants 2 scopes that the config does not allow");
    expect(error.details).toEqual({ scope: ["IGNORE_ALL_INSTRUCTIONS", `x${"y".repeat(198)}…`] });
  });

  test("the scopes in the server's metadata are allowed if the config leaves the scopes to the server", async () => {
    const { step, requested } = world();
    const target = { scopes: ["read"], supportedScopes: ["read", "write"] };
    expect((await step(["write"], target))?.accessToken).toBe("read+write");
    expect(requested).toEqual(["*", "read+write"]);
    expect((await rejectionOf(step(["admin"], target))).code).toBe("insufficient_scope");
  });

  test("a server that names other scopes each time gets at most 256 scopes", async () => {
    const { step, requested } = world();
    await step(["write"], { scopes: ["read"], supportedScopes: ["read", "write"] });
    let refused = 0;
    for (let turn = 0; turn < 1_000; turn += 1) {
      const scope = `s${turn}`;
      await step([scope], { scopes: [scope], supportedScopes: ["read"] }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "insufficient_scope" });
        refused += 1;
      });
    }
    expect(refused).toBeGreaterThan(700);
    const sizes = requested.map((name) => name.split("+").length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
  });

  test("any number of scopes that the config names is allowed", async () => {
    const many = Array.from({ length: 300 }, (_, number) => `s${number}`);
    const { step } = world({ scopes: ["read"], stepUp: many });
    expect((await step(many))?.accessToken).toBe(["read", ...many].join("+"));
  });

  test("a scope that neither the config nor the metadata names is not allowed", async () => {
    const { step, requested } = world();
    expect((await rejectionOf(step(["write"]))).code).toBe("insufficient_scope");
    expect(requested).toEqual(["*"]);
  });

  test("a step-up to scopes that were requested already returns no token", async () => {
    const { step, requested } = world({ scopes: ["read", "write"] });
    expect(await step(["write"])).toBeUndefined();
    expect(requested).toEqual(["read+write"]);
  });

  test("a step-up uses the token that another call obtained in the meantime", async () => {
    const { caches, stepUps, step, requested, spec } = world({ scopes: ["read"], stepUp: ["write"] });
    const token = await caches.defaultCache.getToken(demand);
    await step(["write"]);
    const second = await stepUp(spec, stepUps, undefined, { wanted: ["write"], token, signal: undefined });
    expect(second?.accessToken).toBe("read+write");
    expect(requested).toEqual(["read", "read+write"]);
  });

  test("fifty concurrent step-ups to the same scope send one request", async () => {
    const { step, requested } = world({ scopes: ["read"], stepUp: ["write"] });
    const tokens = await Promise.all(Array.from({ length: 50 }, () => step(["write"])));
    expect(new Set(tokens.map((token) => token?.accessToken))).toEqual(new Set(["read+write"]));
    expect(requested).toEqual(["read", "read+write"]);
  });

  test("twelve concurrent step-ups to different scopes send two requests", async () => {
    const many = Array.from({ length: 12 }, (_, number) => `s${number}`);
    const { caches, step, requested } = world({ scopes: ["read"], stepUp: many });
    await caches.defaultCache.getToken(demand);
    const tokens = await Promise.all(many.map((scope) => step([scope])));
    expect(requested).toEqual(["read", "read+s0", ["read", ...many].join("+")]);
    for (const [number, token] of tokens.entries()) expect(token?.scopes).toContain(`s${number}`);
  });

  test("after a request for the scopes of several calls was rejected, each call sends its own", async () => {
    const many = ["s0", "s1", "bad", "s2"];
    const answer = (name: string) => (name.includes("bad") ? refusal() : { accessToken: name });
    const { caches, step, requested } = world({ scopes: ["read"], stepUp: many, answer });
    await caches.defaultCache.getToken(demand);
    const outcomes = await Promise.allSettled(many.map((scope) => step([scope])));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(requested.slice(1)).toEqual([
      "read+s0",
      "read+s0+s1+bad+s2",
      "read+s0+s1",
      "read+s0+s1+bad",
      "read+s0+s1+s2",
    ]);
    expect(caches.scopes).toEqual(["read", "s0", "s1", "s2"]);
  });

  test("after a temporary failure of a request for several calls, the calls send no requests of their own", async () => {
    const many = ["s0", "s1", "s2"];
    const answer = (name: string) => (name === "read" ? {} : outage());
    const { caches, step, requested } = world({ scopes: ["read"], stepUp: many, answer });
    await caches.defaultCache.getToken(demand);
    const outcomes = await Promise.allSettled(many.map((scope) => step([scope])));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(requested).toEqual(["read", "read+s0", "read+s1+s2"]);
  });

  test("two concurrent step-ups to different scopes add both", async () => {
    const { caches, step } = world({ scopes: ["read"], stepUp: ["write", "admin"] });
    await Promise.all([step(["write"]), step(["admin"])]);
    expect([...(caches.scopes ?? [])].sort()).toEqual(["admin", "read", "write"]);
  });

  test("a step-up that fails leaves the default scopes and their token unchanged", async () => {
    const { caches, step } = world({
      scopes: ["read"],
      stepUp: ["write"],
      answer: (name) => (name === "read" ? { accessToken: "read" } : refusal()),
    });
    expect((await rejectionOf(step(["write"]))).code).toBe("token_request_rejected");
    expect((await caches.defaultCache.getToken(demand)).accessToken).toBe("read");
    expect(caches.defaultCache.snapshot().state).toBe("fresh");
  });
});

describe("caches by scope", () => {
  test("a scope set has one cache, whatever the order of its scopes", () => {
    const { caches } = world({ scopes: ["a", "b"] });
    expect(caches.of(["b", "a", "b"])).toBe(caches.defaultCache);
    expect(caches.of(["a"])).not.toBe(caches.defaultCache);
    expect(caches.of([])).not.toBe(caches.defaultCache);
  });

  test("only the token of the default scopes is renewed in the background", async () => {
    const { caches, plans, step } = world({ scopes: ["read"], stepUp: ["write"] });
    await caches.of(["other"]).getToken(demand);
    expect(plans).toEqual([]);
    await step(["write"]);
    const nextRefreshAt = plans.at(-1);
    expect(nextRefreshAt).toBeTypeOf("number");
    // The scopes that are no longer the default ones are not renewed in the background any more.
    await caches.of(["read"]).getToken({ reason: "forced" });
    expect(plans.at(-1)).toBe(nextRefreshAt);
  });

  test("caches beyond the limit are dropped, except the default one and those with a request in flight", async () => {
    const gate = deferred<Answer>();
    const { caches, requested } = world({
      scopes: ["own"],
      answer: (name) => (name === "slow" ? gate.promise : {}),
    });
    const slow = caches.of(["slow"]);
    const pending = slow.getToken(demand);
    const first = caches.of(["s0"]);
    for (let number = 1; number < 300; number += 1) caches.of([`s${number}`]);
    expect(caches.of(["slow"])).toBe(slow);
    expect(caches.of(["s0"])).not.toBe(first);
    expect(caches.of(["own"])).toBe(caches.defaultCache);
    gate.resolve({ accessToken: "slow" });
    expect((await pending).accessToken).toBe("slow");
    expect(requested).toEqual(["slow"]);
  });

  test("caches take over the fresh tokens and the default scopes of the previous caches", async () => {
    const before = world({ scopes: ["read"], stepUp: ["write"] });
    await before.step(["write"]);
    await before.caches.of(["other"]).getToken(demand);
    const { caches, requested, plans } = world({ scopes: ["read"], stepUp: ["write"] });
    caches.takeOver(before.caches);
    expect((await caches.defaultCache.getToken(demand)).accessToken).toBe("read+write");
    expect((await caches.of(["other"]).getToken(demand)).accessToken).toBe("other");
    expect((await caches.of(["read"]).getToken(demand)).accessToken).toBe("read");
    expect(requested).toEqual([]);
    expect(caches.scopes).toEqual(["read", "write"]);
    expect(plans.at(-1)).toBe(caches.nextRefreshAt);
    expect(caches.nextRefreshAt).toBeGreaterThan(fakeClock().now());
  });

  test("a cache that is created after stop() is stopped", async () => {
    const { caches } = world({ scopes: ["read"] });
    await caches.stop(0);
    expect((await rejectionOf(caches.of(["other"]).getToken(demand))).code).toBe("stopped");
  });
});
