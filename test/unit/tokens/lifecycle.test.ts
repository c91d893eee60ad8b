// The lifecycle as a table of times, without a clock, a promise or a server.
import { describe, expect, test } from "vitest";
import {
  decide,
  initialState,
  type Lifecycle,
  mayServeStale,
  nextRefreshAt,
  stateName,
  wantsRenewal,
} from "../../../src/tokens/lifecycle.js";
import { timeline } from "../../../src/tokens/policy.js";
import {
  clockSetBack,
  credentialChanged,
  issued,
  requestFailed,
  requestStarted,
  stopped,
} from "../../../src/tokens/transitions.js";

const second = 1_000;
const outage = { retryable: true, retryAfter: undefined };
const refusal = { retryable: false, retryAfter: undefined };

/** A token requested at a time. By default it lives 60 seconds, and is stale after 39 and unusable after 54. */
function got(state: Lifecycle, now: number, lifetime = 60 * second): Lifecycle {
  const times = { requestedAt: now, expiresAt: now + lifetime };
  const token = { ...timeline(times, { jitter: 0.2, random: () => 0 }), requestedAt: now };
  return issued(requestStarted(state), now, token);
}

const withToken = got(initialState, 0);

test.each([
  ["none", initialState, 0, { kind: "wait", serveStaleAt: undefined }],
  ["fresh", withToken, 38_999, { kind: "token", renew: false }],
  ["stale", withToken, 39_000, { kind: "token", renew: true }],
  ["stale, to the last millisecond", withToken, 53_999, { kind: "token", renew: true }],
  ["stale, with a request in flight", requestStarted(withToken), 40_000, { kind: "token", renew: false }],
  [
    "stale after a failure",
    requestFailed(withToken, 40_000, refusal),
    40_500,
    { kind: "token", renew: false },
  ],
  [
    "stale, after the pause",
    requestFailed(withToken, 40_000, refusal),
    41_000,
    { kind: "token", renew: true },
  ],
  ["unusable", withToken, 54_000, { kind: "wait", serveStaleAt: 57_000 }],
  [
    "unusable, after a temporary failure",
    requestFailed(withToken, 54_000, outage),
    54_500,
    { kind: "token", renew: false },
  ],
  [
    "unusable, after a permanent failure",
    requestFailed(withToken, 54_000, refusal),
    54_500,
    { kind: "fail", retryAfter: 500 },
  ],
  ["expired", withToken, 60_000, { kind: "wait", serveStaleAt: undefined }],
  [
    "expired, after a temporary failure",
    requestFailed(withToken, 60_000, outage),
    60_200,
    { kind: "fail", retryAfter: 800 },
  ],
  [
    "expired, with a request in flight",
    requestStarted(withToken),
    70_000,
    { kind: "wait", serveStaleAt: undefined },
  ],
  ["stopped", stopped(withToken), 0, { kind: "stopped" }],
])("decide() returns what a call gets for a token that is %s", (_, state, now, decision) => {
  expect(decide(state, now, "demand")).toEqual(decision);
});

test.each([
  ["fresh", withToken],
  ["cooling down", requestFailed(initialState, 0, refusal)],
])("a forced call waits for a new token if the state is %s", (_, state) => {
  expect(decide(state, 1, "forced")).toEqual({ kind: "wait", serveStaleAt: undefined });
});

describe("nextRefreshAt", () => {
  test.each([
    ["there was never a token", requestFailed(requestStarted(initialState), 0, outage), 0, undefined],
    ["the token is fresh: when it becomes stale", withToken, 1, 39_000],
    ["a request is in flight", requestStarted(withToken), 40_000, undefined],
    ["a renewal failed: after the pause", requestFailed(withToken, 40_000, refusal), 40_000, 41_000],
    [
      "a renewal failed with a Retry-After: after that",
      requestFailed(withToken, 40_000, { retryable: true, retryAfter: 5_000 }),
      40_000,
      45_000,
    ],
    [
      "a temporary failure outlasts the token: at the end of the cool-down",
      requestFailed(withToken, 60_000, outage),
      60_000,
      61_000,
    ],
    ["a permanent failure outlasts the token", requestFailed(withToken, 60_000, refusal), 60_000, undefined],
    ["the token expired without a renewal", withToken, 60_000, undefined],
    ["stop() was called", stopped(withToken), 1, undefined],
  ])("the next background request if %s", (_, state, now, expected) => {
    expect(nextRefreshAt(state, now, 0)).toBe(expected);
  });

  test("during an outage, background requests become rarer up to one per minute, and those of a fleet are spread", () => {
    let state = requestFailed(withToken, 60_000, outage);
    const pauses: number[] = [];
    for (let now = 60_000; pauses.length < 8; ) {
      const at = nextRefreshAt(state, now, 0.5) ?? Number.NaN;
      expect(wantsRenewal(state, at, Number.POSITIVE_INFINITY)).toBe(true);
      pauses.push(at - now);
      now = at;
      state = requestFailed(requestStarted(state), now, outage);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_050));
  });

  test("the time of the next background request is a whole number of milliseconds, for every spread", () => {
    expect(nextRefreshAt(requestFailed(withToken, 60_000, outage), 60_000, 1 / 3)).toBe(61_034);
  });
});

