import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { retryAt, timeline } from "../../../src/tokens/policy.js";

const requestedAt = Date.UTC(2026, 0, 1);
const tenYears = 315_360_000_000;

function seconds(lifetime: number, random: number, ahead?: number) {
  const policy = { jitter: 0.2, random: () => random, ahead };
  const times = timeline({ requestedAt, expiresAt: requestedAt + lifetime * 1_000 }, policy);
  return {
    stale: (times.staleAt - requestedAt) / 1_000,
    unusable: (times.unusableAt - requestedAt) / 1_000,
    expired: (times.expiresAt - requestedAt) / 1_000,
  };
}

describe("timeline", () => {
  test.each([
    [5, 3.0, 3.25, 4.5],
    [60, 36, 39, 54],
    [3_600, 3_210, 3_270, 3_570],
    [86_400, 81_186, 82_050, 86_370],
  ])(
    "a token of %d seconds becomes stale after %d to %d seconds, and unusable after %d",
    (lifetime, earliest, latest, unusable) => {
      expect(seconds(lifetime, 0)).toEqual({ stale: latest, unusable, expired: lifetime });
      expect(seconds(lifetime, 1)).toEqual({ stale: earliest, unusable, expired: lifetime });
    },
  );

  test("`ahead` replaces the window, limited to half of the lifetime", () => {
    expect(seconds(3_600, 0, 60_000).stale).toBe(3_510);
    expect(seconds(60, 0, 600_000).stale).toBe(24);
  });

  test.each([0.2, 1])(
    "a jitter of %d does not make the window longer than half of the lifetime",
    (jitter) => {
      const times = timeline(
        { requestedAt, expiresAt: requestedAt + 60_000 },
        { jitter, random: () => 1, ahead: 600_000 },
      );
      expect(times.staleAt - requestedAt).toBe(24_000);
    },
  );

  test("a jitter of 0 leaves the window unchanged", () => {
    const { staleAt } = timeline(
      { requestedAt, expiresAt: requestedAt + 60_000 },
      { jitter: 0, random: () => 1 },
    );
    expect(staleAt - requestedAt).toBe(39_000);
  });

  test("the jitter is drawn once for each token", () => {
    let drawn = 0;
    const random = () => {
      drawn += 1;
      return 0.5;
    };
    timeline({ requestedAt, expiresAt: requestedAt + 60_000 }, { jitter: 0.2, random });
    expect(drawn).toBe(1);
  });
});

test("a token is stale before it is unusable, and unusable before it expires, for every lifetime, jitter and `ahead`", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 0, max: tenYears }), fc.integer({ min: 0, max: 10_000 })),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.option(fc.integer({ min: 0, max: tenYears }), { nil: undefined }),
      (lifetime, jitter, random, ahead) => {
        const expiresAt = requestedAt + lifetime;
        const times = timeline({ requestedAt, expiresAt }, { jitter, random: () => random, ahead });
        expect(times.staleAt).toBeGreaterThanOrEqual(requestedAt);
        expect(times.staleAt).toBeLessThanOrEqual(times.unusableAt);
        expect(times.unusableAt).toBeLessThanOrEqual(times.expiresAt);
        expect(times.expiresAt).toBe(expiresAt);
        expect(expiresAt - times.unusableAt).toBeLessThanOrEqual(Math.min(30_000, lifetime * 0.1) + 0.01);
      },
    ),
  );
});

test("a token that has expired on arrival is stale and unusable at once", () => {
  const times = timeline({ requestedAt, expiresAt: requestedAt - 5_000 }, { jitter: 0.2, random: () => 1 });
  expect(times).toEqual({
    staleAt: requestedAt - 5_000,
    unusableAt: requestedAt - 5_000,
    expiresAt: requestedAt - 5_000,
  });
});

describe("retryAt", () => {
  test("the pause after a failed renewal doubles from a second to about a minute", () => {
    const far = requestedAt + tenYears;
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 100].map(
      (failures) => retryAt(requestedAt, far, failures, true) - requestedAt,
    );
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000, 64_000]);
  });

  test.each([
    [
      "the pause after a temporary failure is at most a quarter of the remaining time, and at least 100 ms",
      true,
      100,
    ],
    [
      "the pause after a permanent failure is at most a quarter of the remaining time, and at least a second",
      false,
      1_000,
    ],
  ])("%s", (_what, retryable, shortest) => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1_000, max: tenYears }),
        fc.integer({ min: 1, max: 50 }),
        (left, failures) => {
          const pause = retryAt(requestedAt, requestedAt + left, failures, retryable) - requestedAt;
          expect(pause).toBeGreaterThanOrEqual(shortest);
          expect(pause % 1).toBe(0);
          if (left >= 4 * shortest) expect(pause).toBeLessThanOrEqual(left / 4);
        },
      ),
    );
  });
});
