// Tests against a server that accepts each refresh token once, returns a successor, and revokes the whole family if a
// token is used a second time.
import { expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { Secret } from "../../../src/lib/secret.js";
import { failureError } from "../../../src/net/failure.js";
import type { IssuedToken } from "../../../src/oauth/issued-token.js";
import type { Redemption } from "../../../src/oauth/refresh-token-store.js";
import { refreshTokenKey } from "../../../src/sharing/refresh-token-entry.js";
import { StoredRefreshTokens } from "../../../src/sharing/stored-refresh-tokens.js";
import { createMemoryStore, MemoryData } from "../../../src/stores/memory.js";
import { SharedStore } from "../../../src/stores/shared-store.js";
import type { TokenStore } from "../../../src/stores/store.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";

const family = {
  ...{ server: "tools", issuer: "https://auth.example", clientId: "agent", url: "https://tools.example/mcp" },
  seed: new Secret("r0"),
};
const key = refreshTokenKey(family);
const timeout = 1_000;
/** Milliseconds that other processes wait beyond the timeout of a request. */
const margin = 5_000;
const timedOut = () => failureError("tools", { code: "timeout", detail: "too late.", retryable: true });

/** A server that records the refresh tokens that it gets. */
function strictServer() {
  const seen: string[] = [];
  let latest = 0;
  let reused = false;
  return {
    seen,
    get reused() {
      return reused;
    },
    /** Redeems a refresh token and returns the number of its successor. */
    take(token: Secret): number {
      seen.push(token.reveal());
      if (token.reveal() !== `r${latest}`) reused = true;
      latest += 1;
      return latest;
    },
  };
}

function issued(number: number): IssuedToken {
  return { accessToken: `t${number}`, tokenType: "Bearer", requestedAt: 0, scopes: [] };
}

function world() {
  const clock = fakeClock();
  const data = new MemoryData();
  const server = strictServer();
  const memory = (): TokenStore => createMemoryStore({ data, clock });

  async function redeemAtServer({ current, sending, answered }: Redemption): Promise<IssuedToken> {
    await sending();
    const number = server.take(current);
    answered(200, new Secret(`r${number}`));
    return issued(number);
  }

  /** Creates another process with the same data. */
  function process(store = memory(), own: Pick<typeof clock, "now" | "setTimeout"> = clock) {
    const shared = new SharedStore({ store, keys: false, lease: 10_000, clock: own });
    const refreshTokens = new StoredRefreshTokens({ store: shared, clock: own });
    const redeem = async (use = redeemAtServer, signal = new AbortController().signal): Promise<string> =>
      (await refreshTokens.redeem(family, { timeout, signal }, use)).accessToken;
    const replace = async (token: string, signal = new AbortController().signal): Promise<void> =>
      await refreshTokens.replace(family, new Secret(token), signal);
    return { shared, refreshTokens, redeem, replace };
  }

  /** Creates a process whose store fails after the first redemption, until `state.down` is false. */
  function losing() {
    const state = { down: false };
    const whole = memory();
    const set: TokenStore["set"] = async (...args) => {
      if (state.down) throw Object.assign(new Error("a secret of the library"), { code: "ENOSPC" });
      return await whole.set(...args);
    };
    const { shared, redeem } = process({ ...whole, set });
    const loses = async (redemption: Redemption): Promise<IssuedToken> => {
      const token = await redeemAtServer(redemption);
      state.down = true;
      return token;
    };
    return { state, shared, redeem: () => redeem(loses) };
  }

  return { clock, data, server, memory, process, losing };
}

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    (value) => value,
    (error: unknown) => (error instanceof McpAuthError ? error.code : error),
  );

test("each process redeems the successor of the previous refresh token", async () => {
  const { process, server } = world();
  const [one, other] = [process(), process()];
  expect([await one.redeem(), await other.redeem(), await one.redeem()]).toEqual(["t1", "t2", "t3"]);
  expect(server.seen).toEqual(["r0", "r1", "r2"]);
});

test("a successor that is not written yet is not redeemed, is written in the background, and is redeemed next", async () => {
  const { process, losing, server, clock } = world();
  const { redeem, state } = losing();
  const first = codeOf(redeem());
  await clock.advance(10_000);
  expect(await first).toBe("store_unavailable");
  state.down = false;
  await clock.advance(1_500);
  expect(await process().redeem()).toBe("t2");
  expect([server.seen, server.reused]).toEqual([["r0", "r1"], false]);
});

