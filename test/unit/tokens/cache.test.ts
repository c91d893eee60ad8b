import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { markAskedToWait } from "../../../src/oauth/error-marks.js";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { assertNoUnhandledRejection } from "../../support/no-unhandled-rejection.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { authError, outage, refusal, second, testCache, token } from "./fixtures.js";

const demand = { reason: "demand" } as const;
const forced = { reason: "forced" } as const;

assertNoUnhandledRejection();

describe("shared requests", () => {
  test("1,000 concurrent first calls send one token request", async () => {
    const { cache, requests } = testCache();
    const calls = Array.from({ length: 1_000 }, () => cache.getToken(demand));
    const tokens = new Set((await Promise.all(calls)).map(({ accessToken }) => accessToken));
    expect([...tokens]).toEqual(["token-1"]);
    expect(requests).toHaveLength(1);
  });

  test("1,000 calls around an expiry send one more token request, and none fails", async () => {
    const { cache, requests, clock } = testCache();
    await cache.getToken(demand);
    await clock.advance(61 * second);
    const tokens = await Promise.all(Array.from({ length: 1_000 }, () => cache.getToken(demand)));
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(["token-2"]));
    expect(requests).toHaveLength(2);
  });

  test("calls that arrive in any microtask while a renewal ends send no second request", async () => {
    const { cache, requests } = testCache({ answer: async () => ({}) });
    const calls: Promise<unknown>[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      calls.push(cache.getToken(demand));
      await Promise.resolve();
    }
    await Promise.all(calls);
    expect(requests).toHaveLength(1);
  });

  test("forced refreshes share one request, and join one that is in flight", async () => {
    const { cache, requests } = testCache();
    await cache.getToken(demand);
    const tokens = await Promise.all([
      cache.getToken(forced),
      cache.getToken(forced),
      cache.getToken(forced),
    ]);
    expect(tokens.map(({ accessToken }) => accessToken)).toEqual(["token-2", "token-2", "token-2"]);
    expect(requests).toHaveLength(2);
  });
});

describe("fresh tokens", () => {
  test("a fresh token is returned at once and without a request", async () => {
    const { cache, clock, requests } = testCache();
    expect(cache.peek(clock.now())).toBeUndefined();
    const first = await cache.getToken(demand);
    expect(cache.peek(clock.now())).toBe(first);
    expect(cache.snapshot()).toEqual({ state: "fresh", expiresAt: clock.now() + 60 * second });
    expect(cache.peek(clock.now() + 38_999)).toBe(first);
    expect(cache.peek(clock.now() + 39_000)).toBeUndefined();
    expect(requests).toHaveLength(1);
  });

  test("a forced refresh replaces a fresh token, and keeps it if the request fails", async () => {
    const { cache, clock } = testCache({ answer: (n) => (n === 1 ? refusal() : {}) });
    const first = await cache.getToken(demand);
    expect((await rejectionOf(cache.getToken(forced))).code).toBe("token_request_rejected");
    expect(cache.peek(clock.now())).toBe(first);
    expect((await cache.getToken(forced)).accessToken).toBe("token-3");
  });
});

