import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { readSecret } from "../../../src/secrets/read-secret.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";
import { backdate } from "./backdate.js";
import { readFailureOf } from "./read-failure-of.js";

let folder: string;
let file: string;
let clock: FakeClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rotation-"));
  file = join(folder, "secret");
  clock = fakeClock();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const context = () => ({ server: "crm", env: {}, clock });
const read = async () => (await readSecret({ file }, context())).reveal();

/** Resolves when the reader pauses because the file is half-written. */
async function pausing(): Promise<void> {
  while (clock.pending.length === 0) await clock.settle();
}

/** Runs all pauses of a read, and returns how long they took. */
async function ended(work: Promise<unknown>): Promise<number> {
  const started = clock.now();
  let isOver = false;
  work
    .finally(() => {
      isOver = true;
    })
    .catch(() => {});
  while (!isOver) {
    const [next] = clock.pending;
    if (next === undefined) await clock.settle();
    else await clock.advance(next.dueAt - clock.now());
  }
  return clock.now() - started;
}

describe("a secret that Kubernetes mounts", () => {
  it("is the new one as soon as the link to its folder is swapped", async () => {
    const mounted = join(folder, "crm");
    const publish = async (version: string, value: string): Promise<void> => {
      await mkdir(join(mounted, version), { recursive: true });
      await writeFile(join(mounted, version, "client-secret"), value);
      await symlink(version, join(mounted, "..data_tmp"));
      await rename(join(mounted, "..data_tmp"), join(mounted, "..data"));
    };
    await publish("..2026_01", "first");
    await symlink(join("..data", "client-secret"), join(mounted, "client-secret"));
    const mountedFile = { file: join(mounted, "client-secret") };
    const values: string[] = [];
    for (const [version, value] of [
      ["..2026_02", "second"],
      ["..2026_03", "third"],
    ] as const) {
      values.push((await readSecret(mountedFile, context())).reveal());
      await publish(version, value);
      await rm(join(mounted, version === "..2026_02" ? "..2026_01" : "..2026_02"), { recursive: true });
    }
    values.push((await readSecret(mountedFile, context())).reveal());
    expect(values).toEqual(["first", "second", "third"]);
    expect(clock.pending).toEqual([]);
  });

  it("is never missing while links are swapped continuously", async () => {
    await symlink("a", join(folder, "..data"));
    for (const version of ["a", "b"]) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, "secret"), version);
    }
    await symlink("..data/secret", file);
    for (let round = 0; round < 100; round += 1) {
      const reading = read();
      await symlink(round % 2 === 0 ? "b" : "a", join(folder, "..data_tmp"));
      await rename(join(folder, "..data_tmp"), join(folder, "..data"));
      expect(["a", "b"]).toContain(await reading);
    }
    expect(clock.pending).toEqual([]);
  });
});

describe("a file that is written in place", () => {
  it("is read again while it is empty", async () => {
    await writeFile(file, "");
    const reading = read();
    await pausing();
    await writeFile(file, "whole");
    expect(await ended(reading)).toBe(10);
    expect(await reading).toBe("whole");
  });

  it("is read again while its JSON is incomplete", async () => {
    await writeFile(file, '{"client_secret":"ca');
    const reading = readSecret({ file, pointer: "/client_secret" }, context());
    await pausing();
    await writeFile(file, 'nary"}', { flag: "a" });
    await ended(reading);
    expect((await reading).reveal()).toBe("canary");
  });

  it("is read again while it ends within a character", async () => {
    const bytes = Buffer.from("pässword");
    await writeFile(file, bytes.subarray(0, 2));
    const reading = read();
    await pausing();
    await writeFile(file, bytes.subarray(2), { flag: "a" });
    await ended(reading);
    expect(await reading).toBe("pässword");
  });

  it("is read again while it is missing", async () => {
    await writeFile(file, "before");
    expect(await read()).toBe("before");
    await rm(file);
    const reading = read();
    await pausing();
    await writeFile(file, "after");
    await ended(reading);
    expect(await reading).toBe("after");
  });

  it("has either the old or the new value, whenever it changes", async () => {
    const [before, after] = ["a".repeat(700_000), "b".repeat(300_000)];
    for (let turns = 0; turns < 24; turns += 1) {
      writeFileSync(file, before);
      const reading = read();
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      writeFileSync(file, after);
      await ended(reading);
      const value = await reading;
      expect(value === before || value === after).toBe(true);
    }
  });

  it("is read again for at most a second, and the error is then retryable and shows nothing", async () => {
    await writeFile(file, '{"client_secret":"canary');
    const failing = readFailureOf({ file, pointer: "/client_secret" }, { env: {}, clock });
    const waited = await ended(failing);
    expect(waited).toBeGreaterThan(900);
    expect(waited).toBeLessThanOrEqual(1_000);
    expect(await failing).toMatchObject({ code: "secret_unavailable", retryable: true });
    expect((await failing).message).toContain("it is not JSON");
  });

  it("is not read again if it has not changed for a while", async () => {
    for (const content of ["", "{", Buffer.from([0xff])]) {
      await writeFile(file, content);
      await backdate(file);
      const error = await readFailureOf({ file, pointer: "/a" }, { env: {}, clock });
      expect(error.retryable).toBe(false);
    }
    await rm(file);
    await backdate(folder);
    expect((await readFailureOf({ file }, { env: {}, clock })).retryable).toBe(false);
    expect(clock.pending).toEqual([]);
  });

  it("is not read again if it is complete and only holds another value", async () => {
    await writeFile(file, '{"a":1}');
    for (const pointer of ["/a", "/b"]) {
      expect((await readFailureOf({ file, pointer }, { env: {}, clock })).retryable).toBe(false);
    }
    expect((await readFailureOf({ file: folder }, { env: {}, clock })).retryable).toBe(false);
    expect(clock.pending).toEqual([]);
  });

  it("is no longer read again when the caller aborts, and no timer is left", async () => {
    await writeFile(file, "");
    const controller = new AbortController();
    const { signal } = controller;
    const reading = readSecret({ file }, { ...context(), signal });
    const failing = reading.catch((error: unknown) => error);
    await pausing();
    controller.abort();
    const error = await failing;
    if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
    expect(error).toMatchObject({ code: "aborted", server: "crm" });
    expect(clock.pending).toEqual([]);
  });

  it("keeps the process alive for a waiting caller, but not for a background renewal", async () => {
    for (const unref of [false, true]) {
      await writeFile(file, "");
      const reading = readSecret({ file }, { ...context(), unref });
      await pausing();
      expect(clock.pending.map(({ unrefd }) => unrefd)).toEqual([unref]);
      await writeFile(file, "whole");
      await ended(reading);
      expect((await reading).reveal()).toBe("whole");
    }
  });

  it("is read completely by a hundred concurrent readers", async () => {
    await writeFile(file, "");
    const reading = Promise.all(Array.from({ length: 100 }, read));
    await pausing();
    await writeFile(file, "whole");
    await ended(reading);
    expect(new Set(await reading)).toEqual(new Set(["whole"]));
  });
});
