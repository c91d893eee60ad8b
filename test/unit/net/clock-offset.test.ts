import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { issuedAt } from "../../../src/keys/sign-jwt.js";
import {
  type DatedResponse,
  narrowRange,
  type OffsetRange,
  offsetRange,
  smallestOffset,
} from "../../../src/net/clock-offset.js";
import { maxCorrectedSkew, ServerClocks, toleratedSkew } from "../../../src/net/server-clocks.js";
import { clockLearningFetch } from "../../support/clock-learning-fetch.js";

const noon = Date.UTC(2026, 0, 1, 12);
const date = (time: number) => new Date(time).toUTCString();

function ofResponse(headers: Record<string, string>, more: Partial<DatedResponse> = {}) {
  const times = { sentAt: noon, receivedAt: noon + 200, isUncached: true };
  return offsetRange({ ...times, headers: new Headers(headers), ...more });
}

describe("offsetRange", () => {
  test("one response limits the offset to one second plus the time of the exchange", () => {
    expect(ofResponse({ date: date(noon) })).toEqual({ min: -200, max: 1_000 });
    expect(ofResponse({ date: date(noon + 90_000) })).toEqual({ min: 89_800, max: 91_000 });
    expect(ofResponse({ date: date(noon - 90_000) })).toEqual({ min: -90_200, max: -89_000 });
  });

  test("a response that may come from a cache proves only the smallest offset", () => {
    const range = ofResponse({ date: date(noon - 300_000) }, { isUncached: false });
    expect(range).toEqual({ min: -300_200, max: Number.POSITIVE_INFINITY });
    expect(smallestOffset(range ?? fail())).toBe(0);
    const ahead = ofResponse({ date: date(noon + 90_000) }, { isUncached: false });
    expect(smallestOffset(ahead ?? fail())).toBe(89_800);
  });

  test.each([
    ["an old Date", noon - 300_000, 0],
    ["a Date that the cache has renewed", noon, 0],
    ["an old Date of a server that is 90 s behind", noon - 390_000, -88_000],
  ])("a response with Age allows for %s", (_, at, offset) => {
    const range = ofResponse({ date: date(at), age: "300" }, { isUncached: false });
    expect(smallestOffset(range ?? fail())).toBe(offset);
  });

  test.each([["-1"], ["soon"], ["1.5"], ["99999999999999999999"], [""]])(
    "a response with the Age %j proves only the smallest offset",
    (age) => {
      const range = ofResponse({ date: date(noon - 300_000), age });
      expect(range?.max).toBe(Number.POSITIVE_INFINITY);
    },
  );

  test.each([
    ["without a Date", {}],
    ["with a Date that is not a date", { date: "yesterday" }],
    ["with a Date in ISO form", { date: "2026-01-01T12:00:00Z" }],
    ["with two Dates", { date: `${date(noon)}, ${date(noon)}` }],
  ])("a response %s proves no offset", (_, headers) => {
    expect(ofResponse(headers)).toBeUndefined();
  });

  test("a response proves no offset if our clock was set back in the meantime", () => {
    expect(ofResponse({ date: date(noon) }, { receivedAt: noon - 1 })).toBeUndefined();
  });
});

describe("narrowRange", () => {
  test("several responses prove the range of offsets that they have in common", () => {
    const known = { min: -90_200, max: -80_000 };
    expect(narrowRange(known, { min: -100_000, max: -89_000 })).toEqual({ min: -90_200, max: -89_000 });
    expect(narrowRange(undefined, known)).toEqual(known);
  });

  test("only the latest response counts after a clock was set", () => {
    const latest = { min: -200, max: 1_000 };
    expect(narrowRange({ min: -90_200, max: -89_000 }, latest)).toEqual(latest);
    expect(narrowRange({ min: 89_800, max: 91_000 }, latest)).toEqual(latest);
  });
});

/** Returns the range that follows from one exchange with a server that is `offset` ahead. */
interface Exchange {
  /** Milliseconds until the server writes the Date, and from then until the response arrives. */
  readonly there: number;
  readonly back: number;
  /** Milliseconds between the start of a second and the request, by our clock. */
  readonly fraction: number;
  readonly age: number | undefined;
  readonly isUncached: boolean;
}