describe("stale tokens", () => {
  test("a stale token is returned at once while one renewal runs in the background", async () => {
    const { cache, clock, requests, events } = testCache();
    await cache.getToken(demand);
    await clock.advance(39 * second);
    expect(cache.snapshot().state).toBe("stale");
    const during = await Promise.all(Array.from({ length: 50 }, () => cache.getToken(demand)));
    expect(new Set(during.map(({ accessToken }) => accessToken))).toEqual(new Set(["token-1"]));
    await clock.settle();
    expect(cache.peek(clock.now())?.accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
    expect(events.map(({ name, reason }) => [name, reason])).toEqual([
      ["token:renewed", "demand"],
      ["token:renewed", "expiry"],
    ]);
  });

  test.each([
    ["temporarily", outage],
    ["permanently", refusal],
  ])("a stale token stays in use if its renewal fails %s, with one event and a pause", async (_, error) => {
    const { cache, clock, requests, events } = testCache({ answer: (n) => (n === 0 ? {} : error()) });
    await cache.getToken(demand);
    await clock.advance(39 * second);
    for (let call = 0; call < 100; call += 1) {
      expect((await cache.getToken(demand)).accessToken).toBe("token-1");
      await clock.settle();
    }
    expect(requests).toHaveLength(2);
    expect(events.map(({ name }) => name)).toEqual(["token:renewed", "token:failed"]);
    expect(cache.snapshot()).toMatchObject({ state: "stale", lastError: { code: error().code } });
  });

  test("the renewal of a stale token is retried after at most a quarter of the remaining time", async () => {
    const { cache, clock, nextRefreshAt } = testCache({ answer: (n) => (n === 0 ? {} : outage()) });
    await cache.getToken(demand);
    const unusableAt = clock.now() + 54 * second;
    const tries: number[] = [];
    await clock.advance(39 * second);
    for (let at = nextRefreshAt(); at !== undefined && at < unusableAt; at = nextRefreshAt()) {
      const left = unusableAt - clock.now();
      await clock.advance(Math.max(at - clock.now(), 0));
      if (tries.length > 0) expect(at - (tries.at(-1) ?? 0)).toBeLessThanOrEqual(Math.max(left / 4, 100) + 1);
      tries.push(at);
      await cache.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
    }
    expect(tries.length).toBeGreaterThan(4);
    // A server that rejects requests must not get them faster and faster towards the end.
    expect(tries.length).toBeLessThan(25);
    expect(tries.every((at) => at < unusableAt)).toBe(true);
  });
});

describe("unusable tokens", () => {
  async function unusable(error: () => ReturnType<typeof outage>) {
    const opened = testCache({ answer: (n) => (n === 0 ? {} : error()) });
    await opened.cache.getToken(demand);
    await opened.clock.advance(55 * second);
    return opened;
  }

  test("an unusable but unexpired token is returned after a temporary failure, without a request per call", async () => {
    const { cache, clock, requests } = await unusable(outage);
    for (let call = 0; call < 20; call += 1) {
      expect((await cache.getToken(demand)).accessToken).toBe("token-1");
    }
    expect(requests).toHaveLength(2);
    await clock.advance(5 * second);
    expect((await rejectionOf(cache.getToken(demand))).code).toBe("unavailable");
  });

  test("an unusable but unexpired token does not hide a permanent failure, at once or during the cool-down", async () => {
    const { cache, requests } = await unusable(refusal);
    expect((await rejectionOf(cache.getToken(demand))).code).toBe("token_request_rejected");
    expect((await rejectionOf(cache.getToken(demand))).code).toBe("token_request_rejected");
    expect(requests).toHaveLength(2);
  });
});

test("an expired token is never returned, whatever the server does and whenever a caller asks", async () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 120_000 }),
    reason: fc.constantFrom("demand", "forced", "demand"),
  });
  const answer = fc.oneof(fc.integer({ min: -10, max: 400 }), fc.constant("down"), fc.constant("no"));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 8 }),
      fc.array(answer, { maxLength: 8 }),
      async (steps, answers) => {
        const sent: number[] = [];
        const clock = fakeClock();
        const { cache } = testCache({
          clock,
          answer(n) {
            sent.push(n);
            const kind = answers[n] ?? 60;
            return kind === "down" ? outage() : kind === "no" ? refusal() : { expiresIn: kind };
          },
        });
        for (const { wait, reason } of steps) {
          await clock.advance(wait);
          const before = sent.length;
          // A token that just arrived is returned to the callers that waited for it, however short its lifetime.
          const got = await cache.getToken({ reason }).catch(() => undefined);
          if (got !== undefined && sent.length === before) expect(got.expiresAt).toBeGreaterThan(clock.now());
        }
      },
    ),
    { numRuns: 60 },
  );
});

