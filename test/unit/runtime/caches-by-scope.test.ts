import { expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { CachesByScope } from "../../../src/runtime/caches-by-scope.js";
import { TokenCache } from "../../../src/tokens/cache.js";
import { Token } from "../../../src/tokens/token.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";

/** Creates caches over a source whose tokens are named after their scopes, and records the requested scopes. */
function world(scopes?: readonly string[]) {
  const clock = fakeClock(0);
  const opened = deferred<void>();
  const requested: string[] = [];
  const issue = (wanted: readonly string[] | undefined): Token => {
    const now = clock.now();
    const accessToken = `for ${wanted?.join("+") ?? "the config"}`;
    const lifetime = { requestedAt: now, expiresAt: now + 3_600_000 };
    return new Token({ accessToken, tokenType: "Bearer", ...lifetime, scopes: wanted ?? [], issuer: "i" });
  };
  const caches = new CachesByScope({
    scopes,
    onPlan: () => {},
    createCache: (wanted, onPlan) =>
      new TokenCache({
        ...{ server: "crm", issuer: "i", clock, onPlan, report: () => {} },
        policy: { ahead: undefined, jitter: 0, random: () => 0 },
        source: {
          async getToken({ signal }) {
            await opened.promise;
            requested.push(wanted?.join("+") ?? "*");
            if (signal.aborted) throw new McpAuthError("aborted", "Called off.");
            return issue(wanted);
          },
        },
      }),
  });
  const get = async (wanted: readonly string[] | undefined) =>
    (await caches.of(wanted).getToken({ reason: "demand" })).accessToken;
  return { clock, caches, get, requested, open: () => opened.resolve() };
}

test("the scope * is a scope like any other, and does not stand for the scopes of the config", async () => {
  const { get, open } = world();
  open();
  expect(await get(undefined)).toBe("for the config");
  expect(await get(["*"])).toBe("for *");
});

test("the order and duplicates of scopes do not matter, and an empty list has its own cache", async () => {
  const { get, requested, open } = world();
  open();
  for (const set of [["a", "b"], ["b", "a"], ["a", "b", "a"], [], []]) await get(set);
  expect(requested).toEqual(["a+b", ""]);
});

test("a later change of the caller's list has no effect, and each scope is requested once", async () => {
  const { get, requested, open } = world();
  const list = ["read", "write", "read"];
  const answer = get(list);
  list.push("admin");
  open();
  expect(await answer).toBe("for read+write");
  expect(requested).toEqual(["read+write"]);
});

test("callers of one scope set share its request, however many other caches have requests in flight", async () => {
  const { get, requested, open } = world();
  const many = Array.from({ length: 150 }, (_, number) => [`s${number}`]);
  const answers = [...many, ...many].map(get);
  open();
  await Promise.all(answers);
  expect(requested).toHaveLength(150);
});

test("caches beyond the limit are dropped once no caller waits for them, except the default one", async () => {
  const { caches, get, requested, open } = world(["own"]);
  const many = Array.from({ length: 1_000 }, (_, number) => [`s${number}`]);
  open();
  await get(["own"]);
  await Promise.all(many.map(get));
  await get(["one more"]);
  requested.length = 0;
  for (const set of many) await get(set);
  // No more than the limit were kept of the caches that were created at once.
  expect(requested.length).toBeGreaterThanOrEqual(900);
  expect((await caches.defaultCache.getToken({ reason: "demand" })).accessToken).toBe("for own");
  expect(requested).not.toContain("own");
});

test("stop() ends the requests of all caches, however many are in flight", async () => {
  const { clock, get, caches, open } = world();
  const many = Array.from({ length: 150 }, (_, number) => [`s${number}`]);
  const answers = Promise.allSettled(many.map(get));
  const stopped = caches.stop(5_000);
  await clock.advance(5_000);
  open();
  await stopped;
  for (const answer of await answers) {
    expect(answer).toMatchObject({ status: "rejected", reason: { code: "stopped" } });
  }
});

test("a clock that was set back makes no token live longer, of any scope set or after a takeover", async () => {
  const { clock, caches, get, open } = world();
  open();
  await get(["a"]);
  await clock.advance(3_000_000);
  clock.jump(-2_000_000);
  caches.clockSetBack(2_000_000);
  const next = world();
  await next.clock.advance(1_000_000);
  next.caches.takeOver(caches);
  const expiries = [caches, next.caches].map((each) => each.of(["a"]).snapshot().expiresAt);
  expect(expiries).toEqual([1_600_000, 1_600_000]);
});
