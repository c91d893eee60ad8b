// The cache together with its timers: what they do over minutes and hours.

import { beforeAll, describe, expect, test } from "vitest";
import type { Token } from "../../../src/tokens/token.js";
import { assertNoUnhandledRejection } from "../../support/no-unhandled-rejection.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { cacheWithTimers, type TestCacheWithTimers } from "./cache-with-timers.js";
import { outage, refusal, second } from "./fixtures.js";

// Loaded before the tests, so that they do not include the turns of the event loop that loading takes.
beforeAll(() => import("p-retry"));

const minute = 60 * second;
const hour = 60 * minute;

assertNoUnhandledRejection();

/** Calls at an interval for some time, and returns how many calls had to wait. */
async function callFor(
  opened: TestCacheWithTimers,
  time: number,
  interval: number,
): Promise<{ waits: number }> {
  let waits = 0;
  for (let passed = 0; passed < time; passed += interval) {
    if (opened.cache.peek(opened.clock.now()) === undefined && opened.cache.snapshot().state !== "stale")
      waits += 1;
    const token = await opened.call();
    expect(token.expiresAt).toBeGreaterThan(opened.clock.now() - 1);
    await opened.clock.advance(interval);
  }
  return { waits };
}

describe("renewal before expiry", () => {
  test.each([
    [5, 3.25],
    [60, 39],
    [3_600, 3_270],
    [86_400, 82_050],
  ])("a token of %d seconds is renewed in the background after %d seconds", async (expiresIn, staleAfter) => {
    const { call, clock, requests, events } = cacheWithTimers({ warm: true, answer: () => ({ expiresIn }) });
    await call();
    await clock.advance(staleAfter * second - 1);
    expect(requests).toHaveLength(1);
    await clock.advance(1);
    expect(requests).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ name: "token:renewed", reason: "expiry" });
  });

  test("with tokens of eight seconds no caller waits after the first call", async () => {
    const opened = cacheWithTimers({ answer: () => ({ expiresIn: 8 }) });
    expect(await callFor(opened, 5 * minute, 100)).toEqual({ waits: 1 });
    // One every 5.2 s, and the first.
    expect(opened.requests).toHaveLength(58);
  });

  test("the renewal of a token of 30 days is scheduled in steps that `setTimeout` supports", async () => {
    const { call, clock, requests } = cacheWithTimers({
      warm: true,
      answer: () => ({ expiresIn: 30 * 86_400 }),
    });
    const { expiresAt } = await call();
    await clock.advance(28 * 24 * hour);
    expect(clock.pending.map(({ delay }) => delay <= 24 * hour)).toEqual([true]);
    expect(requests).toHaveLength(1);
    await clock.advance(expiresAt - clock.now());
    expect(requests).toHaveLength(2);
  });

  test("a token that is unused for half an hour is not renewed until the next call", async () => {
    const { call, clock, requests, timers } = cacheWithTimers();
    await call();
    await clock.advance(2 * hour);
    const slept = requests.length;
    // 39 seconds each for half an hour.
    expect(slept).toBe(47);
    expect(timers.asleep).toBe(true);
    expect(clock.pending).toEqual([]);
    await call();
    expect(timers.asleep).toBe(false);
    await clock.advance(39 * second);
    expect(requests).toHaveLength(slept + 2);
  });
});

describe("outages", () => {
  test("an outage that ends before the expiry makes no caller wait", async () => {
    const { call, cache, clock, requests, events } = cacheWithTimers({
      answer: (n) => (n === 0 || n > 3 ? {} : outage()),
    });
    await call();
    await clock.advance(54 * second - 1);
    expect(requests.length).toBeGreaterThan(4);
    expect(cache.peek(clock.now())?.accessToken).not.toBe("token-1");
    expect(cache.snapshot()).not.toHaveProperty("lastError");
    expect(events.map(({ name }) => name).filter((name) => name === "token:cooldown")).toEqual([]);
  });

  test("an outage of an hour costs a steady caller a bounded number of requests, and one request ends it", async () => {
    const opened = cacheWithTimers({ answer: (n) => (n > 0 && opened.clock.now() < end ? outage() : {}) });
    const end = opened.clock.now() + hour;
    await opened.call();
    const errors = new Set<string>();
    while (opened.clock.now() < end) {
      await opened.call().catch(({ code }) => void errors.add(code));
      await opened.clock.advance(second);
    }
    expect([...errors]).toEqual(["unavailable"]);
    // A few attempts while the token was stale, then one for each cool-down of up to a minute.
    expect(opened.requests.length).toBeLessThan(90);
    await opened.clock.advance(minute);
    expect((await opened.call()).expiresAt).toBeGreaterThan(opened.clock.now());
  });
});

