import { describe, expect, test } from "vitest";
import { backoffDelay } from "../../../src/net/retry.js";

describe("backoffDelay", () => {
  const bounds = { min: 250, max: 10_000 };

  test("the backoff doubles its bound from min and stops at max", () => {
    const longest = [1, 2, 3, 6, 7, 50, 5_000].map((attempt) => backoffDelay(attempt, bounds, () => 1));
    expect(longest).toEqual([250, 500, 1_000, 8_000, 10_000, 10_000, 10_000]);
  });

  test("the backoff is a uniform share of its bound", () => {
    expect(backoffDelay(3, bounds, () => 0)).toBe(0);
    expect(backoffDelay(3, bounds, () => 0.5)).toBe(500);
  });

  test("the backoff is a number for every attempt, even with a min of zero", () => {
    expect(backoffDelay(100_000, { min: 0, max: 10 }, () => 1)).toBe(0);
    expect(backoffDelay(0, bounds, () => 1)).toBe(250);
  });
});
