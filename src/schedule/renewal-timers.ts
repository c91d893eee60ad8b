import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import type { Clock, ClockTimer } from "../lib/clock.js";
import { detached } from "../lib/detached.js";
import type { CronSchedule } from "./cron.js";

export interface RenewalTimersOptions {
  readonly clock: Clock;
  /** `false`: no timers are set. */
  readonly automatic: boolean;
  /** Milliseconds without use after which tokens are not renewed; `undefined`: they are always renewed. */
  readonly idle: number | undefined;
  /** Loads the schedule, if there is one. */
  readonly cron: (() => Promise<CronSchedule>) | undefined;
  /** 0 to 1, constant for one process. Spreads the ticks of a fleet. */
  readonly spread: number;
  /** Renews the token unless it is usable until that time. Never rejects. */
  readonly ensureUsableUntil: (time: number, reason: "expiry" | "schedule") => Promise<void>;
  /** Called with the milliseconds by which the clock was set back while a timer ran. */
  readonly clockSetBack?: (by: number) => void;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const longestOffset = 30 * second;

/**
 * The timers of one manager: one for the renewal of its token, one for the next tick of its schedule. They do not keep
 * the process alive. If the manager is not used for `idle` milliseconds, both let the token expire.
 */
export class RenewalTimers {
  readonly #options: RenewalTimersOptions;
  readonly #expiry: Alarm;
  readonly #tick: Alarm;
  #lastUse: number;
  #isAsleep = false;
  /** Whether a renewal was skipped while asleep. */
  #hasMissed = false;
  #stopped = false;
  #isScheduled = false;

  constructor(options: RenewalTimersOptions) {
    this.#options = options;
    this.#lastUse = options.clock.now();
    this.#expiry = new Alarm(options.clock);
    this.#tick = new Alarm(options.clock);
  }

  /** Whether renewals have stopped until the next use. */
  get asleep(): boolean {
    return this.#isAsleep && this.#isIdle();
  }

  /** The next renewal, in milliseconds since the epoch; `undefined` if there is none until the next use. */
  get nextRefreshAt(): number | undefined {
    if (this.#isIdle()) return undefined;
    return [this.#expiry.at, this.#tick.at].reduce((first, at) =>
      first === undefined || (at !== undefined && at < first) ? at : first,
    );
  }

  /** Notes a use. It must be cheap, because every call runs it. */
  noteUse(now: number): void {
    this.#lastUse = now;
    if (this.#hasMissed) this.#catchUp(now);
  }

  /** Takes over from timers that are stopped: their last use, and their schedule if it was started. */
  takeOver(previous: RenewalTimers): void {
    this.#lastUse = previous.#lastUse;
    if (previous.#isScheduled) this.startSchedule();
  }

  /** Sets the time of the next renewal; `undefined`: the token is not renewed before the next call. */
  plan(nextRefreshAt: number | undefined): void {
    if (!this.#options.automatic || this.#stopped) return;
    this.#isAsleep = false;
    this.#hasMissed = false;
    if (nextRefreshAt === undefined) this.#expiry.clear();
    else this.#setExpiryTimer(nextRefreshAt);
    if (nextRefreshAt !== undefined) this.startSchedule();
  }

  /** Starts the schedule. The first planned renewal starts it too. */
  startSchedule(): void {
    const { automatic, cron } = this.#options;
    if (this.#isScheduled || this.#stopped || !automatic || cron === undefined) return;
    this.#isScheduled = true;
    // An invalid expression was rejected with the config, so this fails only if node-cron cannot be loaded.
    cron()
      .then((schedule) => this.#armTick(schedule))
      .catch(ignoreFailureInBackground);
  }

  stop(): void {
    this.#stopped = true;
    this.#hasMissed = false;
    this.#expiry.clear();
    this.#tick.clear();
  }

  #setExpiryTimer(nextRefreshAt: number): void {
    // If the clock was set back, the time that is left stays the same.
    const setBack = (by: number): void => {
      this.#setExpiryTimer(nextRefreshAt - by);
      this.#options.clockSetBack?.(by);
    };
    this.#expiry.set(nextRefreshAt, () => this.#due(), setBack);
  }

  #due(): void {
    if (this.#isIdle()) {
      this.#isAsleep = true;
      this.#hasMissed = true;
      return;
    }
    // Infinity, because the current token must be replaced however long it lives.
    void this.#options.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
  }

  /** Makes up for a missed renewal, because the call that woke the timers may not renew, for example in a cool-down. */
  #catchUp(now: number): void {
    this.#hasMissed = false;
    this.#setExpiryTimer(now);
  }

  /** Sets the timer for the next tick and returns its time. Skips ticks that were missed while the machine slept. */
  #armTick(schedule: CronSchedule, after = this.#options.clock.now()): number | undefined {
    if (this.#stopped) return undefined;
    const tick = schedule.next(after);
    const following = tick === undefined ? undefined : schedule.next(tick);
    if (tick === undefined || following === undefined) return undefined;
    const offset = Math.floor(this.#options.spread * Math.min((following - tick) / 10, longestOffset));
    const onTick = (): void => {
      const next = this.#armTick(schedule, Math.max(tick, this.#options.clock.now() - offset));
      this.#isAsleep = this.#isIdle();
      if (!this.#isAsleep) void this.#options.ensureUsableUntil(next ?? following, "schedule");
    };
    // The clock was set back, so there may be earlier ticks.
    const setBack = (): void => void this.#armTick(schedule);
    this.#tick.set(tick + offset, onTick, setBack);
    return tick + offset;
  }

  #isIdle(): boolean {
    const { idle, clock } = this.#options;
    const now = clock.now();
    // If the last use is in the future, the clock was set back since.
    this.#lastUse = Math.min(this.#lastUse, now);
    return idle !== undefined && now - this.#lastUse > idle;
  }
}

/**
 * One timer for a time that can be far away. Timers count elapsed time, which stops while the machine sleeps and
 * ignores changes of the clock. Therefore the alarm checks the clock several times before the time.
 */
class Alarm {
  readonly #clock: Clock;
  #timer: ClockTimer | undefined;
  at: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onDue` at a time. Calls `onSetBack` instead, with the milliseconds, if the clock was set back before. */
  set(at: number, onDue: () => void, onSetBack: (by: number) => void): void {
    this.clear();
    this.at = at;
    const setAt = this.#clock.now();
    const wait = checkInterval(at - setAt);
    const timeUp = (): void => {
      const now = this.#clock.now();
      const by = setAt + wait - now;
      if (by > tolerance) onSetBack(by);
      // Only a part of a long wait is over, or the timer was a little early, which happens in Node.
      else if (now < at) this.set(at, onDue, onSetBack);
      else {
        this.clear();
        onDue();
      }
    };
    // Detached, because the timer is for everybody and not for the call after which it is set.
    this.#timer = detached(() => this.#clock.setTimeout(timeUp, wait));
    this.#timer.unref();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.at = undefined;
  }
}

// A timer of Node can be a millisecond early, and a clock can be adjusted by a few milliseconds.
const tolerance = second;

/**
 * Returns the milliseconds until the next check of the clock. After a sleep of the machine, an alarm that was due
 * within the hour is at most a minute late, and others by a sixtieth of the time that was left. `setTimeout` can wait
 * for at most 24.8 days.
 */
function checkInterval(left: number): number {
  const longest = left > 30 * day ? day : Math.min(Math.max(Math.ceil(left / 60), minute), hour);
  return Math.min(Math.max(Math.ceil(left), 0), longest);
}
