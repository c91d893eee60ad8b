import { describe, expect, test } from "vitest";
import type { TokenCache } from "../../../src/tokens/cache.js";
import type { AfterRefusal } from "../../../src/tokens/refused-tokens.js";
import type { Token } from "../../../src/tokens/token.js";
import { deferred } from "../../support/deferred.js";
import { assertNoUnhandledRejection } from "../../support/no-unhandled-rejection.js";
import { recordWarnings } from "../../support/record-warnings.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { cacheWithTimers } from "./cache-with-timers.js";
import { type Answer, outage, refusal, second, type TestCacheOptions, testCache } from "./fixtures.js";

assertNoUnhandledRejection();

const demand = { reason: "demand" } as const;
const forced = { reason: "forced" } as const;

function held(cache: TokenCache): Token {
  const { latest } = cache;
  if (latest === undefined) throw new TypeError("There is no token.");
  return latest;
}

/** The server refuses the current token for this kind of request. */
function refuse(cache: TokenCache, kind: string, signal?: AbortSignal): Promise<AfterRefusal> {
  return cache.refused.replace({ token: held(cache), kind, signal });
}

/** The server refuses the new token too. */
async function refuseTwice(cache: TokenCache, kind: string): Promise<void> {
  const next = await refuse(cache, kind);
  if (next.kind === "resend") next.replacement?.failed(kind);
}

/** Returns the token that a call is sent again with. */
function resent(after: AfterRefusal): string | undefined {
  return after.kind === "resend" ? after.token.accessToken : undefined;
}

/** A cache with a token that lives an hour. */
async function open(options: TestCacheOptions = {}) {
  const opened = testCache({ answer: () => ({ expiresIn: 3_600 }), ...options });
  await opened.cache.getToken(demand);
  return opened;
}

/** The same cache. The test decides when its second request is answered, with `answer`. */
async function waiting() {
  const answer = deferred<Exclude<Answer, Promise<unknown>>>();
  const opened = await open({ answer: (n) => (n === 1 ? answer.promise : { expiresIn: 3_600 }) });
  return { ...opened, answer: answer.resolve };
}

test("a mistake in the code of a replacement is warned about, and the call gets its response", async () => {
  const warnings = recordWarnings();
  const mistake = new TypeError("x is not a function");
  const { cache } = await open({
    answer: (n) => (n === 0 ? { expiresIn: 3_600 } : Promise.reject(mistake)),
  });
  expect(resent(await refuse(cache, "a"))).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining("failed with TypeError at")]);
});