describe("an hour of calls, ten per second", () => {
  test("a server that returns the same token until it expires gets a bounded number of requests", async () => {
    const lifetime = 10 * minute;
    const opened = cacheWithTimers({
      answer: () => {
        const left = lifetime - (opened.clock.now() % lifetime);
        return { accessToken: `t${Math.floor(opened.clock.now() / lifetime)}`, expiresIn: left / second };
      },
    });
    await callFor(opened, hour, 100);
    // Six tokens, and a few requests towards the end of each that return the same token.
    expect(opened.requests.length).toBeLessThan(6 * 20);
  });

  test("a server whose tokens expire earlier each time gets a bounded number of requests", async () => {
    let lifetime = hour;
    const opened = cacheWithTimers({
      answer: () => {
        lifetime -= 7 * minute;
        return { expiresIn: Math.max(lifetime, minute) / second };
      },
    });
    await callFor(opened, hour, 100);
    expect(opened.requests.length).toBeLessThan(100);
  });

  test.each([1, 2])("tokens of %d s are requested at most about once per second", async (expiresIn) => {
    const opened = cacheWithTimers({ answer: () => ({ expiresIn }) });
    await callFor(opened, minute, 100);
    expect(opened.requests.length).toBeLessThanOrEqual(67);
  });

  test("tokens without a lifetime cost one request per call", async () => {
    const opened = cacheWithTimers({ answer: () => ({ expiresIn: 0 }) });
    const tokens: Token[] = [];
    for (let call = 0; call < 50; call += 1) {
      tokens.push(await opened.call());
      await opened.clock.advance(100);
    }
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(50);
    expect(opened.requests).toHaveLength(50);
    expect(opened.clock.pending).toEqual([]);
  });
});

describe("schedules", () => {
  const every = (interval: number) => ({
    next: (after: number) => (Math.floor(after / interval) + 1) * interval,
  });

  test("a schedule adds ticks to the renewals before expiry, and renews only a token that would not last", async () => {
    const { call, clock, events } = cacheWithTimers({
      warm: true,
      schedule: every(10 * minute),
      answer: () => ({ expiresIn: 15 * 60 }),
    });
    await call();
    await clock.advance(hour);
    // A token of 15 minutes from one tick would not last until the tick after the next, so each tick renews it.
    expect(events.map(({ reason }) => reason)).toEqual(["demand", ...Array(6).fill("schedule")]);
  });

  test("a tick does not renew a token that lasts until the next tick", async () => {
    const { call, clock, requests } = cacheWithTimers({
      warm: true,
      schedule: every(minute),
      answer: () => ({ expiresIn: 3_600 }),
    });
    await call();
    await clock.advance(54 * minute);
    expect(requests).toHaveLength(1);
  });

  test("a schedule gets a token without a caller after an outage that outlasted the old one", async () => {
    const opened = cacheWithTimers({
      warm: true,
      schedule: every(minute),
      answer: (n) => (n > 0 && opened.clock.now() < end ? refusal() : {}),
    });
    const end = opened.clock.now() + 20 * minute;
    await opened.call();
    await opened.clock.advance(22 * minute);
    expect(opened.cache.snapshot().state).toBe("fresh");
  });
});

test("stop() leaves no timer, and nothing happens afterwards", async () => {
  const { call, cache, clock, requests, timers, events } = cacheWithTimers({
    answer: (n) => (n === 0 ? {} : outage()),
    attempts: 4,
    random: () => 1,
  });
  await call();
  await clock.advance(36 * second);
  expect(requests).toHaveLength(2);
  timers.stop();
  const stopped = cache.stop(5 * second);
  const last = rejectionOf(cache.getToken({ reason: "demand" }));
  expect((await last).code).toBe("stopped");
  await clock.advance(5 * second);
  await stopped;
  const seen = events.length;
  expect(clock.pending).toEqual([]);
  await clock.advance(hour);
  expect(events).toHaveLength(seen);
});