test("a caller that waits for the write of a successor gets it after the write", async () => {
  const { process, server, memory, clock } = world();
  let failures = 0;
  const whole = memory();
  const one = process({
    ...whole,
    async set(name, value, options) {
      if (server.seen.length === 1 && failures < 3) {
        failures += 1;
        throw new Error("down");
      }
      return await whole.set(name, value, options);
    },
  });
  const first = one.redeem();
  await clock.advance(3_000);
  expect([await first, failures]).toEqual(["t1", 3]);
});

test("a successor is written although the circuit breaker is open after another failure", async () => {
  const { process, server, memory } = world();
  let failing = false;
  const whole = memory();
  const one = process({
    ...whole,
    async get(name) {
      if (failing) throw new Error("down");
      return await whole.get(name);
    },
  });
  await one.redeem(async (redemption) => {
    await redemption.sending();
    failing = true;
    await one.shared.read("token.other").catch(() => {});
    failing = false;
    const number = server.take(redemption.current);
    redemption.answered(200, new Secret(`r${number}`));
    return issued(number);
  });
  expect(await process().redeem()).toBe("t2");
  expect(server.reused).toBe(false);
});

test("a process whose lease ended during an outage still writes the successor, under a new lease", async () => {
  const { process, server, data, clock } = world();
  const one = process();
  const first = one.redeem(async ({ current, sending, answered }) => {
    await sending();
    const number = server.take(current);
    answered(200, new Secret(`r${number}`));
    // Another process had the lock in the meantime, and found the token in flight.
    data.fences.set(key, (data.fences.get(key) ?? 0) + 1);
    return issued(number);
  });
  const outcome = codeOf(first);
  await clock.advance(6_000);
  expect(await outcome).toBe("store_unavailable");
  await clock.advance(1_000);
  expect(await process().redeem()).toBe("t2");
  expect(server.reused).toBe(false);
});

test("a caller that aborts after the request was sent leaves the successor to be written", async () => {
  const { process, server } = world();
  const caller = new AbortController();
  const first = process().redeem(async ({ current, sending, answered, signal }) => {
    await sending();
    caller.abort();
    expect(signal.aborted).toBe(false);
    const number = server.take(current);
    answered(200, new Secret(`r${number}`));
    return issued(number);
  }, caller.signal);
  expect(await first).toBe("t1");
  expect([await process().redeem(), server.reused]).toEqual(["t2", false]);
});

test("a caller that aborts before the request sends nothing", async () => {
  const { process, server } = world();
  const caller = new AbortController();
  const first = process().redeem(async ({ current, sending, signal }) => {
    caller.abort();
    expect(signal.aborted).toBe(true);
    await sending();
    return issued(server.take(current));
  }, caller.signal);
  expect([await codeOf(first), server.seen]).toEqual(["store_unavailable", []]);
  expect(await process().redeem()).toBe("t1");
});

test("a process that lost its lease before the request sends nothing", async () => {
  const { process, server, memory } = world();
  const lost = new AbortController();
  const whole = memory();
  const one = process({
    ...whole,
    withLock: (name, ttl, run) =>
      whole.withLock(name, ttl, ({ fence }) => run({ fence, signal: lost.signal })),
  });
  const first = one.redeem(async ({ current, sending }) => {
    lost.abort();
    await sending();
    return issued(server.take(current));
  });
  expect([await codeOf(first), server.seen]).toEqual(["store_unavailable", []]);
});

test.each([
  ["it is unknown whether the request arrived", (): unknown => timedOut(), undefined, margin],
  ["a gateway responds with 504", (): unknown => timedOut(), 504, margin],
  ["the server responds with 503", (): unknown => timedOut(), 503, 0],
  [
    "there was no connection",
    (): unknown =>
      failureError("tools", { code: "unavailable", detail: "gone.", retryable: true, neverArrived: true }),
    undefined,
    0,
  ],
])("a refresh token is sent again, after a wait if necessary, if %s", async (_name, thrown, status, wait) => {
  const { process, server, clock } = world();
  const one = process();
  const first = one.redeem(async ({ sending, answered }) => {
    await sending();
    if (status !== undefined) answered(status, undefined);
    throw thrown();
  });
  expect(await codeOf(first)).toMatch(/timeout|unavailable/);
  for (const agent of [one, process()]) {
    let isDone = false;
    const again = agent.redeem().then(() => {
      isDone = true;
    });
    const before = server.seen.length;
    await clock.settle();
    await clock.advance(Math.max(wait - 1, 0));
    expect(isDone).toBe(wait === 0 || before > 0);
    await clock.advance(1_000);
    await again;
  }
  expect([server.seen, server.reused]).toEqual([["r0", "r1"], false]);
});

