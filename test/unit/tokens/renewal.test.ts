// What callers get that join a request which another caller began for another reason.
import { getEventListeners } from "node:events";
import { beforeAll, describe, expect, test } from "vitest";
import { SingleFlight } from "../../../src/tokens/single-flight.js";
import { deferred } from "../../support/deferred.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { type Answer, authError, issuer, outage, refusal, second, testCache, token } from "./fixtures.js";

// Loaded before the tests, so that they do not include the turns of the event loop that loading takes.
beforeAll(() => import("p-retry"));

const demand = { reason: "demand" } as const;
const forced = { reason: "forced" } as const;

/** A cache with a token of this age that lives 60 s. The test decides when the next request is answered. */
async function aged(age: number) {
  const answer = deferred<Exclude<Answer, Promise<unknown>>>();
  const opened = testCache({ answer: (n) => (n === 0 ? {} : n === 1 ? answer.promise : {}) });
  await opened.cache.getToken(demand);
  await opened.clock.advance(age);
  return { ...opened, answer: answer.resolve };
}

describe("forced refreshes that join a renewal", () => {
  test("a forced refresh that joins a background renewal gets its new token", async () => {
    const { cache, requests, events, answer } = await aged(40 * second);
    await cache.getToken(demand);
    const refresh = cache.getToken(forced);
    answer({});
    expect((await refresh).accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ name: "token:renewed", reason: "expiry" });
  });

  test.each([
    ["temporarily", outage],
    ["permanently", refusal],
  ])(
    "a forced refresh that joins a renewal which fails %s rejects, and the old token stays",
    async (_, error) => {
      const { cache, clock, answer } = await aged(40 * second);
      const old = await cache.getToken(demand);
      const refresh = rejectionOf(cache.getToken(forced));
      answer(error());
      expect((await refresh).code).toBe(error().code);
      expect(await cache.getToken(demand)).toBe(old);
      expect(cache.snapshot().state).toBe("stale");
      expect(clock.pending).toEqual([]);
    },
  );
});

describe("callers that join a forced refresh", () => {
  test("a caller with a fresh token does not wait for a forced refresh", async () => {
    const { cache, answer } = await aged(second);
    const refresh = rejectionOf(cache.getToken(forced));
    expect((await cache.getToken(demand)).accessToken).toBe("token-1");
    answer(refusal());
    expect((await refresh).code).toBe("token_request_rejected");
  });

  test("a caller gets the unexpired token when the forced refresh that it joined fails temporarily, and the refresh rejects", async () => {
    const { cache, answer } = await aged(55 * second);
    const refresh = rejectionOf(cache.getToken(forced));
    const call = cache.getToken(demand);
    answer(outage());
    expect((await call).accessToken).toBe("token-1");
    expect((await refresh).code).toBe("unavailable");
  });

  test("a caller with an unusable token gets the permanent failure of the forced refresh that it joined", async () => {
    const { cache, answer } = await aged(55 * second);
    const refresh = rejectionOf(cache.getToken(forced));
    const call = rejectionOf(cache.getToken(demand));
    answer(refusal());
    expect((await call).code).toBe("token_request_rejected");
    expect((await refresh).code).toBe("token_request_rejected");
  });

  test("a caller that joined an unanswered forced refresh gets the old token after half of its remaining time", async () => {
    const { cache, clock, answer } = await aged(55 * second);
    let got: string | undefined;
    const call = cache.getToken(demand).then((token) => {
      got = token.accessToken;
    });
    await clock.advance(2_499);
    expect(got).toBeUndefined();
    await clock.advance(1);
    expect(got).toBe("token-1");
    await call;
    // The request continues for later callers.
    const next = cache.getToken(demand);
    answer({});
    expect((await next).accessToken).toBe("token-2");
    expect(clock.pending).toHaveLength(0);
  });

  test("a caller that joined a forced refresh gets no expired token", async () => {
    const { cache, clock, answer } = await aged(60 * second);
    const call = rejectionOf(cache.getToken(demand));
    await clock.advance(second);
    answer(outage());
    expect((await call).code).toBe("unavailable");
  });
});