function rangeOf(offset: number, exchange: Exchange, sentAt = noon + exchange.fraction): OffsetRange {
  const { there, back, age, isUncached } = exchange;
  const written = sentAt + there + offset - (age ?? 0) * 1_000;
  const headers = new Headers({ date: date(written), ...(age !== undefined && { age: String(age) }) });
  const range = offsetRange({ sentAt, receivedAt: sentAt + there + back, headers, isUncached });
  if (range === undefined) throw new Error("It says nothing.");
  return range;
}

const exchanges = fc.record({
  there: fc.integer({ min: 0, max: 10_000 }),
  back: fc.integer({ min: 0, max: 10_000 }),
  fraction: fc.integer({ min: 0, max: 999 }),
  age: fc.option(fc.integer({ min: 0, max: 86_400 }), { nil: undefined }),
  isUncached: fc.boolean(),
});
const uncached = exchanges.map((one) => ({ ...one, age: undefined, isUncached: true }));
const offsets = fc.integer({ min: -maxCorrectedSkew + 21_000, max: maxCorrectedSkew - 21_000 });

test("the true offset is never excluded, and no larger one is assumed, with any latencies", () => {
  fc.assert(
    fc.property(offsets, fc.array(exchanges, { minLength: 1 }), (offset, several) => {
      const range = several.map((one) => rangeOf(offset, one)).reduce(narrowRange);
      expect(range.min).toBeLessThanOrEqual(offset);
      expect(range.max).toBeGreaterThanOrEqual(offset);
      const assumed = smallestOffset(range);
      expect(Math.abs(assumed)).toBeLessThanOrEqual(Math.abs(offset));
      expect(assumed * offset).toBeGreaterThanOrEqual(0);
    }),
  );
});

/** Signs `then` milliseconds after an exchange. Returns `iat` and the server's time at that moment, in milliseconds. */
async function signed(offset: number, exchange: Exchange, then: number) {
  let ours = noon + exchange.fraction;
  const clocks = new ServerClocks({ now: () => ours });
  const fetch = clockLearningFetch(clocks, async () => {
    ours += exchange.there;
    const headers = { date: date(ours + offset) };
    ours += exchange.back;
    return new Response("", { headers });
  });
  const url = "https://auth.example/token";
  await fetch(url, { method: "POST" });
  ours += then;
  const time = clocks.at(url).now();
  return { iat: issuedAt(time) * 1_000, server: ours + offset, corrected: time - ours };
}

test("a signed time is never in the server's future if the previous request took at most 2 s to arrive", async () => {
  const quick = uncached.map((one) => ({ ...one, there: one.there % 2_001 }));
  await fc.assert(
    fc.asyncProperty(offsets, quick, fc.integer({ min: 0, max: 3_600_000 }), async (offset, one, then) => {
      const { iat, server } = await signed(offset, one, then);
      expect(iat).toBeLessThanOrEqual(server);
    }),
  );
});

test("a signed time is at most 9 s, and the time of the response, before the server's time", async () => {
  await fc.assert(
    fc.asyncProperty(offsets, uncached, fc.integer({ min: 0, max: 3_600_000 }), async (offset, one, then) => {
      const { iat, server } = await signed(offset, one, then);
      expect(server - iat).toBeLessThanOrEqual(9_000 + one.back);
    }),
  );
});

test("a difference up to 2 s or beyond ten minutes is never corrected", async () => {
  const small = fc.integer({ min: -toleratedSkew, max: toleratedSkew });
  const large = fc
    .tuple(fc.integer({ min: maxCorrectedSkew + 21_000, max: 10 * maxCorrectedSkew }), fc.constantFrom(-1, 1))
    .map(([size, sign]) => size * sign);
  await fc.assert(
    fc.asyncProperty(fc.oneof(small, large), uncached, async (offset, one) => {
      expect((await signed(offset, one, 0)).corrected).toBe(0);
    }),
  );
});

function fail(): never {
  throw new Error("It says nothing.");
}