test.each([
  ["with the same clock", 0],
  ["with a clock that is ahead", 70_000],
  ["with a clock that is behind", -70_000],
])(
  "the refresh token of a process that died during its request is sent again once no response can arrive, %s",
  async (_name, shift) => {
    const { process, server, clock, data, memory } = world();
    const dying = process({
      ...memory(),
      // The lock ended with the process.
      async withLock(name, _ttl, run) {
        const fence = (data.fences.get(name) ?? 0) + 1;
        data.fences.set(name, fence);
        return { acquired: true, value: await run({ fence, signal: new AbortController().signal }) };
      },
    });
    const forever = deferred<IssuedToken>();
    void dying.redeem(async ({ sending }) => {
      await sending();
      return await forever.promise;
    });
    await clock.settle();
    let locks = 0;
    const whole = memory();
    const counted: TokenStore = {
      ...whole,
      withLock: (name, ttl, run) => {
        locks += 1;
        return whole.withLock(name, ttl, run);
      },
    };
    const other = process(counted, { now: () => clock.now() + shift, setTimeout: clock.setTimeout });
    let token: string | undefined;
    const redeemed = other.redeem().then((given) => {
      token = given;
    });
    await clock.advance(timeout + margin - 1);
    expect([token, locks, server.seen]).toEqual([undefined, 0, []]);
    await clock.advance(1_000);
    await redeemed;
    expect([token, locks, server.seen]).toEqual(["t1", 1, ["r0"]]);
  },
);

test("a refresh token that another process wrote in the meantime is not overwritten", async () => {
  const { losing, clock, data } = world();
  const { redeem, state } = losing();
  const first = codeOf(redeem());
  await clock.advance(6_000);
  expect(await first).toBe("store_unavailable");
  const text = JSON.stringify({ v: 1, refreshToken: "of somebody else" });
  data.entries.set(key, { value: text, expiresAt: Number.POSITIVE_INFINITY });
  state.down = false;
  await clock.advance(5_000);
  expect(data.entries.get(key)?.value).toBe(text);
});

test.each([
  ["of a later version", JSON.stringify({ v: 2, token: "of somebody else" }), /a later version of .* wrote/],
  ["that is damaged", "damaged", /could not read the refresh token/],
])(
  "an entry %s, written under a later lease, ends the writing and is reported next",
  async (_, value, message) => {
    const { process, server, data, clock } = world();
    const one = process();
    const first = one.redeem(async ({ current, sending, answered }) => {
      await sending();
      const number = server.take(current);
      answered(200, new Secret(`r${number}`));
      data.fences.set(key, (data.fences.get(key) ?? 0) + 1);
      data.entries.set(key, { value, expiresAt: Number.POSITIVE_INFINITY });
      return issued(number);
    });
    const outcome = codeOf(first);
    await clock.advance(6_000);
    expect(await outcome).toBe("store_unavailable");
    // The lock is free now.
    await clock.advance(1_000);
    const next = rejectionOf(one.redeem());
    await clock.advance(6_000);
    const error = await next;
    expect(error).toMatchObject({ code: "store_unavailable", retryable: false });
    expect(error.message).toMatch(message);
    expect(data.entries.get(key)?.value).toBe(value);
    expect(server.seen).toEqual(["r0"]);
  },
);

test("an unwritten successor is tried once more when the store is closed", async () => {
  const { process, losing, server, clock } = world();
  const { redeem, state, shared } = losing();
  const first = codeOf(redeem());
  await clock.advance(6_000);
  expect(await first).toBe("store_unavailable");
  state.down = false;
  const closed = shared.close();
  await clock.advance(1_000);
  await closed;
  expect([await process().redeem(), server.reused]).toEqual(["t2", false]);
});

test("a store that is full during a rotation is named as the reason, also to later callers", async () => {
  const { losing, clock } = world();
  const { redeem } = losing();
  for (const _call of ["the one that redeems", "the next"]) {
    const outcome = redeem().catch((error: unknown) => error);
    await clock.advance(6_000);
    expect(await outcome).toMatchObject({
      ...{ code: "store_unavailable", server: "tools", retryable: true },
      message:
        'Server "tools": the store of the config cannot be used: no space is left (ENOSPC). Make room there.',
    });
  }
});

