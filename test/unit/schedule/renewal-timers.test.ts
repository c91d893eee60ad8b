import { describe, expect, test, vi } from "vitest";
import type { Clock } from "../../../src/lib/clock.js";
import type { CronSchedule } from "../../../src/schedule/cron.js";
import { RenewalTimers } from "../../../src/schedule/renewal-timers.js";
import { fakeClock } from "../../support/fake-clock.js";
import { recordWarnings } from "../../support/record-warnings.js";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A schedule that ticks on every multiple of this many milliseconds. */
const every = (interval: number): CronSchedule => ({
  next: (after) => (Math.floor(after / interval) + 1) * interval,
});

interface Setup {
  readonly automatic?: boolean;
  readonly idle?: number;
  readonly spread?: number;
  readonly schedule?: CronSchedule;
}

function timers({ automatic = true, idle, spread = 0, schedule }: Setup = {}) {
  const clock = fakeClock();
  const started = clock.now();
  /** The time and the reason of each renewal, and how long after it the token must be usable. */
  const renewals: [number, string, number][] = [];
  const renewal = new RenewalTimers({
    clock,
    automatic,
    idle,
    spread,
    cron: schedule && (async () => schedule),
    ensureUsableUntil: async (time, reason) =>
      void renewals.push([clock.now() - started, reason, time - clock.now()]),
  });
  return { timers: renewal, clock, renewals, started };
}

test("a mistake in the code of the schedule is warned about, because nobody awaits it", async () => {
  const warnings = recordWarnings();
  const renewal = new RenewalTimers({
    ...{ clock: fakeClock(), automatic: true, idle: undefined, spread: 0 },
    cron: () => Promise.reject(new TypeError("x is not a function")),
    ensureUsableUntil: () => Promise.resolve(),
  });
  renewal.startSchedule();
  await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining("failed with TypeError at")]));
  renewal.stop();
});

describe("the expiry timer", () => {
  test("the expiry timer renews at the planned time, without start()", async () => {
    const { timers: t, clock, renewals, started } = timers();
    t.plan(started + 39 * second);
    expect(t.nextRefreshAt).toBe(started + 39 * second);
    await clock.advance(39 * second - 1);
    expect(renewals).toEqual([]);
    await clock.advance(1);
    expect(renewals).toEqual([[39 * second, "expiry", Number.POSITIVE_INFINITY]]);
    expect(t.nextRefreshAt).toBeUndefined();
  });

  test("there is one expiry timer at a time, and it lets the process exit", () => {
    const { timers: t, clock, started } = timers();
    t.plan(started + second);
    t.plan(started + 2 * second);
    expect(clock.pending).toEqual([{ dueAt: started + 2 * second, delay: 2 * second, unrefd: true }]);
    t.plan(undefined);
    expect(clock.pending).toEqual([]);
  });

  test("the expiry timer is never longer than a day, and still fires after ten years", async () => {
    const { timers: t, clock, renewals, started } = timers();
    const far = 100 * day + 5;
    t.plan(started + far);
    for (let passed = 0; passed < 100; passed += 1) {
      expect(clock.pending.map(({ delay }) => delay <= day)).toEqual([true]);
      expect(t.nextRefreshAt).toBe(started + far);
      await clock.advance(day);
    }
    expect(renewals).toEqual([]);
    await clock.advance(5);
    expect(renewals).toHaveLength(1);
  });

  test("an expiry timer that fires a little early waits for the rest", async () => {
    const clock = fakeClock();
    const early: Clock = {
      now: () => clock.now(),
      setTimeout: (callback, ms) => clock.setTimeout(callback, Math.max(ms - 1, 1)),
    };
    let rang = 0;
    const t = new RenewalTimers({
      clock: early,
      automatic: true,
      idle: undefined,
      spread: 0,
      cron: undefined,
      async ensureUsableUntil() {
        rang = clock.now();
      },
    });
    const at = clock.now() + 10 * second;
    t.plan(at);
    await clock.advance(10 * second - 1);
    expect(rang).toBe(0);
    expect(t.nextRefreshAt).toBe(at);
    await clock.advance(1);
    expect(rang).toBe(at);
  });

  test("there is no timer with `automatic: false` and after stop()", async () => {
    const onDemand = timers({ automatic: false, schedule: every(minute) });
    onDemand.timers.plan(onDemand.started + second);
    onDemand.timers.startSchedule();
    await onDemand.clock.advance(hour);
    const stopped = timers({ schedule: every(minute) });
    stopped.timers.plan(stopped.started + second);
    await stopped.clock.settle();
    stopped.timers.stop();
    stopped.timers.stop();
    stopped.timers.plan(stopped.started + second);
    stopped.timers.startSchedule();
    expect(stopped.clock.pending).toEqual([]);
    await stopped.clock.advance(hour);
    expect([onDemand.renewals, stopped.renewals]).toEqual([[], []]);
    expect(onDemand.clock.pending).toEqual([]);
  });

  test("timers that are stopped while the schedule is loading start none", async () => {
    const { timers: t, clock } = timers({ schedule: every(minute) });
    t.startSchedule();
    t.stop();
    await clock.settle();
    expect(clock.pending).toEqual([]);
  });
});

