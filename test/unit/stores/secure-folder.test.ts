import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeFolderDurably } from "../../../src/stores/durable-file.js";
import { createFileStore } from "../../../src/stores/file.js";
import { ruleFor } from "../../../src/stores/secure-folder.js";
import { fakeClock } from "../../support/fake-clock.js";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "mcp-auth-store-")), "state");
});
afterEach(async () => await rm(dirname(path), { recursive: true, force: true }));

const modeOf = async (name: string): Promise<number> => (await stat(name)).mode & 0o777;

describe.skipIf(process.platform === "win32")("a folder that existed before the file store", () => {
  test("an empty folder of ours that everybody can write to gets mode 0700 on first use", async () => {
    await mkdir(path);
    await chmod(path, 0o777);
    await createFileStore({ path }).get("token.a");
    expect(await modeOf(path)).toBe(0o700);
  });

  test("a folder that others can only read keeps its mode", async () => {
    await mkdir(path);
    await chmod(path, 0o755);
    await writeFile(join(path, "README"), "");
    await createFileStore({ path }).set("token.a", "value");
    expect([await modeOf(path), await modeOf(join(path, "token.a"))]).toEqual([0o755, 0o700]);
  });

  test("a folder that everybody can write to is refused if it is not empty", async () => {
    await mkdir(path);
    await chmod(path, 0o777);
    await writeFile(join(path, "README"), "");
    await expect(createFileStore({ path }).set("token.a", "value")).rejects.toThrow(/everybody/);
    expect(await modeOf(path)).toBe(0o777);
  });

  test("the folder of an entry gets mode 0700", async () => {
    const folder = join(path, "token.a");
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
    await createFileStore({ path }).set("token.a", "value");
    expect(await modeOf(folder)).toBe(0o700);
  });

  test("a folder that an entry links to is refused and not swept", async () => {
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

  test("a folder is used through a link of ours, and the target gets mode 0700", async () => {
    const elsewhere = join(dirname(path), "elsewhere");
    await mkdir(elsewhere);
    await chmod(elsewhere, 0o777);
    await symlink("elsewhere", path);
    const store = createFileStore({ path });
    expect(await store.set("token.a", "value")).toBe(true);
    expect([await modeOf(elsewhere), await readdir(elsewhere)]).toEqual([0o700, ["token.a"]]);
    await store.close();
  });

  test("a file in place of the folder is not changed", async () => {
    await writeFile(path, "", { mode: 0o644 });
    await expect(createFileStore({ path }).set("token.a", "value")).rejects.toThrow();
    expect(await modeOf(path)).toBe(0o644);
  });

  test("a folder of another user is refused, even for root, unless it belongs to root", () => {
    expect(ruleFor({ uid: 1_001, mode: 0o40700 }, 1_000)).toBe("refuse");
    expect(ruleFor({ uid: 1_001, mode: 0o40700 }, 0)).toBe("refuse");
    expect(ruleFor({ uid: 1_000, mode: 0o40700 }, 1_000)).toBe("keep");
    expect(ruleFor({ uid: 1_000, mode: 0o40775 }, 1_000)).toBe("keep");
    expect(ruleFor({ uid: 1_000, mode: 0o40777 }, 1_000)).toBe("close");
    expect(ruleFor({ uid: 1_000, mode: 0o41777 }, 1_000)).toBe("keep");
    expect(ruleFor({ uid: 0, mode: 0o40777 }, 1_000)).toBe("keep");
    expect(ruleFor({ uid: 0, mode: 0o40777 }, 0)).toBe("close");
  });
});

test("the parents of created folders are synced, and those of existing ones are not", async () => {
  const synced: string[] = [];
  const sync = async (folder: string) => void synced.push(folder);
  await makeFolderDurably(join(path, "token.a"), sync);
  expect(synced).toEqual([path, dirname(path)]);
  await makeFolderDurably(join(path, "token.a"), sync);
  await makeFolderDurably(join(path, "token.b"), sync);
  expect(synced).toEqual([path, dirname(path), path]);
});

test("a folder is created even if its parent cannot be read", async () => {
  const sync = () => Promise.reject(Object.assign(new Error("not for you"), { code: "EACCES" }));
  await makeFolderDurably(path, sync);
  expect((await stat(path)).isDirectory()).toBe(true);
});