test("a successor is tried for as long as the grace period lasts when the store is closed", async () => {
  const { process, losing, server, clock } = world();
  const { redeem, state, shared } = losing();
  const first = codeOf(redeem());
  await clock.advance(6_000);
  expect(await first).toBe("store_unavailable");
  let isClosed = false;
  const closed = shared.close(5_000).then(() => {
    isClosed = true;
  });
  await clock.advance(2_000);
  expect(isClosed).toBe(false);
  state.down = false;
  await clock.advance(1_500);
  await closed;
  expect([await process().redeem(), server.reused]).toEqual(["t2", false]);
  expect(clock.pending).toEqual([]);
});

test("a store that cannot be written is closed at the end of the grace period and not earlier", async () => {
  const { losing, clock } = world();
  const { redeem, shared } = losing();
  const first = codeOf(redeem());
  await clock.advance(6_000);
  expect(await first).toBe("store_unavailable");
  let isClosed = false;
  const closed = shared.close(5_000).then(() => {
    isClosed = true;
  });
  await clock.advance(4_999);
  expect(isClosed).toBe(false);
  await clock.advance(1_001);
  await closed;
  expect(clock.pending).toEqual([]);
});

test("the refresh token of a new sign-in is redeemed next, by every process", async () => {
  const { process } = world();
  const [one, other] = [process(), process()];
  const seen: string[] = [];
  const use = async ({ current, sending, answered }: Redemption): Promise<IssuedToken> => {
    await sending();
    seen.push(current.reveal());
    answered(200, undefined);
    return issued(1);
  };
  await one.redeem();
  await other.replace("signed-in");
  await one.redeem(use);
  await other.redeem(use);
  expect(seen).toEqual(["signed-in", "signed-in"]);
});

test("a redemption in flight ends before a new sign-in is stored, and its successor is not used", async () => {
  const { process, clock } = world();
  const [one, other] = [process(), process()];
  const answer = deferred<void>();
  const redeeming = one.redeem(async ({ sending, answered }) => {
    await sending();
    await answer.promise;
    answered(200, new Secret("r1"));
    return issued(1);
  });
  await clock.settle();
  const replacing = other.replace("signed-in");
  await clock.advance(200);
  answer.resolve();
  await clock.advance(3_000);
  await Promise.all([redeeming, replacing]);
  let current = "";
  await one.redeem(async (redemption) => {
    current = redemption.current.reveal();
    return issued(2);
  });
  expect(current).toBe("signed-in");
});

test("a new sign-in is stored although the store fails at first, and not for ever", async () => {
  const { process, memory, clock } = world();
  let failures = 0;
  let broken = 3;
  const whole = memory();
  const one = process({
    ...whole,
    async set(name, value, options) {
      if (failures < broken) {
        failures += 1;
        throw new Error("down");
      }
      return await whole.set(name, value, options);
    },
  });
  const stored = codeOf(one.replace("signed-in"));
  await clock.advance(30_000);
  expect(await stored).toBe(undefined);
  broken = Number.POSITIVE_INFINITY;
  const lost = codeOf(one.replace("signed-in"));
  await clock.advance(60_000);
  expect(await lost).toBe("store_unavailable");
});

test("an abort ends the wait for a store in use", async () => {
  const { process, clock } = world();
  const { shared, replace } = process();
  const free = deferred<void>();
  const locked = shared.withLock(key, () => free.promise);
  const interrupt = new AbortController();
  const replacing = codeOf(replace("signed-in", interrupt.signal));
  await clock.advance(100);
  interrupt.abort();
  await clock.settle();
  expect(await replacing).toBe("aborted");
  free.resolve();
  await locked;
});

test("without a seed, nothing is redeemed before somebody has signed in, and each MCP server has its own family", async () => {
  const { process } = world();
  const { refreshTokens } = process();
  const crm = { ...family, seed: undefined, url: "https://crm.example/mcp", server: "crm" };
  const erp = { ...crm, url: "https://erp.example/mcp", server: "erp" };
  const limits = { timeout, signal: new AbortController().signal };
  const use = async ({ current }: Redemption) => ({ ...issued(1), accessToken: current.reveal() });
  const error = await rejectionOf(refreshTokens.redeem(crm, limits, use));
  expect(error).toMatchObject({ code: "secret_unavailable", server: "crm", retryable: false });
  expect(error.message).toMatch(/Sign in once: npx mcp-auth-runtime login crm$/);
  await refreshTokens.replace(crm, new Secret("of-crm"), limits.signal);
  expect((await refreshTokens.redeem(crm, limits, use)).accessToken).toBe("of-crm");
  expect(await codeOf(refreshTokens.redeem(erp, limits, use))).toBe("secret_unavailable");
});
