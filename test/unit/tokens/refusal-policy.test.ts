import { describe, expect, test } from "vitest";
import {
  accepted,
  clockSetBack,
  credentialChanged,
  kindRefused,
  kindsSuspected,
  mayRequest as mayRequestAs,
  noRefusals,
  onlyLimits,
  type Refusals,
  requestFailed,
  requestStarted as requestStartedAs,
} from "../../../src/tokens/refusal-policy.js";
import { second } from "./fixtures.js";

const start = Date.UTC(2026, 0, 1);

const mayRequest = (refusals: Refusals, now: number, kind: string): boolean =>
  mayRequestAs(refusals, now, refusals.suspects.has(kind));
const requestStarted = (refusals: Refusals, now: number, kind: string): Refusals =>
  requestStartedAs(refusals, now, refusals.suspects.has(kind));

/** The state after this many token requests in a row that did not help these kinds. */
function failed(times: number, now = start, kinds: readonly string[] = ["bad"]): Refusals {
  let refusals = noRefusals;
  for (let count = 0; count < times; count += 1)
    refusals = { ...kindsSuspected(refusals, kinds), ...requestFailed(refusals, now) };
  return refusals;
}

/** How many token requests a kind may cause at one moment. */
function burst(refusals: Refusals, now: number, kind: string): number {
  let count = 0;
  for (let left = refusals; mayRequest(left, now, kind) && count < 100; count += 1)
    left = requestStarted(left, now, kind);
  return count;
}

function spent(parts: number, now = start): Refusals {
  let refusals = noRefusals;
  for (let count = 0; count < parts; count += 1) refusals = requestStarted(refusals, now, `good-${count}`);
  return refusals;
}

describe("allowance", () => {
  test("the allowance is five token requests at once", () => {
    expect(burst(noRefusals, start, "good")).toBe(5);
  });

  test("all kinds share the allowance", () => {
    expect(burst(spent(3), start, "another")).toBe(2);
    expect(mayRequest(spent(5), start, "another")).toBe(false);
  });

  test("the allowance gains one request every ten seconds, up to five", () => {
    const empty = spent(5);
    expect(mayRequest(empty, start + 10 * second - 1, "good")).toBe(false);
    expect(burst(empty, start + 10 * second, "good")).toBe(1);
    expect(burst(empty, start + 39 * second, "good")).toBe(3);
    expect(burst(empty, start + 50 * second, "good")).toBe(5);
    expect(burst(empty, start + 3_600 * second, "good")).toBe(5);
  });

  test("the allowance is at most 11 token requests in any minute", () => {
    let refusals = noRefusals;
    const at: number[] = [];
    for (let now = start; now < start + 600 * second; now += 100) {
      for (; mayRequest(refusals, now, "good"); at.push(now))
        refusals = requestStarted(refusals, now, "good");
    }
    const within = at.map((from) => at.filter((time) => time >= from && time < from + 60 * second).length);
    expect(Math.max(...within)).toBeLessThanOrEqual(11);
    expect(at.length).toBe(5 + 59);
  });

  test("a suspect does not use the allowance", () => {
    const refusals = failed(1);
    const later = start + second;
    expect(burst(requestStarted(refusals, later, "bad"), later, "good")).toBe(5);
  });
});

describe("hold", () => {
  test("the hold of suspects is 1, 2, 4, 8, 16 and 32 seconds, then a minute each time", () => {
    const lengths = Array.from({ length: 9 }, (_, index) => failed(index + 1).holdUntil - start);
    expect(lengths).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((length) => length * second));
  });

  test("the hold stays a minute after any number of failed requests", () => {
    const refusals = { ...failed(1), failures: Number.MAX_SAFE_INTEGER - 1 };
    expect(requestFailed(refusals, start).holdUntil).toBe(start + 60 * second);
  });

  test("no suspect causes a request before the end of the hold", () => {
    const refusals = failed(3);
    expect(mayRequest(refusals, start + 4 * second - 1, "bad")).toBe(false);
    expect(mayRequest(refusals, start + 4 * second, "bad")).toBe(true);
  });

  test("the hold does not apply to other kinds", () => {
    expect(mayRequest(failed(7), start, "good")).toBe(true);
  });

  test("a request begins the next hold, so that there is one request per hold", () => {
    const later = start + 4 * second;
    const refusals = requestStarted(failed(3), later, "bad");
    expect(burst(failed(3), later, "bad")).toBe(1);
    expect(mayRequest(refusals, later + 4 * second - 1, "bad")).toBe(false);
    expect(mayRequest(refusals, later + 4 * second, "bad")).toBe(true);
  });

  test("the hold is a second if no request failed, as after another process ended it", () => {
    const refusals = requestStarted({ ...failed(3), failures: 0, holdUntil: 0 }, start, "bad");
    expect(refusals.holdUntil).toBe(start + second);
  });

  test("the hold grows once per request, for any number of kinds that waited for it", () => {
    const refusals = { ...kindsSuspected(noRefusals, ["a", "b", "c"]), ...requestFailed(noRefusals, start) };
    expect(refusals).toMatchObject({ failures: 1, holdUntil: start + second });
    expect([...refusals.suspects]).toEqual(["a", "b", "c"]);
  });
});