describe("when the clock and the time that has passed differ", () => {
  test("a renewal that was due while the machine slept happens within a minute after it wakes", async () => {
    const { timers: t, clock, renewals, started } = timers({ schedule: every(7 * hour) });
    t.plan(started + 54 * minute);
    await clock.advance(10 * minute);
    clock.jump(day);
    await clock.advance(minute);
    expect(renewals.map(([at, reason]) => [at - day <= 11 * minute, reason])).toEqual([[true, "expiry"]]);
    // The timer checks again how far away the tick is.
    await clock.advance(10 * minute);
    expect(renewals.map(([, reason]) => reason)).toEqual(["expiry", "schedule"]);
  });

  test("after the machine slept for weeks, a renewal that was due a day later happens within half an hour", async () => {
    const { timers: t, clock, renewals, started } = timers();
    t.plan(started + day);
    await clock.settle();
    clock.jump(21 * day);
    await clock.advance(30 * minute);
    expect(renewals).toHaveLength(1);
  });

  test.each([10 * minute, hour, 30 * day])(
    "because the clock was set back by %d ms, a renewal is not late by that",
    async (by) => {
      const { timers: t, clock, renewals, started } = timers();
      t.plan(started + 54 * minute);
      await clock.advance(10 * minute);
      clock.jump(-by);
      await clock.advance(44 * minute - 1);
      expect(renewals).toEqual([]);
      expect(t.nextRefreshAt).toBe(started + 54 * minute - by);
      await clock.advance(1);
      expect(renewals).toEqual([[54 * minute - by, "expiry", Number.POSITIVE_INFINITY]]);
    },
  );

  test("after the clock was set back, a schedule ticks by the new time", async () => {
    const { timers: t, clock, renewals } = timers({ schedule: every(10 * minute) });
    t.startSchedule();
    await clock.advance(15 * minute);
    clock.jump(-hour);
    await clock.advance(20 * minute);
    expect(renewals).toEqual([
      [10 * minute, "schedule", 10 * minute],
      [-40 * minute, "schedule", 10 * minute],
      [-30 * minute, "schedule", 10 * minute],
    ]);
  });

  test("after the clock was set forward, a due renewal happens within a minute", async () => {
    const { timers: t, clock, renewals, started } = timers({ idle: 2 * hour });
    t.plan(started + 54 * minute);
    await clock.advance(10 * minute);
    clock.jump(hour);
    await clock.advance(minute);
    expect(renewals).toHaveLength(1);
  });

  test("after the clock was set back, a manager falls asleep within `idle`", async () => {
    const { timers: t, clock, renewals } = timers({ idle: 30 * minute });
    t.noteUse(clock.now());
    clock.jump(-10 * hour);
    t.plan(clock.now() + minute);
    await clock.advance(minute);
    expect(renewals).toHaveLength(1);
    t.plan(clock.now() + 31 * minute);
    await clock.advance(31 * minute);
    expect([renewals.length, t.asleep]).toEqual([1, true]);
  });

  test("while the clock is adjusted slowly, a renewal waits for the planned time", async () => {
    const { timers: t, clock, renewals, started } = timers();
    t.plan(started + 30 * second);
    clock.jump(-second);
    await clock.advance(31 * second - 1);
    expect(renewals).toEqual([]);
    await clock.advance(1);
    expect(renewals).toHaveLength(1);
  });

  test("a wait of any number of days takes at most some hundreds of timers", async () => {
    const clock = fakeClock();
    let timersSet = 0;
    const counting: Clock = {
      now: () => clock.now(),
      setTimeout(callback, ms) {
        timersSet += 1;
        return clock.setTimeout(callback, ms);
      },
    };
    const done: number[] = [];
    const t = new RenewalTimers({
      clock: counting,
      automatic: true,
      idle: undefined,
      spread: 0,
      cron: undefined,
      ensureUsableUntil: async () => void done.push(clock.now()),
    });
    const at = clock.now() + 90 * day;
    t.plan(at);
    await clock.advance(90 * day);
    expect(done).toEqual([at]);
    expect(timersSet).toBeLessThan(1_200);
  });
});

