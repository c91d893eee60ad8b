import { getEventListeners } from "node:events";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { RetrySpec } from "../../../src/config/renewal-spec.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import { markAnotherCredential, markAskedToWait } from "../../../src/oauth/error-marks.js";
import { type StoreFailure, storeFailure, storeUnavailable } from "../../../src/stores/failure.js";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import type { TokenRequest } from "../../../src/tokens/source.js";
import { withRetry } from "../../../src/tokens/with-retry.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { authError, issuer, outage, refusal, second, server, token } from "./fixtures.js";

// Loaded before the tests, so that they do not include the turns of the event loop that loading takes.
beforeAll(() => import("p-retry"));

interface Setup {
  readonly outcome: (
    attempt: number,
    signal: AbortSignal,
  ) => McpAuthError | Promise<McpAuthError> | undefined;
  readonly storeFailure?: () => StoreFailure | undefined;
  readonly retry?: Partial<RetrySpec>;
  readonly deadline?: number;
  readonly retryAfterRegistry?: RetryAfterRegistry;
  readonly clock?: FakeClock;
  readonly random?: () => number;
}

function setUp(setup: Setup) {
  const {
    outcome,
    deadline = 30 * second,
    retryAfterRegistry = new RetryAfterRegistry(),
    clock = fakeClock(),
    random = () => 1,
  } = setup;
  const started = clock.now();
  /** The times of the attempts, and their numbers. */
  const attempts: [number, number][] = [];
  const source = withRetry(
    {
      async getToken({ attempt, signal }) {
        attempts.push([clock.now() - started, attempt]);
        const error = await outcome(attempts.length, signal);
        if (error !== undefined) throw error;
        return token({ requestedAt: clock.now(), expiresAt: clock.now() + 60 * second });
      },
    },
    {
      server,
      endpoint: issuer,
      clock,
      random,
      retryAfterRegistry,
      deadline,
      retry: { attempts: 4, min: 250, max: 10_000, ...setup.retry },
      causeOfTimeout() {
        const failure = setup.storeFailure?.();
        return failure && storeUnavailable(server, failure);
      },
    },
  );
  const stop = new AbortController();
  const request = (reason: TokenRequest["reason"] = "demand") => ({
    reason,
    signal: stop.signal,
    attempt: 1,
  });
  return {
    source,
    clock,
    retryAfterRegistry,
    attempts,
    stop,
    request,
    get: (reason?: TokenRequest["reason"]) => source.getToken(request(reason)),
  };
}

/** Lets the clock run until the promise is settled. */
async function outcomeOf(
  promise: Promise<unknown>,
  clock: FakeClock,
  limit = 60 * second,
): Promise<McpAuthError> {
  const outcome = rejectionOf(promise);
  outcome.catch(() => {});
  await clock.advance(limit);
  return await outcome;
}

describe("temporary failures", () => {
  test("a temporary failure is retried up to four attempts, with doubling pauses up to the bound of the jitter", async () => {
    const { get, clock, attempts } = setUp({ outcome: outage });
    expect((await outcomeOf(get(), clock)).code).toBe("unavailable");
    expect(attempts).toEqual([
      [0, 1],
      [250, 2],
      [750, 3],
      [1_750, 4],
    ]);
    expect(clock.pending).toEqual([]);
  });

  test.each([1, 2, 3])("a temporary failure is attempted as often as the config says: %d", async (count) => {
    const { get, clock, attempts } = setUp({ outcome: outage, retry: { attempts: count } });
    await outcomeOf(get(), clock);
    expect(attempts).toHaveLength(count);
  });

  test("the retries end with the first success", async () => {
    const { get, clock, attempts } = setUp({ outcome: (n) => (n < 3 ? outage() : undefined) });
    const got = get();
    await clock.advance(750);
    expect((await got).accessToken).toBe("token");
    expect(attempts).toHaveLength(3);
  });

  test.each([
    [0, [0, 7_000, 14_000]],
    [0.5, [0, 7_350, 14_700]],
    [1, [0, 7_700, 15_400]],
  ])(
    "a Retry-After is followed, and exceeded by up to a tenth, for the random number %d",
    async (random, expected) => {
      const limited = () => authError("unavailable", { retryable: true, retryAfter: 7_000 });
      const outcome = (n: number) => (n < 3 ? limited() : undefined);
      const { get, clock, attempts } = setUp({ outcome, random: () => random });
      const got = get();
      await clock.advance(16_000);
      await got;
      expect(attempts.map(([at]) => at)).toEqual(expected);
    },
  );

  test("a Retry-After that ends just before the deadline is followed exactly", async () => {
    const limited = () => authError("unavailable", { retryable: true, retryAfter: 29_900 });
    const { get, clock, attempts } = setUp({ outcome: (n) => (n === 1 ? limited() : undefined) });
    const got = get();
    await clock.advance(29_900);
    await got;
    expect(attempts.map(([at]) => at)).toEqual([0, 29_900]);
  });
});

