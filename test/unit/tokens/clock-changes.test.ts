// Clocks are set, machines sleep, and the event loop can be busy: nobody is locked out, and nothing is asked in a storm.
import { describe, expect, test } from "vitest";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import { fakeClock } from "../../support/fake-clock.js";
import { failure, issuer, outage, rejection, room, second } from "./fixtures.js";
import { kept } from "./kept.js";

const demand = { reason: "demand" } as const;
const hour = 3_600 * second;
const day = 24 * hour;

describe("a clock that is set back by an hour", () => {
  test("does not make a cool-down of a second last an hour", async () => {
    const { cache, clock } = room({ answer: (n) => (n === 0 ? outage() : {}) });
    await rejection(cache.getToken(demand));
    clock.jump(-hour);
    expect((await cache.getToken(demand)).accessToken).toBe("token-2");
  });

  test("nor what a server asked for, whoever is held back by it", async () => {
    const clock = fakeClock();
    const holds = new RetryAfterRegistry();
    holds.hold(issuer, clock.now(), 120 * second);
    clock.jump(-hour);
    expect(holds.remaining(issuer, clock.now())).toBe(0);
  });

  test("does not make a token live longer: it is renewed when it was due, with nobody there", async () => {
    const { call, clock, requests } = kept();
    await call();
    await clock.advance(10 * second);
    clock.jump(-hour);
    await clock.advance(28 * second);
    expect(requests).toHaveLength(1);
    await clock.advance(2 * second);
    expect(requests).toHaveLength(2);
    // The new one is renewed by the clock as it is now.
    await clock.advance(39 * second);
    expect(requests).toHaveLength(3);
  });

  test("nor where no timer runs, if somebody was there just before or after", async () => {
    const { call, clock } = kept();
    await call();
    await clock.advance(30 * second);
    await call();
    clock.jump(-hour);
    expect((await call()).accessToken).toBe("token-1");
    clock.stall(31 * second);
    expect((await call()).accessToken).toBe("token-2");
  });
});

describe("a clock that is set forward by a day", () => {
  test("costs one request, and nobody gets a token that has expired", async () => {
    const { cache, call, clock, requests } = kept();
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

  test("ends a wait between attempts with what went wrong, and does not blame the server for it", async () => {
    const opened = room({
      attempts: 4,
      answer: () => {
        opened.clock.jump(day);
        return failure("unavailable", { retryable: true });
      },
    });
    const error = await rejection(opened.cache.getToken(demand));
    expect(error).toMatchObject({ code: "unavailable", message: 'Server "billing": unavailable.' });
    expect(error.retryAfter).toBeUndefined();
    expect(opened.holds.remaining(issuer, opened.clock.now())).toBe(0);
  });
});

describe("a timer that is late", () => {
  test("by more than the token lives leads to one renewal, which callers share", async () => {
    const { call, clock, requests } = kept();
    await call();
    clock.stall(hour);
    const late = call();
    await clock.advance(0);
    expect((await late).accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("because the machine slept leads to one renewal, with nobody there too", async () => {
    const { call, clock, requests, timers } = kept();
    await call();
    clock.jump(20 * 60 * second);
    await clock.advance(39 * second);
    expect(requests).toHaveLength(2);
    expect(timers.asleep).toBe(false);
  });
});