describe("a manager that nobody uses", () => {
  test("an unused manager falls asleep after `idle`, and wakes with its next token", async () => {
    const { timers: t, clock, renewals, started } = timers({ idle: 30 * minute });
    t.noteUse(clock.now());
    t.plan(started + 30 * minute);
    await clock.advance(30 * minute);
    expect(renewals).toHaveLength(1);
    t.plan(started + 31 * minute);
    await clock.advance(minute);
    expect(renewals).toHaveLength(1);
    expect(t.asleep).toBe(true);
    expect(t.nextRefreshAt).toBeUndefined();
    t.noteUse(clock.now());
    expect(t.asleep).toBe(false);
    t.plan(clock.now() + minute);
    await clock.advance(minute);
    expect(renewals).toHaveLength(2);
  });

  test("a sleeping manager that is used again renews its token, even if the call itself does not, as in a cool-down", async () => {
    const { timers: t, clock, renewals, started } = timers({ idle: 30 * minute });
    t.plan(started + 40 * minute);
    await clock.advance(2 * hour);
    expect([renewals.length, t.asleep]).toEqual([0, true]);
    t.noteUse(clock.now());
    t.noteUse(clock.now());
    expect(clock.pending).toHaveLength(1);
    await clock.advance(0);
    expect(renewals).toEqual([[2 * hour, "expiry", Number.POSITIVE_INFINITY]]);
    t.noteUse(clock.now());
    expect(clock.pending).toEqual([]);
  });

  test("a sleeping manager whose call has renewed the token does not renew it again", async () => {
    const { timers: t, clock, renewals, started } = timers({ idle: 30 * minute });
    t.plan(started + 40 * minute);
    await clock.advance(2 * hour);
    t.plan(clock.now() + 50 * minute);
    t.noteUse(clock.now());
    await clock.advance(49 * minute);
    expect(renewals).toEqual([]);
  });

  test("a manager that was stopped while asleep is not woken by a call", async () => {
    const { timers: t, clock, started } = timers({ idle: minute });
    t.plan(started + 2 * minute);
    await clock.advance(hour);
    t.stop();
    t.noteUse(clock.now());
    expect(clock.pending).toEqual([]);
  });

  test("timers that take over from others keep the last use, and tick if those did", async () => {
    const { timers: t, clock, started } = timers({ idle: minute, schedule: every(10 * minute) });
    t.plan(started + 2 * minute);
    await clock.advance(hour);
    t.stop();
    const renewals: string[] = [];
    const next = new RenewalTimers({
      clock,
      automatic: true,
      idle: minute,
      spread: 0,
      cron: async () => every(10 * minute),
      ensureUsableUntil: async (_, reason) => void renewals.push(reason),
    });
    next.takeOver(t);
    next.plan(started + 2 * minute);
    await clock.advance(0);
    expect([next.asleep, renewals]).toEqual([true, []]);
    // Nothing is renewed before the next use.
    expect(next.nextRefreshAt).toBeUndefined();
    next.noteUse(clock.now());
    await clock.advance(0);
    expect(renewals).toEqual(["expiry"]);
  });

  test("a manager without `idle` is always renewed", async () => {
    const { timers: t, clock, renewals, started } = timers();
    t.plan(started + 365 * day);
    await clock.advance(365 * day);
    expect(renewals).toHaveLength(1);
    expect(t.asleep).toBe(false);
  });

  test("a sleeping manager with a schedule and `idle` is not renewed by ticks until it is used", async () => {
    const { timers: t, clock, renewals } = timers({ schedule: every(minute), idle: 2 * minute });
    t.startSchedule();
    await clock.advance(2 * minute);
    expect(renewals).toHaveLength(2);
    await clock.advance(10 * minute);
    expect(renewals).toHaveLength(2);
    expect(t.asleep).toBe(true);
    t.noteUse(clock.now());
    await clock.advance(minute);
    expect(renewals).toHaveLength(3);
    expect(t.asleep).toBe(false);
  });
});