describe("tokens that are unusable on arrival", () => {
  const useless = { requestedAt: 0, staleAt: 0, unusableAt: 0, expiresAt: 0 };

  test("a token that is unusable on arrival does not replace a usable one, and is not requested again at once", () => {
    const state = issued(requestStarted(withToken), 40_000, useless);
    expect(state.token).toBe(withToken.token);
    expect(decide(state, 40_500, "demand")).toEqual({ kind: "token", renew: false });
    expect(nextRefreshAt(state, 40_000, 0)).toBe(41_000);
  });

  test("a token that is unusable on arrival replaces an unusable one", () => {
    const state = issued(requestStarted(withToken), 55_000, { ...useless, expiresAt: 55_001 });
    expect(state.token).toMatchObject({ expiresAt: 55_001 });
  });
});

test("cool-downs double from 1 s to 60 s, and last as long as a server asks", () => {
  const lengths: number[] = [];
  let state = initialState;
  for (let round = 0; round < 8; round += 1) {
    state = requestFailed(state, 0, refusal);
    lengths.push(state.cooldown?.until ?? 0);
  }
  expect(lengths).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((length) => length * second));
  const toldToWait = requestFailed(initialState, 0, { retryable: true, retryAfter: 90_000 });
  expect(decide(toldToWait, 1, "demand")).toEqual({ kind: "fail", retryAfter: 89_999 });
});

test("a cool-down ends with a token, with a new credential, and after its time", () => {
  const cooling = requestFailed(requestFailed(initialState, 0, refusal), 1_000, refusal);
  expect(stateName(cooling, 2_999)).toBe("cooldown");
  expect(stateName(cooling, 3_000)).toBe("none");
  expect(stateName(got(cooling, 1_500), 1_500)).toBe("fresh");
  expect(stateName(credentialChanged(cooling), 1_500)).toBe("none");
  // The next cool-down lasts one second again.
  expect(requestFailed(credentialChanged(cooling), 0, refusal).cooldown?.until).toBe(1_000);
});

describe("clockSetBack", () => {
  const hour = 3_600 * second;

  test("after the clock was set back, a token lives as long as before and no longer", () => {
    const now = 10_000 - hour;
    const state = clockSetBack(withToken, now, hour);
    expect(decide(state, now + 28_999, "demand")).toEqual({ kind: "token", renew: false });
    expect(decide(state, now + 29_000, "demand")).toEqual({ kind: "token", renew: true });
    expect(decide(state, now + 50_000, "demand")).toMatchObject({ kind: "wait" });
  });

  test("a clock that was set back ends a cool-down, which would last that much longer", () => {
    const state = clockSetBack(requestFailed(initialState, 0, refusal), 400 - hour, hour);
    expect(decide(state, 400 - hour, "demand")).toMatchObject({ kind: "wait" });
  });

  test("if the clock was set back during the request, the lifetime counts from now", () => {
    const state = got(initialState, hour);
    const token = state.token ?? { requestedAt: 0, staleAt: 0, unusableAt: 0, expiresAt: 0 };
    const back = issued(requestStarted(initialState), 0, token);
    expect(back.token).toMatchObject({ requestedAt: 0, staleAt: 39_000, expiresAt: 60_000 });
  });
});

describe("tokens that bring no more time", () => {
  const again = (now: number) =>
    issued(requestStarted(withToken), now, { ...timesOf(withToken), requestedAt: 0 });

  test("a stale token that expires no later than the previous one is requested again later each time", () => {
    const first = again(39_000);
    expect(nextRefreshAt(first, 39_000, 0)).toBe(40_000);
    expect(nextRefreshAt(issued(requestStarted(first), 40_000, timesOf(first)), 40_000, 0)).toBe(42_000);
  });

  test("a fresh token that expires no later than the previous one is renewed when it is due", () => {
    const state = again(20_000);
    expect(state.failures).toBe(0);
    expect(nextRefreshAt(state, 20_000, 0)).toBe(39_000);
  });
});

test("an unexpired token is a fallback until the last millisecond of its lifetime, and not after it", () => {
  expect([59_999, 60_000].map((now) => mayServeStale(withToken, now, true))).toEqual([true, false]);
  expect([53_999, 54_000].map((now) => mayServeStale(withToken, now, false))).toEqual([true, false]);
});

test("a request is possible exactly at the end of a cool-down, and not a millisecond earlier", () => {
  const state = requestFailed(withToken, 60_000, outage);
  const wants = [60_999, 61_000].map((now) => wantsRenewal(state, now, Number.POSITIVE_INFINITY));
  expect(wants).toEqual([false, true]);
});

function timesOf({ token }: Lifecycle) {
  if (token === undefined) throw new Error("It has no token.");
  return token;
}
