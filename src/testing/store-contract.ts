import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Lease, TokenStore } from "../stores/store.js";

export interface StoreUnderTest {
  /** Opens the store. Each call returns a new instance over the same data, as another process would have. */
  readonly open: () => TokenStore | Promise<TokenStore>;
  /** The shortest lease that the store keeps, in milliseconds; 2000 by default. */
  readonly lease?: number;
}

/** One requirement, for any test runner. `run` rejects with an `AssertionError` if the store does not meet it. */
export interface StoreRequirement {
  readonly name: string;
  readonly run: () => Promise<void>;
}

type Check = (
  stores: { readonly one: TokenStore; readonly other: TokenStore },
  lease: number,
) => Promise<void>;

/** Milliseconds within which another instance must notice a change. */
const noticeTimeout = 10_000;

/**
 * Returns the requirements of a token store as tests for any runner. Every test uses its own keys, so the data need not
 * be empty, and closes the stores that it opened.
 *
 * @example
 * ```ts
 * for (const { name, run } of storeContract({ open: () => myStore(url) })) test(name, run);
 * ```
 */
export function storeContract({ open, lease = 2_000 }: StoreUnderTest): readonly StoreRequirement[] {
  return Object.entries(requirements).map(([name, check]) => ({
    name,
    async run() {
      const one = await open();
      const other = await open();
      try {
        await check({ one, other }, lease);
      } finally {
        await Promise.all([one.close(), other.close()]);
      }
    },
  }));
}

function newKey(prefix = "contract"): string {
  return `${prefix}.${randomUUID()}`;
}

