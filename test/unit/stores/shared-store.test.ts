import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { Secret } from "../../../src/lib/secret.js";
import { createMemoryStore, MemoryData } from "../../../src/stores/memory.js";
import { SharedStore } from "../../../src/stores/shared-store.js";
import type { TokenStore } from "../../../src/stores/store.js";
import { fakeClock } from "../../support/fake-clock.js";

const newSecret = () => new Secret(randomBytes(32).toString("base64url"));

function sharedStore(store: TokenStore, keys: () => readonly Secret[], clock = fakeClock()): SharedStore {
  return new SharedStore({ store, keys: async () => keys(), lease: 10_000, clock });
}

describe("encryption", () => {
  test("a value is decrypted with its key, and reveals nothing without it", async () => {
    const data = new MemoryData();
    const store = createMemoryStore({ data });
    const key = newSecret();
    const shared = sharedStore(store, () => [key]);
    await shared.write("token.a", "a token");
    expect(await shared.read("token.a")).toMatchObject({ kind: "value", text: "a token" });
    const raw = data.entries.get("token.a")?.value ?? "";
    expect(raw).not.toContain("a token");
    const jwe: Record<string, string> = JSON.parse(raw);
    expect(Object.keys(jwe).toSorted()).toEqual(["aad", "ciphertext", "iv", "protected", "tag"]);
    const header = JSON.parse(Buffer.from(jwe["protected"] ?? "", "base64url").toString("utf8"));
    expect(header).toEqual({ alg: "dir", enc: "A256GCM", kid: expect.stringMatching(/^.{8}$/), v: 1 });
    expect(Buffer.from(jwe["aad"] ?? "", "base64url").toString("utf8")).toBe("token.a");
  });

  test("a value is not decrypted in another entry, if it is damaged, or with another key", async () => {
    const data = new MemoryData();
    const store = createMemoryStore({ data });
    const key = newSecret();
    const shared = sharedStore(store, () => [key]);
    await shared.write("token.a", "a token");
    const raw = data.entries.get("token.a")?.value ?? "";
    const damaged = [
      "",
      "x",
      "{}",
      "null",
      raw.slice(0, -1),
      raw.replace(/"tag":"../, '"tag":"__'),
      `${raw}x`,
    ];
    for (const value of damaged) {
      await store.set("token.a", value);
      expect(await shared.read("token.a")).toEqual({ kind: "unreadable", raw: value });
    }
    await store.set("token.b", raw);
    expect(await shared.read("token.b")).toMatchObject({ kind: "unreadable" });
    const other = newSecret();
    await store.set("token.a", raw);
    expect(await sharedStore(store, () => [other]).read("token.a")).toMatchObject({ kind: "unreadable" });
  });

  test("while two keys are configured, the old one decrypts and the new one encrypts", async () => {
    const store = createMemoryStore();
    const [before, after] = [newSecret(), newSecret()];
    await sharedStore(store, () => [before]).write("token.a", "a token");
    const rotating = sharedStore(store, () => [after, before]);
    expect(await rotating.read("token.a")).toMatchObject({ text: "a token" });
    await rotating.write("token.a", "the next");
    expect(await sharedStore(store, () => [after]).read("token.a")).toMatchObject({ text: "the next" });
  });

  test("known keys stay in use while they cannot be read again", async () => {
    const clock = fakeClock();
    const key = newSecret();
    let isThere = true;
    const keys = () => {
      if (!isThere) throw new McpAuthError("secret_unavailable", "It is not there.");
      return [key];
    };
    const shared = sharedStore(createMemoryStore({ clock }), keys, clock);
    await shared.write("token.a", "a token");
    isThere = false;
    await clock.advance(120_000);
    expect(await shared.read("token.a")).toMatchObject({ kind: "value", text: "a token" });
  });

  test("a key that is added while the process runs is used", async () => {
    const store = createMemoryStore();
    const [before, after] = [newSecret(), newSecret()];
    let keys = [before];
    const old = sharedStore(store, () => keys);
    await old.write("token.a", "a token");
    await sharedStore(store, () => [after, before]).write("token.a", "the next");
    keys = [before, after];
    expect(await old.read("token.a")).toMatchObject({ text: "the next" });
  });
});

describe("unknown encryption keys", () => {
  /** Creates values encrypted with unknown keys, and a store that counts how often its keys are read. */
  async function strangers(count: number) {
    const clock = fakeClock();
    const store = createMemoryStore({ clock });
    const names = Array.from({ length: count }, (_, number) => `token.${number}`);
    for (const name of names) {
      const stranger = newSecret();
      await sharedStore(store, () => [stranger], clock).write(name, "theirs");
    }
    const state = { keys: [newSecret()], reads: 0 };
    const read = () => {
      state.reads += 1;
      return state.keys;
    };
    return { clock, store, names, state, shared: sharedStore(store, read, clock) };
  }

  test("any number of reads with one unknown key read the keys again once", async () => {
    const { shared, state, clock } = await strangers(1);
    for (let second = 0; second < 50; second += 1) {
      const found = await Promise.all([shared.read("token.0"), shared.read("token.0")]);
      expect(found.map(({ kind }) => kind)).toEqual(["unreadable", "unreadable"]);
      await clock.advance(1_000);
    }
    // Once at first, and once for the missing key.
    expect(state.reads).toBe(2);
  });

  test("reads with many unknown keys read the keys again at most once in five seconds", async () => {
    const { shared, state, names, clock } = await strangers(300);
    await Promise.all(names.map((name) => shared.read(name)));
    for (const name of names) await shared.read(name);
    expect(state.reads).toBe(2);
    await clock.advance(5_000);
    for (const name of names) await shared.read(name);
    expect(state.reads).toBe(3);
  });

  test("a value is decrypted within a minute after its key was added, while other keys are missing", async () => {
    const { shared, state, store, clock } = await strangers(1);
    await shared.read("token.0");
    const added = newSecret();
    await sharedStore(store, () => [added], clock).write("token.late", "the next");
    // The key is not there yet, and is looked up only once.
    await clock.advance(5_000);
    expect(await shared.read("token.late")).toMatchObject({ kind: "unreadable" });
    state.keys = [...state.keys, added];
    await clock.advance(60_000);
    expect(await shared.read("token.late")).toMatchObject({ kind: "value", text: "the next" });
    const another = newSecret();
    await sharedStore(store, () => [another], clock).write("token.next", "at once");
    state.keys = [...state.keys, another];
    expect(await shared.read("token.next")).toMatchObject({ kind: "value", text: "at once" });
  });
});

test("expired keys are read again once for all calls at the same time", async () => {
  const clock = fakeClock();
  const key = newSecret();
  let reads = 0;
  const keys = () => {
    reads += 1;
    return [key];
  };
  const shared = sharedStore(createMemoryStore({ clock }), keys, clock);
  await Promise.all(Array.from({ length: 20 }, (_, number) => shared.read(`token.${number}`)));
  await clock.advance(60_000);
  await Promise.all(Array.from({ length: 20 }, (_, number) => shared.read(`token.${number}`)));
  expect(reads).toBe(2);
});

describe("circuit breaker", () => {
  const key = newSecret();

  function failing() {
    const store = createMemoryStore();
    const state = { calls: 0, down: true, hangs: false };
    const failingStore: TokenStore = {
      ...store,
      async get(name) {
        state.calls += 1;
        if (state.hangs) await new Promise(() => {});
        if (state.down) throw new Error("a secret in the library's message");
        return await store.get(name);
      },
    };
    return { store: failingStore, state };
  }

  test("a store that fails is not called for a while, and is reported once", async () => {
    const clock = fakeClock();
    const { store, state } = failing();
    const shared = sharedStore(store, () => [key], clock);
    for (let call = 0; call < 5; call += 1) {
      const error = await shared.read("token.a").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(McpAuthError);
      expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
      expect(String(error)).not.toContain("secret in");
    }
    expect(state.calls).toBe(1);
    expect([shared.takeOutageNotice(), shared.takeOutageNotice()]).toEqual([true, false]);
    await clock.advance(1_000);
    await expect(shared.read("token.a")).rejects.toThrow();
    expect([state.calls, shared.takeOutageNotice()]).toEqual([2, false]);
    state.down = false;
    await clock.advance(2_000);
    expect(await shared.read("token.a")).toEqual({ kind: "absent" });
    state.down = true;
    await expect(shared.read("token.a")).rejects.toThrow();
    expect(shared.takeOutageNotice()).toBe(true);
  });

  test("a store that can only be read is reported once and still read", async () => {
    const clock = fakeClock();
    const store = createMemoryStore({ clock });
    let full = true;
    const set: TokenStore["set"] = async (...args) => {
      if (full) throw new Error("full");
      return await store.set(...args);
    };
    const shared = sharedStore({ ...store, set }, () => [key], clock);
    const news: boolean[] = [];
    for (let minute = 0; minute < 5; minute += 1) {
      expect(await shared.read("token.a")).toEqual({ kind: "absent" });
      await expect(shared.write("token.a", "value")).rejects.toMatchObject({ code: "store_unavailable" });
      news.push(shared.takeOutageNotice());
      await clock.advance(60_000);
    }
    expect(news).toEqual([true, false, false, false, false]);
    full = false;
    await shared.write("token.a", "value");
    full = true;
    await expect(shared.write("token.a", "value")).rejects.toThrow();
    expect(shared.takeOutageNotice()).toBe(true);
  });

  test("an operation with bypass runs while the circuit is open", async () => {
    const { store, state } = failing();
    const shared = sharedStore(store, () => [key]);
    await expect(shared.read("token.a")).rejects.toThrow();
    state.down = false;
    await expect(shared.write("token.a", "value")).rejects.toThrow();
    expect(await shared.write("token.a", "value", { bypass: true })).toBe(true);
  });

  test("an operation waits at most three seconds for a store that does not answer", async () => {
    const clock = fakeClock();
    const { store, state } = failing();
    state.hangs = true;
    const shared = sharedStore(store, () => [key], clock);
    const read = shared.read("token.a").catch((error: unknown) => error);
    await clock.advance(3_000);
    expect(await read).toMatchObject({ code: "store_unavailable" });
    expect(clock.pending).toEqual([]);
  });

  test("an error of work under a lock is passed on and does not open the circuit", async () => {
    const shared = sharedStore(createMemoryStore(), () => [key]);
    const failure = new Error("of the work");
    await expect(shared.withLock("token.a", () => Promise.reject(failure))).rejects.toBe(failure);
    expect(shared.takeOutageNotice()).toBe(false);
    expect(await shared.withLock("token.a", async () => 1)).toEqual({ acquired: true, value: 1 });
  });

  test("no work starts under a lock that was obtained too late", async () => {
    const clock = fakeClock();
    const store = createMemoryStore();
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slow: TokenStore = {
      ...store,
      async withLock(name, ttl, work) {
        await gate;
        return await store.withLock(name, ttl, work);
      },
    };
    const shared = sharedStore(slow, () => [key], clock);
    let worked = false;
    const locked = shared.withLock("token.a", async () => {
      worked = true;
    });
    const outcome = locked.catch((error: unknown) => error);
    await clock.advance(5_000);
    expect(await outcome).toMatchObject({ code: "store_unavailable" });
    open();
    await clock.settle();
    expect(worked).toBe(false);
    expect((await store.withLock("token.a", 10_000, async () => 1)).acquired).toBe(true);
  });

  test("the error of a wrong setting is passed on unchanged", async () => {
    const wrong = new McpAuthError("secret_unavailable", "It is not set.");
    const shared = sharedStore(createMemoryStore(), () => {
      throw wrong;
    });
    await expect(shared.write("token.a", "value")).rejects.toBe(wrong);
    expect(shared.takeOutageNotice()).toBe(false);
  });
});

test("the end of work under a lock does not close a circuit that opened meanwhile", async () => {
  const clock = fakeClock();
  const store = createMemoryStore();
  let down = false;
  const failing: TokenStore = {
    ...store,
    async set(...args) {
      if (down) throw new Error("down");
      return await store.set(...args);
    },
  };
  const key = newSecret();
  const shared = sharedStore(failing, () => [key], clock);
  await shared.withLock("token.a", async () => {
    down = true;
    await shared.write("token.a", "value").catch(() => {});
    expect(shared.takeOutageNotice()).toBe(true);
  });
  await clock.advance(1_000);
  await expect(shared.write("token.a", "value")).rejects.toThrow();
  expect(shared.takeOutageNotice()).toBe(false);
});
