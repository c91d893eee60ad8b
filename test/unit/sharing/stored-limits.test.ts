// Refused tokens of processes that share a store.

import { describe, expect, test } from "vitest";
import type { Clock } from "../../../src/lib/clock.js";
import { pause } from "../../../src/lib/wait.js";
import { createMemoryStore, MemoryData } from "../../../src/stores/memory.js";
import type { TokenStore } from "../../../src/stores/store.js";
import type { TokenCache } from "../../../src/tokens/cache.js";
import { grantSource } from "../../../src/tokens/grant-source.js";
import type { AfterRefusal } from "../../../src/tokens/refused-tokens.js";
import type { Token } from "../../../src/tokens/token.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";
import { assertNoUnhandledRejection } from "../../support/no-unhandled-rejection.js";
import { issued, issuer, outage, prepared, second, server } from "../tokens/fixtures.js";
import { type StoredCache, storedCache } from "./stored-cache.js";

assertNoUnhandledRejection();

const demand = { reason: "demand" } as const;
const forced = { reason: "forced" } as const;

interface Machine {
  readonly clock: FakeClock;
  /** The times of the token requests. */
  readonly requests: number[];
  /** The authorization server. */
  readonly tokens: { isUp: boolean };
  /** Creates a process with a token that lives an hour, from the store if there is one. */
  process(options?: { readonly latency?: number; readonly isStored?: boolean }): Promise<StoredCache>;
}

function machine(): Machine {
  const clock = fakeClock();
  const data = new MemoryData();
  const requests: number[] = [];
  const tokens = { isUp: true };
  const leaf = grantSource(
    prepared(async () => {
      const accessToken = `token-${requests.push(clock.now())}`;
      if (!tokens.isUp) throw outage();
      return issued({ accessToken, expiresIn: 3_600, requestedAt: clock.now() });
    }),
    { server, issuer, clock, assumedLifetime: second, report: () => {} },
  );
  return {
    ...{ clock, requests, tokens },
    async process({ latency = 0, isStored = true } = {}) {
      const store = createMemoryStore({ clock, data });
      const process = storedCache({ clock, isStored, store: slow(store, clock, latency), attempt: leaf });
      await settled(clock, process.cache.getToken(demand));
      return process;
    },
  };
}

/** A store that takes this many milliseconds for each lock. */
function slow(store: TokenStore, clock: Clock, latency: number): TokenStore {
  return {
    ...store,
    async withLock(key, ttl, run) {
      if (latency > 0) await pause(latency, { clock });
      return await store.withLock(key, ttl, run);
    },
  };
}

/** Advances the clock until a promise resolves, and returns its value. */
async function settled<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  await clock.advance(200);
  return await promise;
}

function held(cache: TokenCache): Token {
  const { latest } = cache;
  if (latest === undefined) throw new TypeError("There is no token.");
  return latest;
}

function refuse({ cache }: StoredCache, kind: string): Promise<AfterRefusal> {
  return cache.refused.replace({ token: held(cache), kind });
}

/** The server refuses the current token, and the new one too. */
async function refuseTwice(process: StoredCache, kind: string): Promise<AfterRefusal> {
  const next = await refuse(process, kind);
  if (next.kind === "resend") next.replacement?.failed(kind);
  return next;
}

function resent(after: AfterRefusal): string | undefined {
  return after.kind === "resend" ? after.token.accessToken : undefined;
}