describe("rejected credentials", () => {
  const changed = () => markAnotherCredential(refusal());

  test("a rejected credential is followed once and at once by another", async () => {
    const { get, clock, attempts } = setUp({ outcome: (n) => (n === 1 ? changed() : undefined) });
    const got = get();
    await clock.settle();
    await got;
    expect(attempts).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test("a second rejected credential is not followed by a third", async () => {
    const { get, clock, attempts } = setUp({ outcome: changed });
    expect((await outcomeOf(get(), clock)).code).toBe("token_request_rejected");
    expect(attempts).toHaveLength(2);
  });

  test("a rejected credential costs no more requests than the config allows", async () => {
    const { get, clock, attempts } = setUp({ outcome: changed, retry: { attempts: 1 } });
    await outcomeOf(get(), clock);
    expect(attempts).toHaveLength(1);
  });

  test("a rejected credential does not end the retries of a temporary failure", async () => {
    const { get, clock, attempts } = setUp({
      random: () => 0,
      outcome: (n) => [outage(), changed(), outage()][n - 1],
    });
    const got = get();
    await clock.settle();
    expect((await got).accessToken).toBe("token");
    expect(attempts).toHaveLength(4);
  });
});

test("a probe is one request, except with another credential", async () => {
  const down = setUp({ outcome: outage });
  await outcomeOf(down.source.getToken({ ...down.request(), probe: true }), down.clock);
  expect(down.attempts).toHaveLength(1);
  const outcome = (n: number) => (n === 1 ? markAnotherCredential(refusal()) : undefined);
  const rotated = setUp({ outcome });
  const got = rotated.source.getToken({ ...rotated.request(), probe: true });
  await rotated.clock.settle();
  await got;
  expect(rotated.attempts).toHaveLength(2);
});

test("for every random sequence, attempts stay within number, deadline and full jitter", async () => {
  const setups = fc.record({
    attempts: fc.integer({ min: 1, max: 6 }),
    min: fc.integer({ min: 1, max: 2_000 }),
    max: fc.integer({ min: 2_000, max: 20_000 }),
    deadline: fc.integer({ min: 100, max: 60_000 }),
    dice: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(setups, async ({ attempts: allowed, min, max, deadline, dice }) => {
      const { get, clock, attempts } = setUp({
        outcome: outage,
        retry: { attempts: allowed, min, max },
        deadline,
        random: () => dice[attempts.length - 1] ?? 0,
      });
      await outcomeOf(get(), clock, 200 * second);
      const moments = attempts.map(([at]) => at);
      expect(moments.length).toBeLessThanOrEqual(allowed);
      for (const [index, at] of moments.entries()) {
        expect(at).toBeLessThan(deadline);
        const before = moments[index - 1];
        if (before !== undefined)
          expect(at - before).toBeLessThanOrEqual(Math.min(max, min * 2 ** (index - 1)));
      }
      expect(clock.pending).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test("a permanent failure is not retried", async () => {
  const { get, clock, attempts } = setUp({ outcome: refusal });
  expect((await outcomeOf(get(), clock)).oauthError).toBe("invalid_client");
  expect(attempts).toHaveLength(1);
});

test("a permanent failure ends the retries of a temporary one", async () => {
  const { get, clock, attempts } = setUp({ outcome: (n) => (n < 3 ? outage() : refusal()) });
  expect((await outcomeOf(get(), clock)).code).toBe("token_request_rejected");
  expect(attempts).toHaveLength(3);
});

describe("cause of a timeout", () => {
  const full = storeFailure(Object.assign(new Error(), { code: "ENOSPC" }), {
    place: "/state",
    kind: "file",
  });
  const calledOff: Setup["outcome"] = (_attempt, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(outage())));

  test("an unavailable store is named as the reason for the passed deadline", async () => {
    const { get, clock } = setUp({
      ...{ deadline: 5 * second, outcome: calledOff },
      storeFailure: () => full,
    });
    const failed = rejectionOf(get());
    await clock.advance(5 * second);
    const error = await failed;
    expect(error).toMatchObject({ code: "store_unavailable", server, retryable: true });
    expect(error.message).toContain("/state, cannot be used: no space is left (ENOSPC).");
    expect(error.message).not.toContain("deadline");
  });

  test("an available store is not named as the reason for the passed deadline", async () => {
    const { get, clock } = setUp({
      ...{ deadline: 5 * second, outcome: calledOff },
      storeFailure: () => undefined,
    });
    const failed = rejectionOf(get());
    await clock.advance(5 * second);
    expect((await failed).code).toBe("timeout");
  });
});

describe("Retry-After beyond the deadline", () => {
  const limited = () => markAskedToWait(authError("unavailable", { retryable: true, retryAfter: 120_000 }));

  test.each([1, 2, 4])(
    "a Retry-After beyond the deadline at attempt %d fails at once as `unavailable`, with the time to wait",
    async (at) => {
      const { get, clock, attempts, retryAfterRegistry } = setUp({
        outcome: (n) => (n < at ? outage() : limited()),
      });
      const outcome = rejectionOf(get());
      await clock.advance(1_750);
      expect(await outcome).toMatchObject({
        code: "unavailable",
        server,
        retryable: true,
        retryAfter: 120_000,
      });
      expect(attempts).toHaveLength(at);
      expect(retryAfterRegistry.remaining(issuer, clock.now())).toBeGreaterThan(118_000);
      expect(clock.pending).toEqual([]);
    },
  );

  test("a Retry-After beyond the deadline holds back all requests to the same token endpoint until it ends", async () => {
    const retryAfterRegistry = new RetryAfterRegistry();
    const clock = fakeClock();
    const told = setUp({ outcome: limited, retryAfterRegistry, clock });
    await rejectionOf(told.get());
    await clock.advance(20_000);
    const other = setUp({ outcome: () => undefined, retryAfterRegistry, clock });
    expect(await rejectionOf(other.get())).toMatchObject({ code: "unavailable", retryAfter: 101_000 });
    expect(other.attempts).toEqual([]);
    await clock.advance(100_000);
    await other.get();
    expect(other.attempts).toHaveLength(1);
  });

  test("a Retry-After of another server than the token endpoint holds back no other manager", async () => {
    const retryAfterRegistry = new RetryAfterRegistry();
    const clock = fakeClock();
    const metadata = () => authError("unavailable", { retryable: true, retryAfter: 120_000 });
    const { message, retryAfter } = await rejectionOf(
      setUp({ outcome: metadata, retryAfterRegistry, clock }).get(),
    );
    expect([message, retryAfter]).toEqual(['Server "billing": unavailable.', 120_000]);
    expect(retryAfterRegistry.remaining(issuer, clock.now())).toBe(0);
  });

  test("a Retry-After stays when an earlier request of another manager succeeds", async () => {
    const retryAfterRegistry = new RetryAfterRegistry();
    const clock = fakeClock();
    let succeed = () => {};
    const slow = setUp({
      retryAfterRegistry,
      clock,
      outcome: () =>
        new Promise((resolve) => {
          succeed = () => resolve(undefined as never);
        }),
    });
    const early = slow.get();
    await rejectionOf(setUp({ outcome: limited, retryAfterRegistry, clock }).get());
    succeed();
    await early;
    expect(retryAfterRegistry.remaining(issuer, clock.now())).toBe(120_000);
  });

  test("a Retry-After holds back the next attempt of managers that are between two attempts", async () => {
    const retryAfterRegistry = new RetryAfterRegistry();
    const clock = fakeClock();
    const retrying = setUp({ outcome: outage, retryAfterRegistry, clock });
    await rejectionOf(setUp({ outcome: limited, retryAfterRegistry, clock }).get());
    // A forced refresh ignores a hold, but its retries must not.
    expect(await outcomeOf(retrying.get("forced"), clock, 5_000)).toMatchObject({ retryAfter: 120_000 });
    expect(retrying.attempts).toHaveLength(1);
  });
});

test("a retry waits for the longer Retry-After, of its own response or of another manager", async () => {
  const retryAfterRegistry = new RetryAfterRegistry();
  const { get, clock, attempts } = setUp({
    retryAfterRegistry,
    outcome: (n) => (n === 1 ? authError("unavailable", { retryable: true, retryAfter: 2_000 }) : undefined),
  });
  const got = get();
  retryAfterRegistry.hold(issuer, clock.now(), 9_000);
  await clock.advance(9_900);
  await got;
  expect(attempts.map(([at]) => at)).toEqual([0, 9_900]);
});

test("the next acquisition waits for the Retry-After of the last attempt, and slightly longer", async () => {
  const { get, clock, attempts } = setUp({
    retry: { attempts: 1 },
    outcome: () => markAskedToWait(authError("unavailable", { retryable: true, retryAfter: 20_000 })),
  });
  await rejectionOf(get());
  await clock.advance(5_000);
  const next = rejectionOf(get());
  await clock.advance(15_999);
  expect(attempts).toHaveLength(1);
  await clock.advance(1);
  expect(await next).toMatchObject({ code: "unavailable", retryAfter: 20_000 });
  expect(attempts.map(([at]) => at)).toEqual([0, 21_000]);
});

describe("deadline", () => {
  test("the deadline ends an attempt that hangs with a retryable `timeout`", async () => {
    let seen: AbortSignal | undefined;
    const { get, clock } = setUp({
      deadline: 5 * second,
      outcome: (_, signal) => {
        seen = signal;
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(authError("aborted")), { once: true });
        });
      },
    });
    expect(await outcomeOf(get(), clock)).toMatchObject({ code: "timeout", server, retryable: true });
    expect(seen?.aborted).toBe(true);
  });

  test("the deadline covers all attempts, and none begins that could not end before it", async () => {
    const { get, clock, attempts } = setUp({ outcome: outage, deadline: 700 });
    expect((await outcomeOf(get(), clock)).code).toBe("unavailable");
    expect(attempts.map(([at]) => at)).toEqual([0, 250]);
  });
});

describe("aborts", () => {
  test("an abort ends the pause between two attempts", async () => {
    const { get, clock, stop, attempts } = setUp({ outcome: outage });
    const outcome = rejectionOf(get());
    await clock.settle();
    stop.abort();
    expect((await outcome).code).toBe("aborted");
    expect(attempts).toHaveLength(1);
    expect(clock.pending).toEqual([]);
  });

  test("no listener stays on the signal after success or failure", async () => {
    const { get, clock, stop } = setUp({ outcome: (n) => (n < 3 ? outage() : undefined) });
    const got = get();
    await clock.advance(750);
    await got;
    await get();
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  });
});

test("no timer between two attempts keeps the process alive", async () => {
  const { get, clock, stop } = setUp({ outcome: outage });
  const outcome = rejectionOf(get());
  await clock.settle();
  expect(clock.pending.map(({ unrefd }) => unrefd)).toEqual([true, true]);
  stop.abort();
  await outcome;
});
