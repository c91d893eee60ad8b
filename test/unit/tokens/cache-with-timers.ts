import type { CronSchedule } from "../../../src/schedule/cron.js";
import { RenewalTimers } from "../../../src/schedule/renewal-timers.js";
import type { Token } from "../../../src/tokens/token.js";
import { second, type TestCache, type TestCacheOptions, testCache } from "./fixtures.js";

export interface TestCacheWithTimers extends TestCache {
  readonly timers: RenewalTimers;
  /** Gets a token as the token manager does. */
  call(): Promise<Token>;
}

export interface TimersOptions extends TestCacheOptions {
  /** The token is renewed even if it is not used. By default, only for half an hour after the last call. */
  readonly warm?: boolean;
  readonly schedule?: CronSchedule;
}

/** A cache together with the timers that keep its token fresh, wired as the token manager does. */
export function cacheWithTimers({
  warm = false,
  schedule,
  ...options
}: TimersOptions = {}): TestCacheWithTimers {
  const opened: TestCache = testCache({ ...options, onPlan: (nextRefreshAt) => timers.plan(nextRefreshAt) });
  const { cache, clock } = opened;
  const timers = new RenewalTimers({
    clock,
    automatic: true,
    idle: warm ? undefined : 1_800 * second,
    spread: 0,
    cron: schedule && (async () => schedule),
    ensureUsableUntil: (time, reason) => cache.ensureUsableUntil(time, reason),
    clockSetBack: (by) => cache.clockSetBack(by),
  });
  return {
    ...opened,
    timers,
    async call() {
      timers.noteUse(clock.now());
      return cache.peek(clock.now()) ?? (await cache.getToken({ reason: "demand" }));
    },
  };
}
