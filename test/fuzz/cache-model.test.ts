// Compares random histories of one manager with a model of what a caller may expect. Of the refresh policy, the model
// knows only when a token is usable, which is documented.
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { McpAuthError } from "../../src/errors/error.js";
import type { Token } from "../../src/tokens/token.js";
import { assertNoUnhandledRejection } from "../support/no-unhandled-rejection.js";
import { cacheWithTimers, type TestCacheWithTimers } from "../unit/tokens/cache-with-timers.js";
import { authError, outage, refusal, second } from "../unit/tokens/fixtures.js";
import { property } from "./property.js";

// Loaded before the tests, so that they do not include the turns of the event loop that loading takes.
beforeAll(() => import("p-retry"));

const minute = 60 * second;
const year = 365 * 24 * 60 * minute;
const attempts = 3;
const deadline = 20 * second;

assertNoUnhandledRejection();

/** How the server answers from now on. */
type Mode =
  | { readonly kind: "up"; readonly lifetime: number | undefined; readonly delay: number }
  | { readonly kind: "down"; readonly delay: number }
  | { readonly kind: "busy"; readonly retryAfter: number }
  | { readonly kind: "refusing" }
  | { readonly kind: "silent" };

interface Requested {
  /** The time that had passed when the request was sent. */
  readonly at: number;
  /** How far the clock was set back since. */
  back: number;
  /** How long the request took, if the clock was set back meanwhile. Nobody can tell when within it. */
  uncertain: number;
  isInFlight: boolean;
}

/** The state of the model: the tokens that arrived, and the calls in progress. */
class Model {
  mode: Mode = { kind: "up", lifetime: 60, delay: 0 };
  inFlight = 0;
  mostInFlight = 0;
  /** Milliseconds by which the clock was set forward, and back again. */
  #set = 0;
  /** The requests, by the names of their tokens. */
  readonly #requested = new Map<string, Requested>();
  readonly open: TestCacheWithTimers;
  /** The last token that a caller got. */
  last: Token | undefined;
  /** Tokens that had expired on arrival. */
  readonly #useless = new Set<string>();
  /** The names of the tokens that arrived, in order. */
  readonly arrived: string[] = [];
  /** Violations of what a caller may expect. */
  readonly wrongs: string[] = [];

  constructor(spread: number) {
    this.open = cacheWithTimers({
      attempts,
      deadline,
      random: () => spread,
      answer: (_, signal) => this.#answer(signal),
    });
  }

  get now(): number {
    return this.open.clock.now();
  }

  /** Milliseconds that have passed, whatever the clock was set to. */
  get #passed(): number {
    return this.now - this.#set;
  }

  /** Whether a token has certainly expired, by the time that passed. */
  hasExpired({ accessToken, requestedAt, expiresAt }: Token): boolean {
    const { at = 0, uncertain = 0 } = this.#requested.get(accessToken) ?? {};
    return this.#passed >= at + expiresAt - requestedAt + uncertain;
  }

  /** Whether a token is certainly usable, both by the clock and by the time that passed. */
  isUsable(token: Token): boolean {
    const { accessToken, requestedAt, expiresAt } = token;
    const leeway = Math.min(30 * second, Math.max(expiresAt - requestedAt, 0) * 0.1);
    const { back = 0 } = this.#requested.get(accessToken) ?? {};
    return this.now < expiresAt - back - leeway;
  }

  /** Whether no token that was usable on arrival came after this one. */
  isNewest({ accessToken }: Token): boolean {
    const useful = this.arrived.filter((name) => !this.#useless.has(name));
    return useful.at(-1) === accessToken;
  }

  set(by: number): void {
    this.open.clock.jump(by);
    this.#set += by;
    if (by >= 0) return;
    for (const requested of this.#requested.values()) {
      requested.back -= by;
      if (requested.isInFlight) requested.uncertain = Number.POSITIVE_INFINITY;
    }
  }

  async #answer(signal: AbortSignal) {
    const { mode } = this;
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    const name = `token-${this.open.requests.length}`;
    const requested: Requested = { at: this.#passed, back: 0, uncertain: 0, isInFlight: true };
    this.#requested.set(name, requested);
    const answer = await this.#answerOf(mode, name, signal);
    requested.isInFlight = false;
    if (requested.uncertain > 0) requested.uncertain = this.#passed - requested.at;
    if (!signal.aborted && mode.kind === "up") this.arrived.push(name);
    this.inFlight -= 1;
    return answer;
  }

  async #answerOf(mode: Mode, name: string, signal: AbortSignal) {
    const calledOff = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    if ("delay" in mode && mode.delay > 0) {
      const late = new Promise<void>((resolve) => void this.open.clock.setTimeout(resolve, mode.delay));
      await Promise.race([late, calledOff]);
    }
    switch (mode.kind) {
      case "up":
        if (mode.lifetime !== undefined && mode.lifetime <= 0) this.#useless.add(name);
        return { accessToken: name, ...(mode.lifetime === undefined ? {} : { expiresIn: mode.lifetime }) };
      case "down":
        return outage();
      case "busy":
        return authError("unavailable", { retryable: true, retryAfter: mode.retryAfter });
      case "refusing":
        return refusal();
      case "silent":
        await calledOff;
        return outage();
    }
  }
}

