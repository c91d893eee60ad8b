import type { Clock, ClockTimer } from "../lib/clock.js";
import type { CronSchedule } from "./cron.js";

export interface RenewalTimersOptions {
  readonly clock: Clock;
  /** False: no timer ever. */
  readonly automatic: boolean;
  /** Milliseconds without use after which nothing is renewed; `undefined`: it is always kept warm. */
  readonly idle: number | undefined;
  /** Loads the schedule, when there is one. */
  readonly cron: (() => Promise<CronSchedule>) | undefined;
  /** 0 to 1, the same for the life of the instance: spreads the ticks of a fleet. */
  readonly spread: number;
  /** Renews unless the token lasts until then. Never rejects. */
  readonly ensureUsableUntil: (time: number, reason: "expiry" | "schedule") => Promise<void>;
  /** Told by how many milliseconds the clock was set back while a timer ran. */
  readonly clockSetBack?: (by: number) => void;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const longestOffset = 30 * second;

/**
 * The timers of one manager: one for the moment at which its token is to be renewed, one for the next tick of its
 * schedule. None keeps the process alive. Without use for `idle` both let the token lapse.
 */
export class RenewalTimers {
  readonly #options: RenewalTimersOptions;
  readonly #expiry: Alarm;
  readonly #tick: Alarm;
  #lastUse: number;
  #asleep = false;
  /** A renewal was slept through. */
  #missed = false;
  #stopped = false;
  #ticking = false;

  constructor(options: RenewalTimersOptions) {
    this.#options = options;
    this.#lastUse = options.clock.now();
    this.#expiry = new Alarm(options.clock);
    this.#tick = new Alarm(options.clock);
  }

  /** Renewals have stopped until the next use. */
  get asleep(): boolean {
    return this.#asleep && this.#isIdle();
  }

  /** Milliseconds since the epoch. */
  get nextRefreshAt(): number | undefined {
    return [this.#expiry.at, this.#tick.at].reduce((first, at) =>
      first === undefined || (at !== undefined && at < first) ? at : first,
    );
  }

  /** A caller was here. Cheap: it stands in the path of every call. */
  used(now: number): void {
    this.#lastUse = now;
    if (this.#missed) this.#catchUp(now);
  }

  /** Takes the place of others, which are stopped: it has been used as they were, and ticks if they did. */
  follow(others: RenewalTimers): void {
    this.#lastUse = others.#lastUse;
    if (others.#ticking) this.startTicking();
  }

  /** The token is to be renewed at this moment; `undefined`: nothing is to be done before the next call. */
  plan(renewAt: number | undefined): void {
    if (!this.#options.automatic || this.#stopped) return;
    this.#asleep = false;
    this.#missed = false;
    if (renewAt === undefined) this.#expiry.clear();
    else this.#planned(renewAt);
    if (renewAt !== undefined) this.startTicking();
  }

  /** Starts the schedule; a token starts it too. */
  startTicking(): void {
    const { automatic, cron } = this.#options;
    if (this.#ticking || this.#stopped || !automatic || cron === undefined) return;
    this.#ticking = true;
    // An expression that cannot be read was refused with the config.
    cron().then((schedule) => this.#armTick(schedule), ignore);
  }

  stop(): void {
    this.#stopped = true;
    this.#missed = false;
    this.#expiry.clear();
    this.#tick.clear();
  }

  #planned(renewAt: number): void {
    // What was planned for a clock that has been set back since is as far away as it was.
    const setBack = (by: number): void => {
      this.#planned(renewAt - by);
      this.#options.clockSetBack?.(by);
    };
    this.#expiry.set(renewAt, () => this.#due(), setBack);
  }

  #due(): void {
    if (this.#isIdle()) {
      this.#asleep = true;
      this.#missed = true;
      return;
    }
    // Whatever is there now is to be replaced.
    void this.#options.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
  }

  /** After the call that woke it, which may be answered without a renewal, in a cool-down for example. */
  #catchUp(now: number): void {
    this.#missed = false;
    this.#planned(now);
  }

  /** Sets the timer of the next tick and tells when that is. Ticks that a sleeping machine missed are left out. */
  #armTick(schedule: CronSchedule, after = this.#options.clock.now()): number | undefined {
    if (this.#stopped) return undefined;
    const tick = schedule.next(after);
    const following = tick === undefined ? undefined : schedule.next(tick);
    if (tick === undefined || following === undefined) return undefined;
    const offset = Math.floor(this.#options.spread * Math.min((following - tick) / 10, longestOffset));
    const ring = (): void => {
      const next = this.#armTick(schedule, Math.max(tick, this.#options.clock.now() - offset));
      this.#asleep = this.#isIdle();
      if (!this.#asleep) void this.#options.ensureUsableUntil(next ?? following, "schedule");
    };
    // By the clock as it is now, there may be ticks before this one.
    const setBack = (): void => void this.#armTick(schedule);
    this.#tick.set(tick + offset, ring, setBack);
    return tick + offset;
  }

  #isIdle(): boolean {
    const { idle, clock } = this.#options;
    const now = clock.now();
    // A use that lies in the future was before the clock was set back.
    this.#lastUse = Math.min(this.#lastUse, now);
    return idle !== undefined && now - this.#lastUse > idle;
  }
}

/**
 * One timer for a moment that can be far away. Timers run by elapsed time, which stands still while the machine sleeps
 * and knows nothing of a clock that is set; so the clock is looked at on the way.
 */
class Alarm {
  readonly #clock: Clock;
  #timer: ClockTimer | undefined;
  at: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `setBack` is called in place of `ring` when the clock turns out to have been set back by so many milliseconds. */
  set(at: number, ring: () => void, setBack: (by: number) => void): void {
    this.clear();
    this.at = at;
    const set = this.#clock.now();
    const wait = step(at - set);
    this.#timer = this.#clock.setTimeout(() => {
      const now = this.#clock.now();
      const by = set + wait - now;
      if (by > inaccuracy) return setBack(by);
      // Part of a long wait is over, or the timer was a little early, as those of Node can be.
      if (now < at) return this.set(at, ring, setBack);
      this.clear();
      ring();
    }, wait);
    this.#timer.unref();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.at = undefined;
  }
}

// A timer of Node's may be a millisecond early, and clocks are slewed by a few.
const inaccuracy = second;

/**
 * How long to wait before the clock is looked at again: after a sleep, whatever was due within the hour is late by a
 * minute, and in general by a sixtieth of what was left. `setTimeout` could wait for 24.8 days at the most.
 */
function step(left: number): number {
  const longest = left > 30 * day ? day : Math.min(Math.max(Math.ceil(left / 60), minute), hour);
  return Math.min(Math.max(Math.ceil(left), 0), longest);
}

function ignore(): void {}