describe("extreme lifetimes", () => {
  test.each([0, -60])(
    "a token of %d seconds is returned to all callers that waited for it, and is not kept",
    async (expiresIn) => {
      const { cache, requests, nextRefreshAt } = testCache({ answer: () => ({ expiresIn }) });
      const tokens = await Promise.all([cache.getToken(demand), cache.getToken(demand)]);
      expect(tokens.map(({ accessToken }) => accessToken)).toEqual(["token-1", "token-1"]);
      expect((await cache.getToken(demand)).accessToken).toBe("token-2");
      expect(requests).toHaveLength(2);
      expect(nextRefreshAt()).toBeUndefined();
    },
  );

  test.each([0.01, 0.5, 1])(
    "a token of %d seconds is not renewed in the background in a loop",
    async (expiresIn) => {
      const { cache, nextRefreshAt, requests, clock } = testCache({ answer: () => ({ expiresIn }) });
      await cache.getToken(demand);
      const until = clock.now() + 60 * second;
      for (let at = nextRefreshAt(); at !== undefined && at < until; at = nextRefreshAt()) {
        await clock.advance(Math.max(at - clock.now(), 0));
        await cache.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
      }
      expect(requests.length).toBeLessThanOrEqual(61);
    },
  );

  test("a token whose response took most of its lifetime is not renewed in a loop", async () => {
    const clock = fakeClock();
    const { cache, nextRefreshAt, requests } = testCache({
      clock,
      answer: async () => {
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1_500));
        return { expiresIn: 2 };
      },
    });
    const first = cache.getToken(demand);
    await clock.advance(1_500);
    await first;
    const until = clock.now() + 60 * second;
    for (let at = nextRefreshAt(); at !== undefined && at < until; at = nextRefreshAt()) {
      await clock.advance(Math.max(at - clock.now(), 0));
      const renewal = cache.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
      await clock.advance(1_500);
      await renewal;
    }
    expect(requests.length).toBeLessThanOrEqual(30);
  });

  test("a token that lives ten years is fresh for more than nine", async () => {
    const { cache, clock } = testCache({ answer: () => ({ expiresIn: 315_360_000 }) });
    const { expiresAt } = await cache.getToken(demand);
    expect(cache.peek(clock.now() + 9 * 365 * 86_400_000)?.expiresAt).toBe(expiresAt);
  });

  test("a renewal that brings the same expiry again does not cause a loop", async () => {
    const clock = fakeClock();
    const expiry = clock.now() + 60 * second;
    const { cache, requests, nextRefreshAt } = testCache({
      clock,
      answer: () => ({ accessToken: "same", expiresIn: (expiry - clock.now()) / second }),
    });
    await cache.getToken(demand);
    for (let at = nextRefreshAt(); at !== undefined && at < expiry; at = nextRefreshAt()) {
      await clock.advance(Math.max(at - clock.now(), 0));
      await cache.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
    }
    expect(requests.length).toBeLessThan(12);
  });
});