/** One step of a history. */
type Step = (model: Model) => Promise<void> | void;

const call =
  (reason: "demand" | "forced", leaves: boolean): Step =>
  async (model) => {
    const { open, last } = model;
    const began = model.now;
    // A response that has arrived may not have reached the waiting callers yet.
    const before = model.arrived.length - (open.cache.isRequesting ? 1 : 0);
    // The model is certain that this token was returned, is usable, and that no other arrived. Whether the server
    // refuses it makes no difference, because it may refuse it only for some calls.
    const has = last !== undefined && model.isNewest(last) && model.isUsable(last);
    open.timers.noteUse(began);
    const controller = new AbortController();
    const signal = leaves ? controller.signal : undefined;
    let settled = false;
    const outcome = open.cache.getToken({ reason, signal }).then(
      (token) => {
        settled = true;
        model.last = token;
        // A token that just arrived is returned to the callers that waited for it, however short its lifetime.
        const isNew = model.arrived.indexOf(token.accessToken) >= before;
        if (!isNew && began === model.now && model.hasExpired(token)) model.wrongs.push("an expired token");
      },
      (error: unknown) => {
        settled = true;
        const code = error instanceof McpAuthError ? error.code : String(error);
        if (has && reason !== "forced" && code !== "aborted")
          model.wrongs.push(`${code}, with a usable token`);
      },
    );
    await open.clock.settle();
    if (has && reason === "demand" && !settled) model.wrongs.push("a wait, with a usable token");
    if (leaves) {
      controller.abort();
      await outcome;
    }
  };

const burst: Step = async (model) => {
  await Promise.all(Array.from({ length: 20 }, () => call("demand", false)(model)));
};

/** The server refuses the last token for this kind of request. The replacement continues in the background. */
const refuse =
  (kind: string): Step =>
  async ({ open, last }) => {
    if (last === undefined) return;
    void open.cache.refused.replace({ token: last, kind });
    await open.clock.settle();
  };

const accept =
  (kind: string): Step =>
  (model) =>
    model.open.cache.refused.accepted(kind);

const pass =
  (milliseconds: number): Step =>
  (model) =>
    model.open.clock.advance(milliseconds);
const forward =
  (milliseconds: number): Step =>
  (model) =>
    model.open.clock.jump(milliseconds);
const back =
  (milliseconds: number): Step =>
  async (model) => {
    // If the clock was set back between two reads of it, the time between them is unknown.
    model.open.cache.snapshot();
    model.set(-milliseconds);
    model.open.cache.snapshot();
  };
const mode =
  (next: Mode): Step =>
  (model) => {
    model.mode = next;
  };

const lifetimes = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 2, 5, 30, 60, 299, 300, 301, 3_600, 86_400) },
  fc.integer({ min: 1, max: 10 * (year / second) }),
  fc.double({ min: 0.001, max: 100, noNaN: true }),
  fc.constantFrom(undefined, 0, -1, -1e9, 1e9, 1e300, Number.POSITIVE_INFINITY),
);
const delays = fc.constantFrom(0, 0, 50, 2_000, 15_000);
const modes: fc.Arbitrary<Mode> = fc.oneof(
  fc.record({ kind: fc.constant("up" as const), lifetime: lifetimes, delay: delays }),
  fc.record({ kind: fc.constant("down" as const), delay: delays }),
  fc.record({ kind: fc.constant("busy" as const), retryAfter: fc.constantFrom(1_000, 10_000, 600_000) }),
  fc.constant({ kind: "refusing" as const }),
  fc.constant({ kind: "silent" as const }),
);
const pauses = fc.oneof(
  fc.integer({ min: 0, max: 500 }),
  fc.integer({ min: 0, max: 70_000 }),
  fc.constantFrom(36_000, 39_000, 54_000, 60_000, 3_300_000),
);
/** The step, and how a counterexample shows it. */
const steps = fc.oneof(
  { weight: 6, arbitrary: pauses.map((ms): [string, Step] => [`pass ${ms}`, pass(ms)]) },
  { weight: 5, arbitrary: fc.constant<[string, Step]>(["call", call("demand", false)]) },
  { weight: 3, arbitrary: modes.map((next): [string, Step] => [JSON.stringify(next), mode(next)]) },
  fc.constant<[string, Step]>(["burst", burst]),
  fc.constant<[string, Step]>(["call and leave", call("demand", true)]),
  fc.constant<[string, Step]>(["force", call("forced", false)]),
  fc.constantFrom("good", "bad", "worse").map((kind): [string, Step] => [`refuse ${kind}`, refuse(kind)]),
  fc.constantFrom("good", "bad", "worse").map((kind): [string, Step] => [`accept ${kind}`, accept(kind)]),
  fc.constantFrom(1, 3_600_000, 86_400_000).map((ms): [string, Step] => [`forward ${ms}`, forward(ms)]),
  fc.constantFrom(1, 5_000, 3_600_000).map((ms): [string, Step] => [`back ${ms}`, back(ms)]),
);
const histories = fc.array(
  steps.map(([name, run]) => Object.assign(run, { [fc.toStringMethod]: () => name })),
  { maxLength: 25 },
);