const requirements: Readonly<Record<string, Check>> = {
  async "a value that one instance sets is read by another, byte for byte"({ one, other }) {
    const key = newKey();
    const value = `{"a":"\u00e9\u{1f511} \\n\n\t"}${"x".repeat(64 * 1_024)}\n`;
    assert.equal(await one.set(key, value), true);
    assert.equal((await other.get(key))?.value, value);
  },

  async "a key that was never set has no value"({ one }) {
    assert.equal(await one.get(newKey()), undefined);
  },

  async "the latest value is read, whichever instance set it"({ one, other }) {
    const key = newKey();
    await one.set(key, "first");
    await other.set(key, "second");
    assert.equal((await one.get(key))?.value, "second");
  },

  async "one of several values that are set at the same time is kept whole"({ one, other }) {
    const key = newKey();
    const values = Array.from({ length: 20 }, (_, number) => String(number).repeat(10_000));
    await Promise.all(values.map((value, number) => (number % 2 === 0 ? one : other).set(key, value)));
    assert.ok(values.includes((await one.get(key))?.value ?? ""));
  },

  async "a value that was set without an expiry has none"({ one }) {
    const key = newKey();
    await one.set(key, "stays");
    assert.equal((await one.get(key))?.expiresIn, undefined);
  },

  async "a value reports the time until it expires"({ one, other }) {
    const key = newKey();
    await one.set(key, "goes", { expiresIn: 60_000 });
    const { expiresIn = Number.NaN } = (await other.get(key)) ?? {};
    assert.ok(expiresIn > 30_000 && expiresIn <= 60_001, `expiresIn is ${expiresIn}`);
  },

  async "an expired value is gone"({ one, other }) {
    const key = newKey();
    await one.set(key, "goes", { expiresIn: 200 });
    await until(async () => (await other.get(key)) === undefined);
  },

  async "a value that is set again has the new expiry, or none if it is set without one"({ one }) {
    const key = newKey();
    await one.set(key, "short", { expiresIn: 5_000 });
    await one.set(key, "long", { expiresIn: 600_000 });
    assert.ok(((await one.get(key))?.expiresIn ?? 0) > 60_000);
    await one.set(key, "stays");
    assert.equal((await one.get(key))?.expiresIn, undefined);
  },

  async "a deleted value is gone, and can be deleted again"({ one, other }) {
    const key = newKey();
    await one.set(key, "value");
    await other.delete(key);
    assert.equal(await one.get(key), undefined);
    await one.delete(key);
  },

  async "compareAndDelete deletes the given value and no other"({ one, other }) {
    const key = newKey();
    assert.equal(await one.compareAndDelete(key, "value"), false);
    await one.set(key, "value");
    assert.equal(await other.compareAndDelete(key, "another"), false);
    assert.equal((await one.get(key))?.value, "value");
    assert.equal(await other.compareAndDelete(key, "value"), true);
    assert.equal(await one.get(key), undefined);
  },

  async "compareAndDelete returns true to exactly one of many concurrent callers"({ one, other }) {
    const key = newKey();
    await one.set(key, "value");
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, number) =>
        (number % 2 === 0 ? one : other).compareAndDelete(key, "value"),
      ),
    );
    assert.equal(answers.filter(Boolean).length, 1);
  },

  async "withLock returns the result of its function and releases the lock"({ one, other }, lease) {
    const key = newKey();
    assert.deepEqual(await one.withLock(key, lease, async () => "done"), { acquired: true, value: "done" });
    assert.deepEqual(await other.withLock(key, lease, async () => "too"), { acquired: true, value: "too" });
  },

  async "a lock has one holder, and others get an answer without waiting"({ one, other }, lease) {
    const key = newKey();
    const outcome = await one.withLock(key, lease, async () => ({
      same: await one.withLock(key, lease, async () => "mine"),
      other: await other.withLock(key, lease, async () => "mine"),
    }));
    assert.deepEqual(outcome, {
      acquired: true,
      value: { same: { acquired: false }, other: { acquired: false } },
    });
  },

  async "exactly one of many concurrent callers gets a lock"({ one, other }, lease) {
    const key = newKey();
    let holders = 0;
    let most = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        (number % 2 === 0 ? one : other).withLock(key, lease, async () => {
          holders += 1;
          most = Math.max(most, holders);
          await delay(20);
          holders -= 1;
        }),
      ),
    );
    assert.equal(most, 1);
    assert.ok(outcomes.some(({ acquired }) => acquired));
  },

  async "two keys have separate locks"({ one, other }, lease) {
    const outcome = await one.withLock(newKey(), lease, () => other.withLock(newKey(), lease, async () => 1));
    assert.deepEqual(outcome, { acquired: true, value: { acquired: true, value: 1 } });
  },

  async "a lock is released when its function fails, and the error is passed on"({ one, other }, lease) {
    const key = newKey();
    const failure = new Error("failed");
    await assert.rejects(
      one.withLock(key, lease, () => Promise.reject(failure)),
      failure,
    );
    assert.equal((await other.withLock(key, lease, async () => 1)).acquired, true);
  },

  async "a living holder keeps its lock beyond the lease"({ one, other }, lease) {
    const key = newKey();
    const outcome = await one.withLock(key, lease, async ({ signal }) => {
      const end = Date.now() + 2.2 * lease;
      while (Date.now() < end) {
        assert.equal((await other.withLock(key, lease, async () => 1)).acquired, false);
        await delay(lease / 10);
      }
      return signal.aborted;
    });
    assert.deepEqual(outcome, { acquired: true, value: false });
  },

  async "every lease has a greater fence than the leases before"({ one, other }, lease) {
    const key = newKey();
    const fences: number[] = [];
    for (const store of [one, other, one, one, other]) {
      await store.withLock(key, lease, async ({ fence }) => fences.push(fence));
    }
    assert.equal(fences.length, 5);
    assert.deepEqual(
      fences,
      [...new Set(fences)].toSorted((a, b) => a - b),
    );
  },

  async "the holder of a lock can write while many others try to get it"({ one, other }, lease) {
    const key = newKey();
    const fences: number[] = [];
    const tryOften = async (store: TokenStore): Promise<void> => {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        // A long lease, so that it does not end on a busy machine.
        await store.withLock(key, 10 * lease, async ({ fence }) => {
          fences.push(fence);
          assert.equal(await store.set(key, String(fence), { fence }), true);
        });
      }
    };
    await Promise.all([one, other, one, other].map(tryOften));
    assert.deepEqual(
      fences,
      [...new Set(fences)].toSorted((a, b) => a - b),
    );
    assert.equal((await other.get(key))?.value, String(fences.at(-1)));
  },

  async "a holder whose lease has ended cannot write"({ one, other }, lease) {
    const key = newKey();
    const [first, second] = [await fenceOf(one, key, lease), await fenceOf(other, key, lease)];
    assert.equal(await other.set(key, "newer", { fence: second }), true);
    assert.equal(await one.set(key, "older", { fence: first }), false);
    assert.equal((await one.get(key))?.value, "newer");
    assert.equal(await other.set(key, "newest", { fence: second }), true);
    assert.equal((await one.get(key))?.value, "newest");
  },

  async "a holder whose lease has ended cannot write, even before the next holder has written"(
    { one, other },
    lease,
  ) {
    const key = newKey();
    const first = await fenceOf(one, key, lease);
    await one.set(key, "kept", { fence: first });
    await fenceOf(other, key, lease);
    assert.equal(await one.set(key, "late", { fence: first }), false);
    assert.equal((await other.get(key))?.value, "kept");
  },

  async "a value that is set without a lease is always written"({ one, other }, lease) {
    const key = newKey();
    const fence = await fenceOf(one, key, lease);
    await one.set(key, "leased", { fence });
    assert.equal(await other.set(key, "forced"), true);
    assert.equal((await one.get(key))?.value, "forced");
  },

  async "a change by another instance is reported"({ one, other }) {
    const key = newKey();
    let notifications = 0;
    const unsubscribe = one.onChange(key, () => {
      notifications += 1;
    });
    try {
      // The subscription may take a moment to begin.
      await until(async () => {
        await other.set(key, randomUUID());
        return notifications > 0;
      });
    } finally {
      unsubscribe();
    }
  },

  async "the release of a lock is reported"({ one, other }, lease) {
    const key = newKey();
    let notifications = 0;
    const unsubscribe = one.onChange(key, () => {
      notifications += 1;
    });
    try {
      await until(async () => {
        await other.withLock(key, lease, async () => {});
        return notifications > 0;
      });
    } finally {
      unsubscribe();
    }
  },

  async "keys lists the keys with a prefix that have a value"({ one, other }, lease) {
    const prefix = newKey("listed");
    const [first, second, deleted, locked] = ["a", "b", "c", "d"].map((name) => `${prefix}.${name}`);
    assert.ok(first && second && deleted && locked);
    for (const key of [first, second, deleted, newKey()]) await one.set(key, "value");
    await one.delete(deleted);
    await one.withLock(locked, lease, async () => {});
    assert.deepEqual([...(await other.keys(prefix))].toSorted(), [first, second]);
    assert.deepEqual(await other.keys(newKey("nothing")), []);
  },

  async "a quarantined value is gone"({ one, other }) {
    if (one.quarantine === undefined) return;
    const key = newKey();
    await one.set(key, "damaged");
    await one.quarantine(key, "damaged");
    assert.equal(await other.get(key), undefined);
    await other.set(key, "whole");
    assert.equal((await one.get(key))?.value, "whole");
  },

  async "a closed store rejects"({ one, other }, lease) {
    const key = newKey();
    await one.close();
    for (const call of [
      () => one.get(key),
      () => one.set(key, "value"),
      () => one.delete(key),
      () => one.withLock(key, lease, async () => {}),
    ]) {
      await assert.rejects(async () => await call());
    }
    assert.equal(await other.get(key), undefined);
  },
};

async function fenceOf(store: TokenStore, key: string, lease: number): Promise<number> {
  const outcome = await store.withLock(key, lease, async ({ fence }: Lease) => fence);
  assert.ok(outcome.acquired);
  return outcome.value;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + noticeTimeout;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not within ${noticeTimeout} ms`);
    await delay(20);
  }
}
