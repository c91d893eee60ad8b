import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeFolderDurably } from "../../../src/stores/durable-file.js";
import { createFileStore } from "../../../src/stores/file.js";
import { ruleFor } from "../../../src/stores/own-folder.js";
import { fakeClock } from "../../support/fake-clock.js";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-store-")), "state");
});
afterEach(async () => await rm(dirname(path), { recursive: true, force: true }));

const modeOf = async (name: string): Promise<number> => (await stat(name)).mode & 0o777;

describe.skipIf(process.platform === "win32")("a folder that was there before the file store", () => {
  test("is closed to others when it is ours, on the first look into it", async () => {
    await mkdir(path);
    await chmod(path, 0o777);
    await createFileStore({ path }).get("token.a");
    expect(await modeOf(path)).toBe(0o700);
  });

  test("is closed to others also where it is that of an entry", async () => {
    const folder = join(path, "token.a");
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
    await createFileStore({ path }).set("token.a", "value");
    expect(await modeOf(folder)).toBe(0o700);
  });

  test("is refused, and not swept, where an entry is a link to it", async () => {
    const elsewhere = join(dirname(path), "elsewhere");
    const draft = join(elsewhere, "draft.tmp");
    await mkdir(elsewhere);
    await writeFile(draft, "not ours");
    await utimes(draft, 1, 1);
    await mkdir(path);
    await symlink(elsewhere, join(path, "token.a"));
    const store = createFileStore({ path, clock: fakeClock(Date.now() + 3_600_000) });
    await expect(store.set("token.a", "value")).rejects.toThrow(/link/);
    await store.set("token.b", "value");
    await store.close();
    expect(await readdir(elsewhere)).toEqual(["draft.tmp"]);
  });

  test("is left as it is where it is a file", async () => {
    await writeFile(path, "", { mode: 0o644 });
    await expect(createFileStore({ path }).set("token.a", "value")).rejects.toThrow();
    expect(await modeOf(path)).toBe(0o644);
  });

  test("is refused when it is somebody else's, unless that is root", () => {
    expect(ruleFor({ uid: 1_001, mode: 0o40700 }, 1_000)).toBe("refuse");
    expect(ruleFor({ uid: 1_001, mode: 0o40700 }, 0)).toBe("refuse");
    expect(ruleFor({ uid: 1_000, mode: 0o40700 }, 1_000)).toBe("keep");
    expect(ruleFor({ uid: 1_000, mode: 0o40750 }, 1_000)).toBe("close");
    expect(ruleFor({ uid: 0, mode: 0o40777 }, 1_000)).toBe("keep");
    expect(ruleFor({ uid: 0, mode: 0o40755 }, 0)).toBe("close");
  });

  // Only root can make what is somebody else's.
  test.skipIf(process.getuid?.() !== 0)(
    "is refused when it is somebody else's, or a link to one, by all that use it",
    async () => {
      const others = join(dirname(path), "others");
      await mkdir(others);
      await chown(others, 12_345, 12_345);
      await symlink(others, path);
      for (const place of [others, path]) {
        const store = createFileStore({ path: place });
        for (const ask of [
          () => store.get("token.a"),
          () => store.set("token.a", "value"),
          () => store.delete("token.a"),
          () => store.compareAndDelete("token.a", "value"),
          () => store.withLock("token.a", 2_000, async () => {}),
          () => store.keys(""),
        ]) {
          await expect(ask()).rejects.toThrow(/somebody else/);
        }
      }
    },
  );
});

test("folders that are made are synced in those above them, and those that were there are not", async () => {
  const synced: string[] = [];
  const sync = async (folder: string) => void synced.push(folder);
  await makeFolderDurably(join(path, "token.a"), sync);
  expect(synced).toEqual([path, dirname(path)]);
  await makeFolderDurably(join(path, "token.a"), sync);
  await makeFolderDurably(join(path, "token.b"), sync);
  expect(synced).toEqual([path, dirname(path), path]);
});

test("a folder is made also where what holds it must not be read", async () => {
  const sync = () => Promise.reject(Object.assign(new Error("not for you"), { code: "EACCES" }));
  await makeFolderDurably(path, sync);
  expect((await stat(path)).isDirectory()).toBe(true);
});
