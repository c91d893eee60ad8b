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
}

// `setTimeout` fires at once for anything over 24.8 days, and a long one drifts with a sleeping machine.
const longestTimer = 86_400_000;
const longestOffset = 30_000;

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
  }

  /** The token is to be renewed at this moment; `undefined`: there is none, or nothing to be gained. */
  plan(renewAt: number | undefined): void {
    if (!this.#options.automatic || this.#stopped) return;
    this.#asleep = false;
    if (renewAt === undefined) this.#expiry.clear();
    else this.#expiry.set(renewAt, () => this.#due());
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
    this.#expiry.clear();
    this.#tick.clear();
  }

  #due(): void {
    if (this.#isIdle()) {
      this.#asleep = true;
      return;
    }
    // Whatever is there now is to be replaced.
    void this.#options.ensureUsableUntil(Number.POSITIVE_INFINITY, "expiry");
  }

  /** Sets the timer of the next tick and tells when that is. Ticks that a sleeping machine missed are left out. */
  #armTick(schedule: CronSchedule, after = this.#options.clock.now()): number | undefined {
    if (this.#stopped) return undefined;
    const tick = schedule.next(after);
    const following = tick === undefined ? undefined : schedule.next(tick);
    if (tick === undefined || following === undefined) return undefined;
    const offset = this.#options.spread * Math.min((following - tick) / 10, longestOffset);
    this.#tick.set(tick + offset, () => {
      const next = this.#armTick(schedule, Math.max(tick, this.#options.clock.now() - offset));
      this.#asleep = this.#isIdle();
      if (!this.#asleep) void this.#options.ensureUsableUntil(next ?? following, "schedule");
    });
    return tick + offset;
  }

  #isIdle(): boolean {
    const { idle, clock } = this.#options;
    return idle !== undefined && clock.now() - this.#lastUse > idle;
  }
}

/** One timer that can be far away. */
class Alarm {
  readonly #clock: Clock;
  #timer: ClockTimer | undefined;
  at: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(at: number, ring: () => void): void {
    this.clear();
    this.at = at;
    const left = at - this.#clock.now();
    this.#timer = this.#clock.setTimeout(
      () => {
        // Part of a long wait is over, or the timer was a little early, as those of Node can be.
        if (this.#clock.now() < at) return this.set(at, ring);
        this.clear();
        ring();
      },
      Math.min(Math.max(Math.ceil(left), 0), longestTimer),
    );
    this.#timer.unref();
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.at = undefined;
  }
}

function ignore(): void {}