describe("replacement", () => {
  test("a refused token is replaced by one request, and the call is sent again with the new token", async () => {
    const { cache, requests, clock, events } = await open();
    expect(resent(await refuse(cache, "a"))).toBe("token-2");
    expect(held(cache).accessToken).toBe("token-2");
    expect(requests).toHaveLength(2);
    expect(events.map(({ name }) => name)).toEqual(["token:renewed", "token:rejected", "token:renewed"]);
    expect(clock.pending).toEqual([]);
  });

  test("a refused token that was replaced already causes no request", async () => {
    const { cache, requests } = await open();
    const token = held(cache);
    await cache.getToken(forced);
    const after = await cache.refused.replace({ token, kind: "a" });
    expect(after).toMatchObject({ kind: "resend", replacement: undefined });
    expect(resent(after)).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("a refused token is replaced once for all kinds of requests that join", async () => {
    const { cache, requests, answer, clock } = await waiting();
    const calls = ["a", "b", "a", "c"].map((kind) => refuse(cache, kind));
    answer({});
    expect((await Promise.all(calls)).map(resent)).toEqual(Array(4).fill("token-2"));
    expect(requests).toHaveLength(2);
    expect(clock.pending).toEqual([]);
  });

  test("a refused token is replaced by the background renewal in flight", async () => {
    const { cache, requests, answer, clock } = await waiting();
    await clock.advance(3_500 * second);
    await cache.getToken(demand);
    expect(cache.isRequesting).toBe(true);
    const call = refuse(cache, "a");
    answer({});
    expect(resent(await call)).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("a refused token stays in use while it is replaced, and if the replacement fails", async () => {
    const { cache, answer } = await waiting();
    const call = refuse(cache, "a");
    expect((await cache.getToken(demand)).accessToken).toBe("token-1");
    answer(refusal());
    expect(await call).toMatchObject({ kind: "none", error: { code: "token_request_rejected" } });
    expect((await cache.getToken(demand)).accessToken).toBe("token-1");
    expect(cache.snapshot().state).toBe("fresh");
  });

  test("a snapshot says since when the current token is refused, until it is accepted or replaced", async () => {
    const { cache, clock, answer } = await waiting();
    expect(cache.snapshot()).not.toHaveProperty("rejectedAt");
    const call = refuse(cache, "a");
    expect(cache.snapshot().rejectedAt).toBe(clock.now());
    expect(cache.awaitsAcceptance).toBe(true);
    cache.refused.accepted("b");
    expect(cache.snapshot()).not.toHaveProperty("rejectedAt");
    expect(cache.awaitsAcceptance).toBe(false);
    answer(refusal());
    await call;
    const refused = held(cache);
    await refuse(cache, "a");
    expect(cache.snapshot().rejectedAt).toBe(clock.now());
    await cache.getToken(forced);
    expect(held(cache)).not.toBe(refused);
    expect(cache.snapshot()).not.toHaveProperty("rejectedAt");
  });

  test("a snapshot does not say that a token is refused when the token has expired", async () => {
    const { cache, clock, answer } = await waiting();
    const call = refuse(cache, "a");
    answer(refusal());
    await call;
    expect(cache.snapshot()).toHaveProperty("rejectedAt");
    clock.jump((cache.snapshot().expiresAt ?? 0) - clock.now() - 1);
    expect(cache.snapshot()).toHaveProperty("rejectedAt");
    clock.jump(1);
    expect(cache.snapshot()).not.toHaveProperty("rejectedAt");
  });

  test("a new token that the server refuses too is a refused token", async () => {
    const { cache, clock } = await open();
    await refuseTwice(cache, "a");
    expect(held(cache).accessToken).toBe("token-2");
    expect(cache.snapshot().rejectedAt).toBe(clock.now());
  });

  test("renewals before expiry go on while suspects are held", async () => {
    const { cache, timers, clock, requests, call } = cacheWithTimers({
      answer: (n) => (n === 1 ? outage() : { expiresIn: 60 }),
    });
    await call();
    await refuseTwice(cache, "bad");
    expect(cache.refused.hasSuspects).toBe(true);
    const before = requests.length;
    await clock.advance(50 * second);
    expect(requests.length).toBe(before + 1);
    expect((await call()).requestedAt).toBeGreaterThan(clock.now() - 20 * second);
    timers.stop();
    expect(clock.pending).toEqual([]);
  });
});

describe("failed replacements", () => {
  test.each([
    ["returns the same token", (): Answer => ({ accessToken: "token-1", expiresIn: 3_600 }), "same"],
    ["fails temporarily", outage, "none"],
    ["fails permanently", refusal, "none"],
  ])(
    "a request that %s makes suspects of all kinds that joined, and counts as one failure",
    async (_, answerOf, kind) => {
      const { cache, requests, answer, clock } = await waiting();
      const calls = ["a", "b", "c"].map((each) => refuse(cache, each));
      const given = answerOf();
      if (given instanceof Promise) throw new TypeError("It is given at once.");
      answer(given);
      expect((await Promise.all(calls)).map((after) => after.kind)).toEqual(Array(3).fill(kind));
      await clock.advance(second - 1);
      for (const each of ["a", "b", "c"]) expect(await refuse(cache, each)).toEqual({ kind: "none" });
      expect(requests).toHaveLength(2);
      await clock.advance(1);
      expect(resent(await refuse(cache, "b"))).toBe("token-3");
      expect(clock.pending).toEqual([]);
    },
  );

  test("a new token that is refused too counts as one failure, for any number of kinds", async () => {
    const { cache, clock, requests } = await open();
    const [one, other] = await Promise.all([refuse(cache, "a"), refuse(cache, "b")]);
    if (one.kind === "resend") one.replacement?.failed("a");
    await clock.advance(second - 1);
    if (other.kind === "resend") other.replacement?.failed("b");
    await clock.advance(1);
    expect(resent(await refuse(cache, "b"))).toBe("token-3");
    expect(requests).toHaveLength(3);
  });

  test("failed replacements hold suspects for 1, 2, 4, 8, 16, 32 and then 60 seconds", async () => {
    const { cache, clock, requests } = await open();
    const at: number[] = [];
    const started = clock.now();
    for (let passed = 0; passed < 200; passed += 1) {
      const before = requests.length;
      await refuseTwice(cache, "bad");
      if (requests.length > before) at.push((clock.now() - started) / second);
      await clock.advance(second);
    }
    expect(at).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
  });

  test("a failed replacement holds no other kind, and an accepted suspect ends the hold", async () => {
    const { cache } = await open();
    await refuseTwice(cache, "bad");
    await refuseTwice(cache, "worse");
    expect(await refuse(cache, "bad")).toEqual({ kind: "none" });
    expect(resent(await refuse(cache, "good"))).toBe("token-4");
    cache.refused.accepted("bad");
    expect(cache.refused.hasSuspects).toBe(true);
    expect(await refuse(cache, "worse")).toEqual({ kind: "none" });
    cache.refused.accepted("worse");
    expect(cache.refused.hasSuspects).toBe(false);
    await refuseTwice(cache, "worse");
    expect(await refuse(cache, "worse")).toEqual({ kind: "none" });
  });

  test("a failed replacement is explained once, until the last suspect is accepted or the credential changes", async () => {
    const { cache } = await open();
    await refuseTwice(cache, "bad");
    const take = () => cache.refused.takeExplanation();
    expect([take(), take()]).toEqual([true, false]);
    cache.refused.accepted("bad");
    expect(take()).toBe(true);
    await refuseTwice(cache, "bad");
    cache.credentialChanged();
    expect(take()).toBe(true);
  });

  test("a new credential clears failed replacements", async () => {
    const { cache } = await open();
    await refuseTwice(cache, "bad");
    cache.credentialChanged();
    expect(cache.refused.hasSuspects).toBe(false);
    expect(resent(await refuse(cache, "bad"))).toBe("token-3");
  });
});

describe("allowance", () => {
  test("kinds that are not suspects get five requests at once and one more every ten seconds, and do not become suspects without one", async () => {
    const { cache, clock, requests } = await open();
    for (let count = 0; count < 8; count += 1) await refuse(cache, `kind-${count}`);
    expect(requests).toHaveLength(1 + 5);
    expect(cache.refused.hasSuspects).toBe(false);
    await clock.advance(10 * second);
    for (let count = 0; count < 3; count += 1) await refuse(cache, `kind-${count}`);
    expect(requests).toHaveLength(1 + 6);
  });
});

describe("streamed bodies", () => {
  test("a call that cannot be sent again replaces the token within the allowance, and never becomes a suspect", async () => {
    const { cache, clock, requests } = await open({
      answer: (n) => (n === 0 ? { expiresIn: 3_600 } : refusal()),
    });
    for (let count = 0; count < 8; count += 1) {
      cache.refused.replaceForOthers({ token: held(cache), kind: "stream" });
      await clock.settle();
    }
    expect(requests).toHaveLength(1 + 5);
    expect(cache.refused.hasSuspects).toBe(false);
    await clock.advance(10 * second);
    cache.refused.replaceForOthers({ token: held(cache), kind: "stream" });
    await clock.settle();
    expect(requests).toHaveLength(1 + 6);
  });

  test("a call that cannot be sent again causes no request if its token was replaced already", async () => {
    const { cache, clock, requests } = await open();
    const token = held(cache);
    await cache.getToken(forced);
    cache.refused.replaceForOthers({ token, kind: "stream" });
    await clock.settle();
    expect(requests).toHaveLength(2);
  });
});

describe("aborts", () => {
  test("an aborted caller does not affect others that wait for the same replacement", async () => {
    const { cache, requests, answer } = await waiting();
    const leaving = new AbortController();
    const abortedCall = rejectionOf(refuse(cache, "a", leaving.signal));
    const others = [refuse(cache, "a"), refuse(cache, "b", new AbortController().signal)];
    leaving.abort();
    expect((await abortedCall).code).toBe("aborted");
    answer({});
    expect((await Promise.all(others)).map(resent)).toEqual(["token-2", "token-2"]);
    expect(requests[1]?.aborted).toBe(false);
    expect(cache.refused.hasSuspects).toBe(false);
  });

  test("a replacement goes on after its caller aborted, and later calls join it", async () => {
    const { cache, clock, answer } = await waiting();
    const leaving = new AbortController();
    const abortedCall = rejectionOf(refuse(cache, "a", leaving.signal));
    leaving.abort();
    await abortedCall;
    answer(refusal());
    await clock.settle();
    expect(held(cache).accessToken).toBe("token-1");
    expect(clock.pending).toEqual([]);
  });
});

describe("precedence over the limits", () => {
  test("a forced refresh ignores the hold, and suspects are sent again with its token", async () => {
    const { cache, requests } = await open();
    await refuseTwice(cache, "bad");
    const token = held(cache);
    expect(await refuse(cache, "bad")).toEqual({ kind: "none" });
    expect((await cache.getToken(forced)).accessToken).toBe("token-3");
    expect(resent(await cache.refused.replace({ token, kind: "bad" }))).toBe("token-3");
    expect(requests).toHaveLength(3);
  });

  test("a suspect joins a request in flight despite the hold", async () => {
    const { cache } = await open();
    await refuseTwice(cache, "bad");
    const call = refuse(cache, "good");
    expect(resent(await refuse(cache, "bad"))).toBe("token-3");
    expect(resent(await call)).toBe("token-3");
  });

  test("during a cool-down no refusal causes a request", async () => {
    const { cache, clock, requests } = await open({
      answer: (n) => (n === 0 ? { expiresIn: 60 } : outage()),
    });
    await clock.advance(56 * second);
    expect((await cache.getToken(demand)).accessToken).toBe("token-1");
    expect(cache.snapshot().state).toBe("cooldown");
    const before = requests.length;
    expect(await refuse(cache, "a")).toEqual({ kind: "none" });
    expect(requests).toHaveLength(before);
    await clock.advance(second);
    expect(await refuse(cache, "a")).toMatchObject({ kind: "none", error: { code: "unavailable" } });
    expect(requests).toHaveLength(before + 1);
  });

  test("after stop() no refusal causes a request", async () => {
    const { cache, requests, clock } = await open();
    await cache.stop(5 * second);
    expect(await refuse(cache, "a")).toEqual({ kind: "none" });
    cache.refused.replaceForOthers({ token: held(cache), kind: "stream" });
    expect(requests).toHaveLength(1);
    expect(clock.pending).toEqual([]);
  });

  test("stop() ends the wait for a request that does not end", async () => {
    const { cache, clock } = await waiting();
    const call = refuse(cache, "a");
    const stopped = cache.stop(5 * second);
    await clock.advance(5 * second);
    expect(await call).toMatchObject({ kind: "none", error: { code: "stopped" } });
    await stopped;
    expect(clock.pending).toEqual([]);
  });
});
