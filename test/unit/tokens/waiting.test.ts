// Only a waiting caller keeps the process alive.
import { beforeAll, describe, expect, test } from "vitest";
import { rejectionOf } from "../../support/rejection-of.js";
import { outage, second, type TestCache, testCache } from "./fixtures.js";

// Loaded before the tests, so that they do not include the turns of the event loop that loading takes.
beforeAll(() => import("p-retry"));

const demand = { reason: "demand" } as const;
const forced = { reason: "forced" } as const;

/** Whether a timer would keep the process alive. */
const keptAlive = ({ clock }: TestCache) => clock.pending.some(({ unrefd }) => !unrefd);

/** A cache whose token is stale, with a renewal in the background that waits for its second attempt. */
async function betweenAttempts() {
  const opened = testCache({
    attempts: 4,
    random: () => 1,
    answer: (n) => (n === 0 ? {} : outage()),
  });
  await opened.cache.getToken(demand);
  await opened.clock.advance(53.8 * second);
  expect((await opened.cache.getToken(demand)).accessToken).toBe("token-1");
  await opened.clock.settle();
  expect(opened.requests).toHaveLength(2);
  return opened;
}

describe("process lifetime", () => {
  test("a background renewal does not keep the process alive", async () => {
    expect(keptAlive(await betweenAttempts())).toBe(false);
  });

  test("a caller that joins a background renewal keeps the process alive, forced or with an unusable token", async () => {
    const forcing = await betweenAttempts();
    const refresh = rejectionOf(forcing.cache.getToken(forced));
    expect(keptAlive(forcing)).toBe(true);
    await forcing.clock.advance(2 * second);
    expect((await refresh).code).toBe("unavailable");

    const waiting = await betweenAttempts();
    await waiting.clock.advance(0.2 * second);
    const answer = waiting.cache.getToken(demand);
    expect(keptAlive(waiting)).toBe(true);
    await waiting.clock.advance(2 * second);
    expect((await answer).accessToken).toBe("token-1");
    expect(keptAlive(waiting)).toBe(false);
  });

  test("a first caller keeps the process alive between two attempts, until it aborts", async () => {
    const opened = testCache({ attempts: 4, random: () => 1, answer: outage });
    const caller = new AbortController();
    const abortedCall = rejectionOf(opened.cache.getToken({ reason: "demand", signal: caller.signal }));
    await opened.clock.settle();
    expect(keptAlive(opened)).toBe(true);
    caller.abort();
    expect((await abortedCall).code).toBe("aborted");
    expect(keptAlive(opened)).toBe(false);
  });

  test("stop() keeps the process alive while it waits for a background renewal", async () => {
    const opened = await betweenAttempts();
    const stopped = opened.cache.stop(5 * second);
    expect(keptAlive(opened)).toBe(true);
    await opened.clock.advance(5 * second);
    await stopped;
    expect(opened.clock.pending).toEqual([]);
  });

  test("no timer remains and keeps the process alive when no caller waits", async () => {
    const opened = testCache();
    await Promise.all([opened.cache.getToken(demand), opened.cache.getToken(forced)]);
    expect(opened.clock.pending).toEqual([]);
  });
});
