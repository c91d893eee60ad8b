import { describe, expect, test } from "vitest";
import { type FailedAttempt, retryPlan } from "../../../src/tokens/retry-plan.js";

const second = 1_000;
const retry = { attempts: 4, min: 250, max: 10 * second };
const outage = { retryable: true, retryAfter: undefined, hasAnotherCredential: false };
const refusal = { retryable: false, retryAfter: undefined, hasAnotherCredential: true };

/** A plan with the highest random values and a deadline at 30 s. */
function plan(probe = false) {
  return retryPlan({ retry, endsAt: 30 * second, probe, random: () => 1 });
}

const attempt = (number: number, how: Omit<FailedAttempt, "attempt"> = outage): FailedAttempt => {
  return { attempt: number, ...how };
};

describe("temporary failures", () => {
  test("a temporary failure is retried after pauses that double, as often as the config says", () => {
    const next = plan();
    expect([1, 2, 3, 4].map((number) => next(attempt(number), 0, 0))).toEqual([
      { kind: "again", after: 250 },
      { kind: "again", after: 500 },
      { kind: "again", after: 1_000 },
      { kind: "failed" },
    ]);
  });

  test("a temporary failure is not retried if the pause would end at the deadline", () => {
    const next = plan();
    expect(next(attempt(1), 29_749, 0)).toEqual({ kind: "again", after: 250 });
    expect(next(attempt(1), 29_750, 0)).toEqual({ kind: "failed" });
  });

  test("a temporary failure is not retried if the request follows failures", () => {
    expect(plan(true)(attempt(1), 0, 0)).toEqual({ kind: "failed" });
  });
});

describe("Retry-After", () => {
  test("a Retry-After is followed, and exceeded by a tenth and at most a second", () => {
    const next = plan();
    expect(next(attempt(1, { ...outage, retryAfter: 5 * second }), 0, 0)).toEqual({
      kind: "again",
      after: 5_500,
    });
    expect(next(attempt(1), 0, 20 * second)).toEqual({ kind: "again", after: 21_000 });
  });

  test("if a Retry-After ends shortly before the deadline, the next attempt begins exactly then", () => {
    const next = plan();
    expect(next(attempt(1, { ...outage, retryAfter: 29_500 }), 0, 0)).toEqual({
      kind: "again",
      after: 29_500,
    });
  });

  test("a server with a Retry-After that ends at the deadline or later gets no other request, not even from a probe", () => {
    const asked = { ...outage, retryAfter: 30 * second };
    for (const next of [plan(), plan(true)]) {
      expect(next(attempt(1, asked), 0, 0)).toEqual({ kind: "beyond", asked: 30 * second });
    }
  });
});

describe("rejected credentials", () => {
  test("a rejected credential is followed by another one at once, and only once", () => {
    const next = plan();
    expect(next(attempt(1, refusal), 0, 0)).toEqual({ kind: "again", after: 0 });
    expect(next(attempt(2, refusal), 0, 0)).toEqual({ kind: "failed" });
  });

  test("a rejected credential ends the attempts if there is no other credential, no attempt left, or no time", () => {
    expect(plan()(attempt(1, { ...refusal, hasAnotherCredential: false }), 0, 0).kind).toBe("failed");
    expect(plan()(attempt(4, refusal), 0, 0).kind).toBe("failed");
    expect(plan()(attempt(1, refusal), 30 * second, 0).kind).toBe("failed");
  });
});