describe("limits in a store", () => {
  test("a process takes the token with which another process replaced the refused one, without a request", async () => {
    const { process, requests } = machine();
    const [one, other] = [await process(), await process()];
    expect(resent(await refuse(one, "a"))).toBe("token-2");
    const after = await refuse(other, "a");
    expect(after).toMatchObject({ kind: "resend", token: { isShared: true } });
    expect(resent(after)).toBe("token-2");
    expect(requests).toHaveLength(2);
  });

  test("processes share the allowance", async () => {
    const { process, requests, clock } = machine();
    const [one, other] = [await process(), await process()];
    for (let count = 0; count < 5; count += 1) await refuse(one, "a");
    expect(requests).toHaveLength(6);
    expect(resent(await refuse(other, "a"))).toBe("token-6");
    expect(await refuse(other, "a")).toEqual({ kind: "none" });
    expect(requests).toHaveLength(6);
    await clock.advance(10 * second);
    expect(resent(await refuse(other, "a"))).toBe("token-7");
  });

  test("processes share the hold, and a request of one begins the next hold for all", async () => {
    const { process, requests, clock } = machine();
    const [one, other] = [await process(), await process()];
    await refuseTwice(one, "bad");
    await refuseTwice(other, "bad");
    await clock.advance(second);
    expect(resent(await refuse(one, "bad"))).toBe("token-3");
    await other.cache.getToken(demand);
    expect(resent(await refuse(other, "bad"))).toBe("token-3");
    expect(await refuse(other, "bad")).toEqual({ kind: "none" });
    expect(requests).toHaveLength(3);
  });

  test("a token that many processes took and that helped none counts as one failure", async () => {
    const { process, requests, clock } = machine();
    const last = await process();
    for (const each of [await process(), await process(), await process(), last])
      await refuseTwice(each, "bad");
    await clock.settle();
    expect(requests).toHaveLength(2);
    await clock.advance(second);
    expect(resent(await refuse(last, "bad"))).toBe("token-3");
  });

  test("an accepted suspect does not shorten the hold of any process", async () => {
    const { process, clock } = machine();
    const [one, other] = [await process(), await process()];
    await refuseTwice(one, "bad");
    for (let failures = 1; failures < 4; failures += 1) {
      await clock.advance(8 * second);
      await refuseTwice(one, "bad");
    }
    await refuseTwice(other, "worse");
    one.cache.refused.accepted("worse");
    other.cache.refused.accepted("good");
    await clock.advance(8 * second - 1);
    expect(await refuse(one, "bad")).toEqual({ kind: "none" });
    expect(await refuse(other, "worse")).toEqual({ kind: "none" });
    one.cache.refused.accepted("bad");
    await clock.settle();
    expect(one.cache.refused.hasSuspects).toBe(false);
    expect(other.cache.refused.hasSuspects).toBe(true);
    await refuseTwice(one, "bad");
    await clock.advance(15 * second);
    expect(await refuse(one, "bad")).toEqual({ kind: "none" });
    await clock.advance(second);
    expect((await refuse(one, "bad")).kind).toBe("resend");
  });

  test("a new credential ends the hold of all processes, whichever notices it first", async () => {
    const { process, clock } = machine();
    const [one, other] = [await process(), await process()];
    for (let failures = 0; failures < 4; failures += 1) {
      await refuseTwice(one, "bad");
      await clock.advance(8 * second);
    }
    other.cache.credentialChanged();
    await clock.settle();
    await refuseTwice(one, "bad");
    await clock.settle();
    await clock.advance(second);
    expect((await refuse(one, "bad")).kind).toBe("resend");
  });

  test("a kind stays a suspect if the store has no limits yet", async () => {
    const { process, clock } = machine();
    const one = await process();
    const refresh = one.cache.getToken(forced);
    const call = refuse(one, "bad");
    await refresh;
    const after = await call;
    if (after.kind === "resend") after.replacement?.failed("bad");
    await clock.settle();
    expect(one.cache.refused.hasSuspects).toBe(true);
  });

  describe("withheld requests", () => {
    async function withheld() {
      const opened = machine();
      const { process, clock, tokens } = opened;
      const [one, other] = [await process(), await process({ latency: 50 })];
      await refuseTwice(one, "bad");
      await settled(clock, refuseTwice(other, "bad"));
      await clock.advance(second);
      tokens.isUp = false;
      await refuse(one, "bad");
      tokens.isUp = true;
      return { ...opened, process: other, suspect: refuse(other, "bad") };
    }

    test("a withheld request leaves the response to the kind that it was for", async () => {
      const { clock, suspect, requests } = await withheld();
      expect(await settled(clock, suspect)).toEqual({ kind: "none" });
      expect(requests).toHaveLength(3);
    });

    test("a withheld request is followed by another for a kind that joined and is no suspect", async () => {
      const { clock, process, suspect, requests } = await withheld();
      const joined = refuse(process, "good");
      expect(resent(await settled(clock, joined))).toBe("token-4");
      expect(requests).toHaveLength(4);
      expect((await suspect).kind).toBe("none");
    });

    test("a withheld request is followed by another for callers with another reason", async () => {
      const { clock, process } = await withheld();
      const refresh = process.cache.getToken(forced);
      expect((await settled(clock, refresh)).accessToken).toBe("token-4");
    });
  });

  test("a token that is not stored has an allowance in its process", async () => {
    const { process, requests, clock } = machine();
    const one = await process({ isStored: false });
    for (let count = 0; count < 8; count += 1) await refuse(one, `kind-${count}`);
    expect(requests).toHaveLength(1 + 5);
    await clock.advance(10 * second);
    expect(resent(await refuse(one, "a"))).toBe("token-7");
  });

  test("no timer or listener remains after shared limits were used", async () => {
    const { process, clock } = machine();
    const [one, other] = [await process(), await process({ latency: 50 })];
    for (const each of [one, other, one]) await settled(clock, refuseTwice(each, "bad"));
    one.cache.refused.accepted("bad");
    await settled(clock, Promise.all([one.stop(), other.stop()]));
    await clock.advance(20 * second);
    expect(clock.pending).toEqual([]);
  });
});