describe("signals of callers", () => {
  test("an aborted signal detaches only its own caller from the shared request", async () => {
    const clock = fakeClock();
    const { cache, requests } = testCache({
      clock,
      answer: () => new Promise((resolve) => void clock.setTimeout(() => resolve({}), 100)),
    });
    const leaving = new AbortController();
    const abortedCall = rejectionOf(cache.getToken({ reason: "demand", signal: leaving.signal }));
    const staying = cache.getToken({ reason: "demand", signal: new AbortController().signal });
    await clock.settle();
    leaving.abort();
    expect(await abortedCall).toMatchObject({ code: "aborted", server: "billing" });
    expect(requests[0]?.aborted).toBe(false);
    await clock.advance(100);
    expect((await staying).accessToken).toBe("token-1");
  });

  test("a signal that is aborted before the call prevents the request", async () => {
    const { cache, requests } = testCache();
    expect((await rejectionOf(cache.getToken({ reason: "demand", signal: AbortSignal.abort() }))).code).toBe(
      "aborted",
    );
    expect(requests).toHaveLength(0);
  });

  test("no listener stays on the signal of a caller, whether the request succeeds or fails", async () => {
    const { signal } = new AbortController();
    await testCache().cache.getToken({ reason: "demand", signal });
    await rejectionOf(testCache({ answer: refusal }).cache.getToken({ reason: "demand", signal }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("stop", () => {
  test("after stop() new calls fail at once, even with a fresh token, and stop() can be called again", async () => {
    const { cache, clock, nextRefreshAt } = testCache();
    await cache.getToken(demand);
    await cache.stop(5 * second);
    await cache.stop(5 * second);
    expect(cache.peek(clock.now())).toBeUndefined();
    expect((await rejectionOf(cache.getToken(demand))).code).toBe("stopped");
    expect((await rejectionOf(cache.getToken(forced))).code).toBe("stopped");
    expect(cache.snapshot().state).toBe("stopped");
    expect(nextRefreshAt()).toBeUndefined();
    expect(clock.pending).toEqual([]);
  });

  test("stop() lets a renewal in flight finish within the grace period", async () => {
    const clock = fakeClock();
    const { cache } = testCache({
      clock,
      answer: () => new Promise((resolve) => void clock.setTimeout(() => resolve({}), 4 * second)),
    });
    const waiting = cache.getToken(demand);
    const stopped = cache.stop(5 * second);
    await clock.advance(4 * second);
    expect((await waiting).accessToken).toBe("token-1");
    await stopped;
    expect(clock.pending).toEqual([]);
  });

  test("stop() cancels the renewal after the grace period, and every caller gets `stopped` even if the grant ignores its signal", async () => {
    const { cache, clock, requests } = testCache({ answer: () => new Promise(() => {}) });
    const waiting = [cache.getToken(demand), cache.getToken(demand), cache.getToken(forced)].map(rejectionOf);
    const stopped = cache.stop(5 * second);
    await clock.advance(5 * second);
    expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual(["stopped", "stopped", "stopped"]);
    expect(requests[0]?.aborted).toBe(true);
    await stopped;
    expect(clock.pending).toEqual([]);
  });
});

describe("accept", () => {
  test("a token from elsewhere is used and ends the cool-down", async () => {
    const { cache, clock } = testCache({ answer: refusal });
    await rejectionOf(cache.getToken(demand));
    const brought = token({ requestedAt: clock.now(), expiresAt: clock.now() + 60 * second });
    cache.accept(brought);
    expect(await cache.getToken(demand)).toBe(brought);
  });
});

describe("ensureUsableUntil", () => {
  test("ensureUsableUntil() renews only a token that would not last until then", async () => {
    const { cache, clock, requests, events } = testCache();
    await cache.getToken(demand);
    // No token is renewed in the background within a second of its arrival.
    await cache.ensureUsableUntil(clock.now() + 55 * second, "schedule");
    expect(requests).toHaveLength(1);
    await clock.advance(second);
    await cache.ensureUsableUntil(clock.now() + 52 * second, "schedule");
    expect(requests).toHaveLength(1);
    await cache.ensureUsableUntil(clock.now() + 55 * second, "schedule");
    expect(requests).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ name: "token:renewed", reason: "schedule" });
  });

  test("ensureUsableUntil() never rejects, and respects the cool-down", async () => {
    const { cache, clock, requests } = testCache({ answer: refusal });
    await cache.ensureUsableUntil(clock.now() + second, "schedule");
    await cache.ensureUsableUntil(clock.now() + second, "schedule");
    expect(requests).toHaveLength(1);
    await cache.stop(0);
    await cache.ensureUsableUntil(clock.now() + second, "schedule");
    expect(requests).toHaveLength(1);
  });
});

test("a background renewal that exceeds the deadline is reported as an event", async () => {
  const { cache, clock, events } = testCache({
    deadline: 5 * second,
    answer: (n) => (n === 0 ? { expiresIn: 3_600 } : new Promise(() => {})),
  });
  await cache.getToken(demand);
  await clock.advance(3_270 * second);
  await cache.getToken(demand);
  await clock.advance(5 * second);
  expect(events.at(-1)).toMatchObject({ name: "token:failed", code: "timeout", reason: "expiry" });
  expect(cache.snapshot()).toMatchObject({ state: "stale", lastError: { code: "timeout" } });
});

test("a forced refresh ignores a cool-down, and concurrent calls share its request", async () => {
  const { cache, requests } = testCache({
    answer: (n) => (n === 0 ? authError("token_request_rejected") : {}),
  });
  await rejectionOf(cache.getToken(demand));
  const got = await Promise.all([cache.getToken(demand), cache.getToken(forced)]);
  expect(got.map(({ accessToken }) => accessToken)).toEqual(["token-2", "token-2"]);
  expect(requests).toHaveLength(2);
});

describe("cool-downs after Retry-After", () => {
  const limited = () =>
    markAskedToWait(authError("unavailable", { retryable: true, retryAfter: 3_600 * second }));

  test("a cool-down after a Retry-After shrinks to its normal length once another manager has reached the server", async () => {
    const retryAfterRegistry = new RetryAfterRegistry();
    const clock = fakeClock();
    const { cache, requests } = testCache({
      clock,
      retryAfterRegistry,
      answer: (n) => (n === 0 ? limited() : {}),
    });
    await rejectionOf(cache.getToken(demand));
    expect(await rejectionOf(cache.getToken(demand))).toMatchObject({ retryAfter: 3_600 * second });
    await testCache({ clock, retryAfterRegistry }).cache.getToken(forced);
    expect(await rejectionOf(cache.getToken(demand))).toMatchObject({ retryAfter: second });
    await clock.advance(second);
    await cache.getToken(demand);
    expect(requests).toHaveLength(2);
  });

  test("a cool-down after a Retry-After lasts its full time if no other manager reaches the server", async () => {
    const { cache, clock, requests } = testCache({ answer: limited });
    await rejectionOf(cache.getToken(demand));
    await clock.advance(3_599 * second);
    expect(await rejectionOf(cache.getToken(demand))).toMatchObject({ retryAfter: second });
    expect(requests).toHaveLength(1);
  });
});

describe("cool-downs after a rejected credential", () => {
  function refusedOnce(how: (checks: number) => boolean, first = refusal) {
    let checks = 0;
    const hasNewCredential = async () => {
      checks += 1;
      return how(checks);
    };
    const made = testCache({ answer: (number) => (number === 0 ? first() : {}), hasNewCredential });
    return { ...made, checks: () => checks };
  }

  test("a cool-down after a rejected credential ends with a new one, which is looked for once for all callers", async () => {
    const { cache, requests, checks } = refusedOnce(() => true);
    await rejectionOf(cache.getToken(demand));
    const calls = Array.from({ length: 100 }, () => cache.getToken(demand));
    expect(new Set((await Promise.all(calls)).map(({ accessToken }) => accessToken))).toEqual(
      new Set(["token-2"]),
    );
    expect([checks(), requests.length]).toEqual([1, 2]);
  });

  test.each([
    ["a certificate that the server refused", "tls_failed"],
    ["a missing file", "secret_unavailable"],
    ["a key that could not be read", "key_invalid"],
  ] as const)("a new credential ends a cool-down after %s", async (_what, code) => {
    const { cache, requests } = refusedOnce(
      () => true,
      () => authError(code),
    );
    expect((await rejectionOf(cache.getToken(demand))).code).toBe(code);
    await cache.getToken(demand);
    expect(requests).toHaveLength(2);
  });

  test("a token that arrives while the credential is checked is returned", async () => {
    const looked = deferred<boolean>();
    const { cache, requests } = testCache({
      answer: (n) => (n === 0 ? refusal() : {}),
      hasNewCredential: () => looked.promise,
    });
    await rejectionOf(cache.getToken(demand));
    const call = cache.getToken(demand);
    await cache.getToken(forced);
    looked.resolve(false);
    expect((await call).accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("the check of the credential delays neither an aborted caller nor stop()", async () => {
    const looked = deferred<boolean>();
    const { cache } = testCache({ answer: refusal, hasNewCredential: () => looked.promise });
    await rejectionOf(cache.getToken(demand));
    const controller = new AbortController();
    const aborted = rejectionOf(cache.getToken({ ...demand, signal: controller.signal }));
    controller.abort();
    expect((await aborted).code).toBe("aborted");
    const call = rejectionOf(cache.getToken(demand));
    await cache.stop(0);
    looked.resolve(false);
    expect((await call).code).toBe("stopped");
  });

  test("a cool-down after a rejected credential goes on while the credential is the same", async () => {
    const { cache, requests, checks } = refusedOnce((times) => times === 2);
    await rejectionOf(cache.getToken(demand));
    expect((await rejectionOf(cache.getToken(demand))).code).toBe("token_request_rejected");
    expect(requests).toHaveLength(1);
    await cache.getToken(demand);
    expect([checks(), requests.length]).toEqual([2, 2]);
  });

  test("the credential is not checked for an aborted caller, nor after an outage, which it would not fix", async () => {
    const refused = refusedOnce(() => true);
    await rejectionOf(refused.cache.getToken(demand));
    const aborted = refused.cache.getToken({ ...demand, signal: AbortSignal.abort() });
    expect((await rejectionOf(aborted)).code).toBe("aborted");
    const down = refusedOnce(() => true, outage);
    await rejectionOf(down.cache.getToken(demand));
    expect((await rejectionOf(down.cache.getToken(demand))).code).toBe("unavailable");
    expect([refused.checks(), down.checks()]).toEqual([0, 0]);
  });
});

test("a failure that is no McpAuthError is not retried in the background", async () => {
  const { cache, clock, nextRefreshAt } = testCache({
    answer: (number) => (number === 1 ? Promise.reject(new TypeError("a fault")) : {}),
  });
  await cache.getToken(demand);
  await clock.advance(60 * second);
  await expect(cache.getToken(demand)).rejects.toThrow();
  expect(nextRefreshAt()).toBeUndefined();
  await clock.advance(second);
  await cache.getToken(demand);
  expect(nextRefreshAt()).toBe(clock.now() + 39 * second);
});

test("a token from elsewhere that arrives after stop() is dropped", async () => {
  const { cache, clock, nextRefreshAt } = testCache();
  await cache.stop(0);
  cache.accept(token({ requestedAt: clock.now(), expiresAt: clock.now() + 60 * second }));
  expect(cache.snapshot()).toEqual({ state: "stopped" });
  expect(nextRefreshAt()).toBeUndefined();
});