describe("forced refreshes", () => {
  test("a forced refresh ignores a cool-down and ends it", async () => {
    const { cache, requests } = testCache({ answer: (n) => (n === 0 ? refusal() : {}) });
    await rejectionOf(cache.getToken(demand));
    await rejectionOf(cache.getToken(demand));
    expect(requests).toHaveLength(1);
    expect((await cache.getToken(forced)).accessToken).toBe("token-2");
    expect((await cache.getToken(demand)).accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("a forced refresh ignores the hold of an issuer and ends it for all managers", async () => {
    const { cache, clock, retryAfterRegistry, requests } = testCache();
    retryAfterRegistry.hold(issuer, clock.now(), 600 * second);
    expect(await rejectionOf(cache.getToken(demand))).toMatchObject({ retryAfter: 600 * second });
    expect(requests).toHaveLength(0);
    expect((await cache.getToken(forced)).accessToken).toBe("token-1");
    expect(retryAfterRegistry.remaining(issuer, clock.now())).toBe(0);
  });

  test("a forced refresh that fails makes the cool-down longer", async () => {
    const { cache } = testCache({ answer: refusal });
    await rejectionOf(cache.getToken(demand));
    await rejectionOf(cache.getToken(forced));
    expect(await rejectionOf(cache.getToken(demand))).toMatchObject({ retryAfter: 2 * second });
  });
});

test("a hold lasts as long as the server asked, and callers are told how long", async () => {
  const { cache, clock, requests } = testCache({
    answer: (n) => (n === 0 ? authError("unavailable", { retryable: true, retryAfter: 300 * second }) : {}),
  });
  await rejectionOf(cache.getToken(demand));
  await clock.advance(299 * second);
  expect(await rejectionOf(cache.getToken(demand))).toMatchObject({
    code: "unavailable",
    retryAfter: second,
  });
  await clock.advance(second);
  expect((await cache.getToken(demand)).accessToken).toBe("token-2");
  expect(requests).toHaveLength(2);
});

describe("aborts", () => {
  test("a request goes on for later callers if all callers abort, and no cool-down begins", async () => {
    const answer = deferred<object>();
    const { cache, requests, events } = testCache({ answer: () => answer.promise });
    const callers = Array.from({ length: 50 }, () => new AbortController());
    const abortedCalls = callers.map(({ signal }) =>
      rejectionOf(cache.getToken({ reason: "demand", signal })),
    );
    for (const caller of callers) caller.abort();
    expect(new Set((await Promise.all(abortedCalls)).map(({ code }) => code))).toEqual(new Set(["aborted"]));
    expect(events).toEqual([]);
    const next = cache.getToken(demand);
    answer.resolve({});
    expect((await next).accessToken).toBe("token-1");
    expect(requests).toHaveLength(1);
  });

  test("no listener stays on a signal that a thousand calls used", async () => {
    const { signal } = new AbortController();
    const { cache, clock } = testCache();
    for (let call = 0; call < 1_000; call += 1) {
      if (call % 100 === 0) await clock.advance(60 * second);
      await cache.getToken({ reason: call % 7 === 0 ? "forced" : "demand", signal });
    }
    await clock.settle();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("stop", () => {
  test("concurrent calls of stop() end with the request, after the shortest grace period", async () => {
    const { cache, clock } = testCache({ answer: () => new Promise(() => {}) });
    const call = rejectionOf(cache.getToken(demand));
    const stops = [cache.stop(5 * second), cache.stop(5 * second), cache.stop(second)];
    await clock.advance(second);
    await Promise.all(stops);
    expect((await call).code).toBe("stopped");
    expect(clock.pending).toEqual([]);
  });

  test("a token that arrives within the grace period of stop() is not returned to new calls", async () => {
    const answer = deferred<object>();
    const { cache, clock, nextRefreshAt } = testCache({ answer: () => answer.promise });
    const call = cache.getToken(demand);
    const stopped = cache.stop(5 * second);
    answer.resolve({});
    await stopped;
    expect((await call).accessToken).toBe("token-1");
    expect(cache.peek(clock.now())).toBeUndefined();
    expect(nextRefreshAt()).toBeUndefined();
    cache.accept(token({ requestedAt: clock.now(), expiresAt: clock.now() + 60 * second }));
    expect(cache.peek(clock.now())).toBeUndefined();
    await cache.ensureUsableUntil(Number.POSITIVE_INFINITY, "schedule");
  });

  test("stop() cancels the attempts that would follow a temporary failure", async () => {
    const { cache, clock, requests } = testCache({ attempts: 9, random: () => 1, answer: outage });
    const call = rejectionOf(cache.getToken(demand));
    await clock.settle();
    const stopped = cache.stop(second);
    await clock.advance(second);
    await stopped;
    expect((await call).code).toBe("stopped");
    const sent = requests.length;
    await clock.advance(60 * second);
    expect(requests).toHaveLength(sent);
    expect(clock.pending).toEqual([]);
  });
});

test("single flight: a source that throws instead of rejecting does not block later requests", async () => {
  let calls = 0;
  const source = new SingleFlight({
    getToken() {
      calls += 1;
      if (calls === 1) throw outage();
      return Promise.resolve(token({ requestedAt: 0, expiresAt: 1 }));
    },
  });
  const request = { reason: "demand", signal: new AbortController().signal, attempt: 1 } as const;
  expect(() => source.getToken(request)).toThrow("unavailable");
  expect((await source.getToken(request)).expiresAt).toBe(1);
});
