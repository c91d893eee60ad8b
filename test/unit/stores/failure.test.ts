import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type StoreKind, storeFailure } from "../../../src/stores/failure.js";
import { createFileStore } from "../../../src/stores/file.js";
import { SharedStore } from "../../../src/stores/shared-store.js";
import { createMemoryStore } from "../../../src/testing.js";
import { fakeClock } from "../../support/fake-clock.js";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-failure-")), "state");
});
afterEach(async () => await rm(join(path, ".."), { recursive: true, force: true }));

/** Returns the error with which a real operation rejects. */
async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("storeFailure", () => {
  test.skipIf(process.platform !== "linux")(
    "a full disk is reported with its place and its code",
    async () => {
      const full = await open("/dev/full", "w");
      const error = await errorOf(full.writeFile("x"));
      await full.close();
      expect(storeFailure(error, { place: "/var/state", kind: "file" })).toEqual({
        kind: "full",
        message:
          "the store of the config, /var/state, cannot be used: no space is left (ENOSPC). Make room there.",
      });
    },
  );

  test("a server that cannot be reached is reported, also if several addresses were tried", async () => {
    const error = await errorOf(
      new Promise((resolve, reject) =>
        connect(1, "127.0.0.1").once("connect", resolve).once("error", reject),
      ),
    );
    expect(storeFailure(error, { place: undefined, kind: "file" })).toEqual({
      kind: "unreachable",
      message: expect.stringContaining(
        "cannot be used: it cannot be reached (ECONNREFUSED). Check its address",
      ),
    });
    const several = new AggregateError([new Error("none"), error]);
    expect(storeFailure(several, { place: undefined, kind: "file" })?.kind).toBe("unreachable");
  });

  test.each([
    ["WRONGPASS invalid username-password pair or user is disabled.", "refused", "WRONGPASS"],
    ["NOAUTH Authentication required.", "refused", "NOAUTH"],
    ["NOPERM User agent has no permissions to run the 'eval' command", "not_permitted", "NOPERM"],
    ["OOM command not allowed when used memory > 'maxmemory'. script: ab, on @user_script:3.", "full", "OOM"],
    [
      "ERR Error running script (call to f_1): @user_script:3: @user_script: 3: -OOM command not",
      "full",
      "OOM",
    ],
    ["READONLY You can't write against a read only replica.", "read_only", "READONLY"],
    ["MISCONF Redis is configured to save RDB snapshots", "broken", "MISCONF"],
    ["LOADING Redis is loading the dataset in memory", "not_ready", "LOADING"],
    ["MOVED 3999 127.0.0.1:6381", "wrong_place", "MOVED"],
  ])("Redis' reply %j is reported with its code only", (reply, kind, code) => {
    const failure = storeFailure(new Error(reply), { place: undefined, kind: "redis" });
    expect(failure?.kind).toBe(kind);
    expect(failure?.message).toContain(`(${code}).`);
    expect(failure?.message).not.toContain(reply.slice(code.length + 1));
    // A store that is passed in code may have the same text in its errors.
    expect(storeFailure(new Error(reply), { place: undefined, kind: "custom" })).toBeUndefined();
  });

  test("a store that cannot decrypt is not reported as a TLS connection that is not trusted", () => {
    const error = Object.assign(new Error("bad decrypt"), { code: "ERR_OSSL_BAD_DECRYPT" });
    expect(storeFailure(error, { place: undefined, kind: "custom" })).toBeUndefined();
    const expired = Object.assign(new Error("expired"), { code: "CERT_HAS_EXPIRED" });
    expect(storeFailure(expired, { place: undefined, kind: "custom" })?.kind).toBe("not_trusted");
  });

  test("an error without a known code is not explained", () => {
    for (const error of [new Error("hunter2"), new Error("BOOM: NOPERMIT"), "ENOSPC", { code: "ENOSPC" }]) {
      expect(storeFailure(error, { place: "/var/state", kind: "redis" })).toBeUndefined();
    }
    expect(
      storeFailure(Object.assign(new Error(), { code: "hunter2" }), { place: undefined, kind: "redis" }),
    ).toBeUndefined();
  });

  test("a foreign file in the place of the folder, an entry or a value is reported", async () => {
    const store = () => createFileStore({ path });
    const shared = () =>
      new SharedStore({ store: store(), keys: false, lease: 10_000, place: () => path, kind: "file" });
    await writeFile(path, "");
    const place = `the store of the config, ${path}, cannot be used: `.replace("the", "The");
    await expect(shared().write("token.a", "value")).rejects.toMatchObject({
      message: expect.stringContaining(`${place}${path} is not a folder (`),
    });
    await rm(path);
    await mkdir(join(path, "token.a"), { recursive: true });
    await writeFile(join(path, "token.a", "theirs"), "");
    await expect(shared().read("token.a")).rejects.toMatchObject({
      message: `${place}a folder in it has the name of an entry and holds other things. Set "path" to a folder that nothing else uses, or remove what is in the way.`,
    });
  });
});

describe("SharedStore.failure", () => {
  test("the reason of a store failure is known, even while the circuit is open, until the store works again", async () => {
    const clock = fakeClock();
    const memory = createMemoryStore({ clock });
    let full = true;
    const shared = new SharedStore({
      store: {
        ...memory,
        async set(...args) {
          if (full) throw Object.assign(new Error("hunter2"), { code: "EDQUOT" });
          return await memory.set(...args);
        },
      },
      ...{ keys: false, lease: 10_000, clock },
    });
    expect(shared.failure).toBeUndefined();
    for (let call = 0; call < 2; call += 1) {
      const error = await errorOf(shared.write("token.a", "value"));
      expect(String(error)).toContain(
        "The store of the config cannot be used: the quota is used up (EDQUOT).",
      );
      expect(String(error)).not.toContain("hunter2");
    }
    expect(shared.failure?.kind).toBe("full");
    full = false;
    await clock.advance(1_000);
    await shared.write("token.a", "value");
    expect(shared.failure).toBeUndefined();
  });

  test("a foreign file in the place of one entry does not block the other entries", async () => {
    await mkdir(join(path, "token.a"), { recursive: true });
    await writeFile(join(path, "token.a", "theirs"), "");
    const store = createFileStore({ path });
    const shared = new SharedStore({ store, keys: false, lease: 10_000 });
    for (let call = 0; call < 3; call += 1) {
      expect(String(await errorOf(shared.read("token.a")))).toContain("holds other things");
      expect(await shared.write("token.b", "value")).toBe(true);
    }
    await shared.close();
  });

  test("a mistake in the code of the file store is not reported as an outage, unlike the same error of a user's store", async () => {
    const mistake = new TypeError("x is not a function");
    const store = { ...createMemoryStore(), get: () => Promise.reject(mistake) };
    const shared = (kind: StoreKind) => new SharedStore({ store, keys: false, lease: 10_000, kind });
    expect(await errorOf(shared("file").read("token.a"))).toBe(mistake);
    expect(await errorOf(shared("custom").read("token.a"))).toMatchObject({ code: "store_unavailable" });
  });

  test("a store that does not answer is reported as too slow", async () => {
    const clock = fakeClock();
    const store = { ...createMemoryStore({ clock }), get: () => new Promise<never>(() => {}) };
    const shared = new SharedStore({ store, keys: false, lease: 10_000, clock });
    const read = errorOf(shared.read("token.a"));
    await clock.advance(3_000);
    expect(String(await read)).toContain("it did not answer in time.");
    expect(shared.failure?.kind).toBe("timeout");
  });
});
