// Clock changes, sleep of the machine and a busy event loop neither lock out callers nor cause a burst of requests.
import { describe, expect, test } from "vitest";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { cacheWithTimers } from "./cache-with-timers.js";
import { authError, issuer, outage, second, testCache } from "./fixtures.js";

const demand = { reason: "demand" } as const;
const hour = 3_600 * second;
const day = 24 * hour;

describe("clock set back", () => {
  test("a clock that is set back an hour does not make a cool-down of a second last an hour", async () => {
    const { cache, clock } = testCache({ answer: (n) => (n === 0 ? outage() : {}) });
    await rejectionOf(cache.getToken(demand));
    clock.jump(-hour);
    expect((await cache.getToken(demand)).accessToken).toBe("token-2");
  });

  test("a clock that is set back does not make a Retry-After longer, for any manager", async () => {
    const clock = fakeClock();
    const retryAfterRegistry = new RetryAfterRegistry();
    retryAfterRegistry.hold(issuer, clock.now(), 120 * second);
    clock.jump(-hour);
    expect(retryAfterRegistry.remaining(issuer, clock.now())).toBe(0);
  });

  test("a clock that is set back does not make a token live longer: it is renewed in the background when it was due", async () => {
    const { call, clock, requests } = cacheWithTimers();
    await call();
    await clock.advance(10 * second);
    clock.jump(-hour);
    await clock.advance(28 * second);
    expect(requests).toHaveLength(1);
    await clock.advance(2 * second);
    expect(requests).toHaveLength(2);
    // The new token is renewed by the present clock.
    await clock.advance(39 * second);
    expect(requests).toHaveLength(3);
  });

  test("a clock that is set back does not make a token live longer without a timer, if a caller came just before or after", async () => {
    const { call, clock } = cacheWithTimers();
    await call();
    await clock.advance(30 * second);
    await call();
    clock.jump(-hour);
    expect((await call()).accessToken).toBe("token-1");
    clock.stall(31 * second);
    expect((await call()).accessToken).toBe("token-2");
  });
});

describe("clock set forward", () => {
  test("a clock that is set forward a day costs one request, and no caller gets an expired token", async () => {
    const { cache, call, clock, requests } = cacheWithTimers();
    await call();
    clock.jump(day);
    expect(cache.peek(clock.now())).toBeUndefined();
    const tokens = await Promise.all(Array.from({ length: 100 }, () => call()));
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(["token-2"]));
    await clock.advance(0);
    expect(requests).toHaveLength(2);
    await clock.advance(39 * second);
    expect(requests).toHaveLength(3);
  });

  test("a clock that is set forward ends the wait between attempts with the failure, and does not hold the server responsible", async () => {
    const opened = testCache({
      attempts: 4,
      answer: () => {
        opened.clock.jump(day);
        return authError("unavailable", { retryable: true });
      },
    });
    const error = await rejectionOf(opened.cache.getToken(demand));
    expect(error).toMatchObject({ code: "unavailable", message: 'Server "billing": unavailable.' });
    expect(error.retryAfter).toBeUndefined();
    expect(opened.retryAfterRegistry.remaining(issuer, opened.clock.now())).toBe(0);
  });
});

describe("late timers", () => {
  test("a timer that is later than the lifetime of the token leads to one renewal, which callers share", async () => {
    const { call, clock, requests } = cacheWithTimers();
    await call();
    clock.stall(hour);
    const late = call();
    await clock.advance(0);
    expect((await late).accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("a timer that is late because the machine slept leads to one renewal, even without a caller", async () => {
    const { call, clock, requests, timers } = cacheWithTimers();
    await call();
    clock.jump(20 * 60 * second);
    await clock.advance(39 * second);
    expect(requests).toHaveLength(2);
    expect(timers.asleep).toBe(false);
  });
});