describe("a schedule", () => {
  test("a schedule ticks from start() on, for a token that is usable until the next tick", async () => {
    const { timers: t, clock, renewals } = timers({ schedule: every(10 * minute) });
    t.startSchedule();
    t.startSchedule();
    await clock.advance(20 * minute);
    expect(renewals).toEqual([
      [10 * minute, "schedule", 10 * minute],
      [20 * minute, "schedule", 10 * minute],
    ]);
  });

  test("a schedule ticks from the first token on without start(), in addition to the expiry timer", async () => {
    const { timers: t, clock, renewals, started } = timers({ schedule: every(10 * minute) });
    await clock.advance(15 * minute);
    expect(renewals).toEqual([]);
    t.plan(started + 17 * minute);
    await clock.settle();
    expect(t.nextRefreshAt).toBe(started + 17 * minute);
    expect(clock.pending.map(({ unrefd }) => unrefd)).toEqual([true, true]);
    await clock.advance(5 * minute);
    expect(renewals.map(([at, reason]) => [at / minute, reason])).toEqual([
      [17, "expiry"],
      [20, "schedule"],
    ]);
  });

  test.each([
    ["a tenth of the interval", minute, 0.5, 3 * second],
    ["at most 30 s", hour, 1, 30 * second],
    ["a tenth of the interval, in whole milliseconds", 100 * second, 1 / 3, 3_333],
  ])(
    "a tick of a schedule is delayed by up to %s, and each tick by the same time",
    async (_, interval, spread, offset) => {
      const { timers: t, clock, renewals } = timers({ schedule: every(interval), spread });
      t.startSchedule();
      await clock.advance(3 * interval + offset);
      expect(renewals).toEqual([1, 2, 3].map((tick) => [tick * interval + offset, "schedule", interval]));
    },
  );

  test("a schedule with uneven intervals renews for the next tick, including its delay", async () => {
    const base = fakeClock().now();
    const moments = [minute, 2 * minute, 10 * hour, 20 * hour].map((at) => base + at);
    const {
      timers: t,
      clock,
      renewals,
    } = timers({
      spread: 1,
      schedule: { next: (after) => moments.find((at) => at > after) },
    });
    t.startSchedule();
    await clock.advance(minute + 6 * second);
    // The next comes at two minutes, and 30 s later because the one after that is hours away.
    expect(renewals).toEqual([[minute + 6 * second, "schedule", minute + 24 * second]]);
  });

  test("a schedule skips ticks that a sleeping machine missed", async () => {
    const clock = fakeClock();
    const started = clock.now();
    let asleep = 0;
    const renewals: number[] = [];
    const t = new RenewalTimers({
      clock: {
        now: () => clock.now() + asleep,
        setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
      },
      automatic: true,
      idle: undefined,
      spread: 0,
      cron: async () => every(minute),
      async ensureUsableUntil(time) {
        renewals.push(time - started);
      },
    });
    t.startSchedule();
    await clock.settle();
    asleep = 5 * hour;
    await clock.advance(minute);
    await clock.advance(minute);
    expect(renewals).toHaveLength(2);
    // What is renewed late is renewed for the ticks to come, not for one that has passed.
    expect(renewals[0]).toBeGreaterThan(5 * hour);
  });

  test("a schedule without a next tick sets no timer", async () => {
    const { timers: t, clock } = timers({ schedule: { next: () => undefined } });
    t.startSchedule();
    await clock.settle();
    expect(clock.pending).toEqual([]);
  });

  test("a tick that is days away is waited for in steps of a day", async () => {
    const { timers: t, clock, renewals } = timers({ schedule: every(30 * day) });
    t.startSchedule();
    await clock.settle();
    expect(clock.pending.map(({ delay }) => delay <= day)).toEqual([true]);
    await clock.advance(30 * day);
    expect(renewals).toHaveLength(1);
  });
});