describe("suspects", () => {
  test("there are at most 256 suspects: the least recently refused one is dropped", () => {
    const kinds = Array.from({ length: 256 }, (_, index) => `kind-${index}`);
    const full = kindsSuspected(noRefusals, kinds);
    expect(full.suspects.size).toBe(256);
    const next = kindsSuspected(kindsSuspected(full, ["kind-0"]), ["new"]);
    expect(next.suspects.size).toBe(256);
    expect(next.suspects.has("kind-0")).toBe(true);
    expect(next.suspects.has("kind-1")).toBe(false);
  });

  test("suspects that are refused from time to time are kept", () => {
    const kinds = Array.from({ length: 256 }, (_, index) => `kind-${index}`);
    const { suspects } = kindsSuspected(kindRefused(kindsSuspected(noRefusals, kinds), "kind-0"), ["new"]);
    expect([suspects.has("kind-0"), suspects.has("kind-1"), suspects.has("new")]).toEqual([
      true,
      false,
      true,
    ]);
    expect(kindRefused(noRefusals, "good")).toBe(noRefusals);
  });

  test("there are at most 256 suspects even if more arrive at once", () => {
    const kinds = Array.from({ length: 1_000 }, (_, index) => `kind-${index}`);
    const { suspects } = kindsSuspected(noRefusals, kinds);
    expect([...suspects]).toEqual(kinds.slice(-256));
  });

  test("processes do not share suspects", () => {
    expect(requestFailed(failed(1), start)).not.toHaveProperty("suspects");
    expect(onlyLimits(failed(1))).not.toHaveProperty("suspects");
  });

  test("an empty list of suspects changes nothing", () => {
    expect(kindsSuspected(noRefusals, [])).toBe(noRefusals);
  });

  test("an accepted kind is no longer a suspect, and the hold of the others goes on", () => {
    const refusals = accepted(failed(3, start, ["bad", "worse"]), "bad");
    expect([...refusals.suspects]).toEqual(["worse"]);
    expect(refusals).toMatchObject({ failures: 3, holdUntil: start + 4 * second });
    expect(mayRequest(refusals, start, "bad")).toBe(true);
  });

  test("the next hold is longer although all suspects were accepted, less so after each ten seconds", () => {
    const refusals = accepted(failed(4), "bad");
    expect([refusals.suspects.size, refusals.holdUntil]).toEqual([0, start + 8 * second]);
    const lengths = [8, 17.999, 18, 28, 38, 48, 1_000].map((age) => {
      const now = start + age * second;
      return (requestFailed(refusals, now).holdUntil - now) / second;
    });
    expect(lengths).toEqual([16, 16, 8, 4, 2, 1, 1]);
  });

  test("suspects that were last refused long ago begin with a hold of a second", () => {
    const refusals = failed(6);
    expect(requestStarted(refusals, start + 3_600 * second, "bad").holdUntil).toBe(start + 3_601 * second);
  });

  test("suspects keep their hold when another kind is accepted", () => {
    const refusals = failed(3);
    expect(accepted(refusals, "good")).toBe(refusals);
  });
});

describe("changes of the limits", () => {
  test("a new credential ends the hold and all suspects, and keeps the allowance", () => {
    const refusals = credentialChanged({ ...failed(6), allowanceFullAt: spent(5).allowanceFullAt });
    expect(refusals).toMatchObject({ failures: 0, suspects: new Set() });
    expect(refusals.holdUntil).toBeLessThanOrEqual(start);
    expect(mayRequest(refusals, start, "bad")).toBe(false);
    expect(mayRequest(refusals, start + 10 * second, "bad")).toBe(true);
  });

  test("an accepted request does not change the allowance", () => {
    const refusals = accepted({ ...failed(1), allowanceFullAt: spent(5).allowanceFullAt }, "bad");
    expect(mayRequest(refusals, start, "good")).toBe(false);
  });

  test("a clock that was set back makes neither the hold nor the empty allowance last longer", () => {
    const by = 3_600 * second;
    const refusals = clockSetBack({ ...failed(3), allowanceFullAt: spent(5).allowanceFullAt }, by);
    const now = start - by;
    expect(mayRequest(refusals, now + 4 * second - 1, "bad")).toBe(false);
    expect(mayRequest(refusals, now + 4 * second, "bad")).toBe(true);
    expect(burst(refusals, now + 9 * second, "good")).toBe(0);
    expect(burst(refusals, now + 10 * second, "good")).toBe(1);
  });

  test("no function changes the state that it gets", () => {
    const refusals = Object.freeze({ ...failed(2), suspects: Object.freeze(failed(2).suspects) });
    kindsSuspected(refusals, ["x"]);
    accepted(refusals, "bad");
    credentialChanged(refusals);
    expect([...refusals.suspects]).toEqual(["bad"]);
  });
});