async function live(history: readonly Step[], spread: number): Promise<Model> {
  const model = new Model(spread);
  for (const step of history) await step(model);
  return model;
}

describe("random histories", () => {
  property(
    "no caller gets an expired token, or fails or waits while there is a usable one",
    [histories, fc.double({ min: 0, max: 1, noNaN: true })],
    async (history, spread) => {
      const model = await live(history, spread);
      await model.open.clock.advance(2 * deadline);
      expect(model.wrongs).toEqual([]);
    },
    { cost: 0.5 },
  );

  test("a token is used after its expiry for no longer than its request took, if the clock was set back meanwhile", async () => {
    const history = [
      mode({ kind: "up", lifetime: 60, delay: 50 }),
      call("forced", false),
      back(1),
      mode({ kind: "busy", retryAfter: 1_000 }),
      pass(60_000),
      burst,
    ];
    const model = await live(history, 0);
    await model.open.clock.advance(2 * deadline);
    expect(model.wrongs).toEqual([]);
    expect(model.last?.accessToken).toBe(model.arrived.at(-1));
  });

  property(
    "there is never a second request in flight, nor more attempts than the config allows",
    [histories],
    async (history) => {
      const model = await live(history, 0.5);
      expect(model.mostInFlight).toBeLessThanOrEqual(1);
      const acquisitions = new Map<AbortSignal, number>();
      for (const signal of model.open.requests) {
        acquisitions.set(signal, (acquisitions.get(signal) ?? 0) + 1);
      }
      for (const count of acquisitions.values()) expect(count).toBeLessThanOrEqual(attempts);
    },
    { cost: 0.5 },
  );

  property(
    "a cool-down is followed by a single request until one brings a token",
    [histories],
    async (history) => {
      const { open } = await live(history, 0.5);
      let sinceCooldown: number | undefined;
      for (const { name, reason } of open.events) {
        if (name === "token:cooldown") sinceCooldown = 0;
        else if (name === "token:renewed" || reason === "forced") sinceCooldown = undefined;
        else if (name === "token:failed" && sinceCooldown !== undefined) {
          sinceCooldown += 1;
          expect(sinceCooldown).toBeLessThanOrEqual(1);
        }
      }
    },
    { cost: 0.5 },
  );

  property(
    "after the server recovered, the next call after the longest pause succeeds",
    [histories],
    async (history) => {
      const model = await live(history, 0.5);
      model.mode = { kind: "up", lifetime: 3_600, delay: 0 };
      // The longest Retry-After of the server in a history, and the longest cool-down.
      await model.open.clock.advance(600_000 + 2 * deadline);
      // If the clock was set back and nothing read it, a pause may start again. The error contains the new time.
      const { retryAfter = 0 } = (await model.open.call().catch((error: McpAuthError) => error)) as {
        retryAfter?: number;
      };
      await model.open.clock.advance(retryAfter);
      expect((await model.open.call()).expiresAt).toBeGreaterThan(model.now);
    },
    { cost: 0.5 },
  );

  const outages = fc.integer({ min: 0, max: 25 * minute });
  const kinds = fc.constantFrom<Mode>(
    { kind: "down", delay: 0 },
    { kind: "down", delay: 2_000 },
    { kind: "busy", retryAfter: 10_000 },
    { kind: "silent" },
  );
  property(
    "an outage that outlasts the token ends in the background, and the next call does not wait",
    [outages, kinds, fc.constantFrom(5, 60, 600)],
    async (length, kind, lifetime) => {
      const model = new Model(0.5);
      model.mode = { kind: "up", lifetime, delay: 0 };
      await call("demand", false)(model);
      model.mode = kind;
      await model.open.clock.advance(length);
      model.mode = { kind: "up", lifetime, delay: 0 };
      // The longest cool-down, the spread of a fleet, and a request that began before.
      await model.open.clock.advance(66 * second + deadline);
      expect(["fresh", "stale"]).toContain(model.open.cache.snapshot().state);
    },
    { cost: 4 },
  );
});
